"""Host and PIM on one channel at the same time: one log of both is legal, PIM keeps its pace, the host gives way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from pim_streams import with_rules

from sim.config.load import load_architecture
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.command_sets.newton import NeuPims
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.interference import ROWS, host_slowdown, joint_reads
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.macro import ChannelState, Transitions
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.timeline import Issued
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder, part
from sim.trace.model import Trace

DEVICE = PIM_DEVICES["HBM2_NeuPIMs"]
COMMANDS = command_set_of("neupims", DEVICE)
TILE = pim_programs.get("neupims").tile(DEVICE, (32,), 0, 1)


def _tiles(log: Sequence[Issued]) -> list[int]:
    """Cycles at which tiles begin."""
    return [line.cycle for line in log if line.command == "HEADER"]


def test_the_log_of_both_is_legal_and_pim_keeps_its_pace() -> None:
    alone = joint_reads(COMMANDS, DEVICE, False).host_cycle
    both = joint_reads(COMMANDS, DEVICE, True)
    last, log = both.host_cycle, both.timeline.log
    assert check_log(COMMANDS, DEVICE, log) == []
    counts = Counter(line.command for line in log)
    assert counts["RD"] == ROWS * 16 and counts["COMP"] > 32 * 5 and counts["PRE"] >= ROWS - DEVICE.banks
    assert host_slowdown("neupims", DEVICE) * alone == last > alone
    channel = ChannelState(Transitions(COMMANDS, DEVICE, refresh=False))
    ends = [channel.take(TILE).start for _ in range(4)]
    assert {then - before for before, then in pairwise(_tiles(log)[1:])} == {ends[3] - ends[2]}


@pytest.mark.parametrize(
    "broken", ["ACT/ACT_PIM/G_ACT -> ACT/ACT_PIM/G_ACT: tRRD_L (bankgroup)", "RD/READRES -> READRES: tCCD_L (channel)"]
)
def test_a_rule_between_host_and_pim_left_out_is_caught_in_their_log(broken: str) -> None:
    without = with_rules(NeuPims, [rule for rule in NeuPims.rules if str(rule) != broken])
    assert len(without.rules) == len(NeuPims.rules) - 1
    log = joint_reads(without, DEVICE, True).timeline.log
    assert broken in {one.broken for one in check_log(COMMANDS, DEVICE, log)}


def test_two_commands_in_one_cycle_are_caught() -> None:
    log = joint_reads(COMMANDS, DEVICE, True).timeline.log
    place = next(
        place for place, (one, then) in enumerate(pairwise(log)) if {one.command, then.command} == {"RD", "COMP"}
    )
    log[place + 1] = log[place + 1]._replace(cycle=log[place].cycle)
    assert any(one.broken == "one command a cycle" for one in check_log(COMMANDS, DEVICE, log))


def _beside(attention: bool, product: bool) -> Trace:
    """Attention scores in memory, and products that read their weights from it; neither needs the other."""
    b = TraceBuilder("beside", dtype="fp16")
    outputs = []
    if attention:
        contexts = (1500,) * 32
        keys = b.tensor("keys", (sum(contexts), 1024), "kv_cache")
        queries, scores = b.activation("q", (32, 1024)), b.activation("s", (8, sum(contexts)))
        dims = {"heads": 8, "kv_heads": 8, "head_dim": 128, "requests": tuple((1, one) for one in contexts)}
        b.op("score", "attention_score", dims, {"a": part(queries, 32 * 1024), "b": keys}, scores)
        outputs.append(scores)
    if product:
        x, weight, y = b.activation("x", (8, 4096)), b.weight("w", (4096, 4096)), b.activation("y", (8, 4096))
        b.op("product", "gemm", {"m": 8, "n": 4096, "k": 4096}, {"a": x, "b": weight}, y)
        outputs.append(y)
    return b.build(outputs=outputs)


@cache
def _run(attention: bool, product: bool, bus: str) -> RunRecord:
    return run_trace(_beside(attention, product), load_architecture("neupims", {"chip.hbm.pim.command_bus": bus}))


def test_both_take_at_least_the_longer_and_at_most_the_sum_and_a_shared_bus_costs_the_host() -> None:
    alone = [_run(True, False, "own").elapsed_ps, _run(False, True, "own").elapsed_ps]
    own, shared = _run(True, True, "own").elapsed_ps, _run(True, True, "shared")
    assert max(alone) <= own < shared.elapsed_ps <= sum(alone)
    assert shared.elapsed_ps <= own * float(host_slowdown("neupims", DEVICE))
    memory = next(one for one in shared.components if one.path.endswith("hbm"))
    assert 0 < sum(lane.stall_ps["pim"] for lane in memory.lanes) <= shared.elapsed_ps - own


def test_pim_alone_and_the_host_alone_pay_nothing_for_a_shared_bus() -> None:
    assert _run(False, True, "shared").elapsed_ps == _run(False, True, "own").elapsed_ps
    own, shared = (_run(True, False, bus).elapsed_ps for bus in ("own", "shared"))
    assert abs(shared - own) <= DEVICE.dram.timing["tRFC"] * 1000


def test_on_banks_apart_pim_need_not_wait_for_the_host() -> None:
    ends = {}
    for access in ("blocked", "split"):
        record = run_trace(_beside(True, True), load_architecture("duplex", {"chip.hbm.pim.access": access}))
        ends[access] = next(one.last_end_ps for one in record.operators if one.name == "score")
    assert ends["split"] < ends["blocked"]
