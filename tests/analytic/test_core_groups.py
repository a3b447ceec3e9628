"""Pipelines over groups of one chip's cores: the bubble, what stays in scratchpads, and what passes between groups."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from toy_cores import PRODUCTS, ROWS, TOY, WIDTH, chain, layered_chain, toy_cores

from sim import lower, simulate
from sim.core.errors import InconsistencyError, InputError
from sim.hardware.layout import Layout
from sim.mapping.placement.of_stage import Boundary
from sim.mapping.stage_costs import stage_costs
from sim.observe.recorder import Recorder
from sim.report.explain import explain_run
from sim.report.result import Result
from sim.report.text import show
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder

ACTIVATION, WEIGHT = 2 * ROWS * WIDTH, 2 * WIDTH * WIDTH
PADS = "chip.core.pad"


def through(found: Result) -> list[tuple[int, int, int]]:
    """Of each group, bytes received in scratchpads, in memory, and those only passed on."""
    rows = [row["received_bytes"] for row in found.core_groups]
    return [(row["scratchpads"], row["memory"], row["passed_on"]) for row in rows]


def moved(found: Result) -> dict[tuple[str, str], int]:
    return {(one["source"], one["destination"]): one["bytes"] for one in found.traffic}


@pytest.mark.parametrize(("groups", "micro_batches"), [(4, 1), (4, 4), (4, 16), (2, 4)])
def test_equal_stages_take_groups_plus_micro_batches_minus_one(tmp_path: Path, groups: int, micro_batches: int) -> None:
    """Ideal: all MACs at the arrays' peak. Every product fills its arrays' columns and rows once more than it streams, and
    each tile's first operands and last results take their way: 2 to 7 %."""
    found = simulate(chain(micro_batches), toy_cores(tmp_path, core_groups=groups))
    ideal_ps = found.macs / found.peak_macs_per_s * 1e12
    bubble = (groups + micro_batches - 1) / micro_batches
    assert 1.02 * bubble < found.time_ps / ideal_ps < 1.07 * bubble


def test_bytes_between_groups_are_activations_and_weights_come_once(tmp_path: Path) -> None:
    groups, micro_batches = 4, 4
    found = simulate(chain(micro_batches), toy_cores(tmp_path))
    crossing = (groups - 1) * micro_batches * ACTIVATION
    inside = (PRODUCTS - groups) * micro_batches * ACTIVATION
    ends = micro_batches * ACTIVATION
    assert moved(found) == {
        (PADS, PADS): 2 * crossing,  # into the reader's scratchpads, and from there to its arrays' tiles
        (PADS, "chip.hbm"): inside + ends,
        ("chip.hbm", PADS): inside + ends + PRODUCTS * WEIGHT,
    }
    into = {name: one["bytes"] for name, one in ((one["name"], one) for one in found.operators)}
    assert into["op1"]["chip.core[1].pad"]["written"] == micro_batches * ACTIVATION


def test_what_does_not_fit_passes_through_memory(tmp_path: Path) -> None:
    """Two micro-batches of 64 KiB fit no half of a scratchpad of 128 KiB; then all of it is left to weights."""
    small = TOY.replace("512 KiB", "128 KiB")
    found = moved(simulate(chain(4), toy_cores(tmp_path, small)))
    activations = 4 * ACTIVATION * PRODUCTS
    assert found == {(PADS, "chip.hbm"): activations, ("chip.hbm", PADS): activations + PRODUCTS * WEIGHT}


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_a_result_that_the_next_group_reads_is_in_memory(tmp_path: Path, micro_batches: int) -> None:
    found = simulate(chain(micro_batches, results=("y1",)), toy_cores(tmp_path))
    inside, results = PRODUCTS - 4, 2
    assert found.off_chip["written_bytes"] == micro_batches * (inside + results) * ACTIVATION
    handed = [row["received_bytes"]["memory"] for row in found.core_groups]
    assert handed == [0, micro_batches * ACTIVATION, 0, 0]


def test_memory_holds_two_micro_batches_at_a_boundary(tmp_path: Path) -> None:
    """The second product takes eight times as long as the first, which may not run ahead of it through all of its input;
    scratchpads of 8 KiB have no room for what is handed over."""
    builder, rows, width, micro_batches = TraceBuilder("uneven"), 8, 512, 4
    x, middle, last = (
        builder.activation(name, (rows, size)) for name, size in (("x", 64), ("y0", width), ("y1", width))
    )
    for number, (a, c, k) in enumerate(((x, middle, 64), (middle, last, width))):
        weight = builder.weight(f"w{number}", (k, width))
        builder.op(f"op{number}", "gemm", {"m": rows, "n": width, "k": k}, {"a": a, "b": weight}, c)
    trace = replace(builder.build([last]), micro_batches=micro_batches)
    found = simulate(trace, toy_cores(tmp_path, TOY.replace("512 KiB", "8 KiB"), core_groups=2))
    whole = 2 * (64 + width) * width + micro_batches * 2 * rows * (64 + width)
    assert through(found) == [(0, 0, 0), (0, micro_batches * 2 * rows * width, 0)]
    assert found.memory["chip.hbm"]["peak_bytes"] == whole + 2 * 2 * rows * width


def test_weights_of_all_groups_are_in_memory_once_and_have_to_fit_together(tmp_path: Path) -> None:
    apart, tied = (simulate(chain(1, tied=tied), toy_cores(tmp_path, lookahead=1)) for tied in (False, True))
    peaks = [int(found.memory["chip.hbm"]["peak_bytes"]) for found in (apart, tied)]
    assert peaks[0] - peaks[1] == (PRODUCTS - 1) * WEIGHT
    assert peaks[0] == PRODUCTS * WEIGHT + 2 * ACTIVATION
    small = TOY.replace("capacity: 1 GiB", "capacity: 240 KiB")
    with pytest.raises(InputError, match="chain does not fit toy_cores: it needs 262144 bytes"):
        simulate(chain(1), toy_cores(tmp_path, small, lookahead=1))


def test_what_a_block_carries_is_handed_over_as_what_it_is(tmp_path: Path) -> None:
    """It has one name at all boundaries and is another tensor at each, made by the group before: in its scratchpads."""
    found = simulate(layered_chain(2), toy_cores(tmp_path))
    assert through(found) == [(size * ACTIVATION, 0, 0) for size in (0, 2, 2, 2)]


@pytest.mark.parametrize("pad", ["512 KiB", "64 KiB"])
def test_what_a_group_only_passes_on_it_does_not_receive(tmp_path: Path, pad: str) -> None:
    """The last group adds the first product's result to its own: it reads it where the first has put it, as the groups
    between do not."""
    micro_batches = 2
    found = simulate(chain(micro_batches, skip=True), toy_cores(tmp_path, TOY.replace("512 KiB", pad)))
    size = micro_batches * ACTIVATION
    read = [0, size, size, 2 * size]
    passed = [0, size, size, 0]
    pads, memory = (read, [0] * 4) if pad == "512 KiB" else ([0] * 4, read)
    assert through(found) == list(zip(pads, memory, passed, strict=True))


def test_groups_that_wait_for_each_other_for_ever_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Boundary, "is_free", lambda boundary, key: False)
    told = r"deadlock: at \d+ ps .*:\n(.*\n)*  op1\[micro_batch=0\] waits for places of what it gets and makes"
    with pytest.raises(InconsistencyError, match=told):
        simulate(chain(2), toy_cores(tmp_path))


def test_predictions_of_joined_regions_hand_nothing_over(tmp_path: Path) -> None:
    """Homes are asked for to predict whether joining regions gains; only what begins is handed over."""
    found = simulate(chain(4), toy_cores(tmp_path, fusion="auto", core_groups=2, lookahead=8))
    assert through(found) == [(0, 0, 0), (4 * ACTIVATION, 0, 0)]


def test_bubble_and_what_is_kept_are_in_the_report(tmp_path: Path) -> None:
    groups, micro_batches = 4, 4
    found = simulate(chain(micro_batches), toy_cores(tmp_path))
    rows = found.core_groups
    share = 1 - (groups - 1) / (groups + micro_batches - 1)
    assert [row["core_paths"] for row in rows] == [[f"chip.core[{group}]"] for group in range(groups)]
    assert all(row["busy"] == pytest.approx(share, abs=0.03) for row in rows)
    assert all(row["busy"] + row["stalled"] + row["idle"] == pytest.approx(1) for row in rows)
    assert [row["received_bytes"]["scratchpads"] for row in rows] == [0, *[micro_batches * ACTIVATION] * (groups - 1)]
    assert {row["kept_weight_bytes"] for row in rows} == {row["weight_bytes"] for row in rows} == {2 * WEIGHT}
    assert {row["macs"] for row in rows} == {found.macs // groups}
    assert found.balance is not None and found.balance["imbalance"] == pytest.approx(1)
    assert all(one["imbalance"] is None for one in found.operators)  # a group of one core shares nothing
    found.save(tmp_path / "run")
    told = "\n".join(explain_run(tmp_path / "run", ["op3", "recv.2.y3"]))
    assert "on group 1 of 4: 1 core, chip.core[1]; 4 micro-batches" in told
    assert "weights: 1 of 1 such operators found room" in told
    assert f"hand-over: {ACTIVATION} bytes per micro-batch, read where they lie" in told
    assert "recv" not in next(explain_run(tmp_path / "run", []))
    console = Console(file=StringIO(), width=80)
    show(found, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert (
        "recv" not in text
        and "4 equal groups would not work during 42.9" in text
        and "busiest group over mean 1.00" in text
    )


def test_the_timeline_shows_who_waits_for_whom(tmp_path: Path) -> None:
    """The second group's array waits for the first group's first micro-batch, and so does its ``recv``."""
    recorder = Recorder()
    record = run_trace(chain(4), toy_cores(tmp_path), listeners=(recorder,))
    news = recorder.slices()
    lane = recorder.lanes.index(
        "chip.core[1].array[0]" if "chip.core[1].array[0]" in recorder.lanes else "chip.core[1].array"
    )
    first = next(place for place in range(len(news.lane)) if news.lane[place] == lane)
    assert recorder.whats[news.what[first]] in ("stall:operand", "stall:dependency")
    handed = next(one for one in record.operators if one.name == "send.0.y1")
    assert news.start[first] < handed.first_start_ps <= news.end[first]
    waits = next(one for one in record.operators if one.name == "recv.1.y1")
    assert waits.first_start_ps < handed.first_start_ps and waits.last_end_ps == handed.last_end_ps


def test_micro_batches_on_all_cores_follow_each_other(tmp_path: Path) -> None:
    """One group: nothing is kept, so every micro-batch reads the weights again."""
    found = simulate(chain(4), toy_cores(tmp_path, core_groups=1, lookahead=8))
    assert found.macs == 4 * PRODUCTS * ROWS * WIDTH * WIDTH
    assert found.off_chip["read_bytes"] >= 4 * PRODUCTS * (ACTIVATION + WEIGHT)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"core_groups": 3}, "the cores of chip.core do not divide; found 3; allowed: 1, 2, 4, of 4 cores"),
        ({"residency": "lru"}, "does not go with this policy.residency; found lru; allowed: in_place"),
        ({"placement": "planned"}, "does not go with this policy.placement; found planned"),
    ],
)
def test_what_groups_cannot_do_is_refused(tmp_path: Path, policy: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        simulate(chain(4), toy_cores(tmp_path, **policy))


def test_stages_are_cut_by_a_roofline(tmp_path: Path) -> None:
    """A layer costs its bytes at the group's part of the memory's bandwidth, where that is longer than its MACs take."""
    machine = toy_cores(tmp_path, core_groups=2)
    layout = Layout(machine)
    macs, size = ROWS * WIDTH * WIDTH, 2 * ACTIVATION + WEIGHT
    bytes_per_s = sum(tier.bytes_per_s for tier in layout.backing) / 2
    expected = int(max(Fraction(macs, 2 * 256 * 10**9), size / bytes_per_s) * 10**12)
    costs = stage_costs(chain(1), layout, layout.cores[:2])
    assert list(costs.values()) == [expected] * PRODUCTS


def test_more_groups_than_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="core_groups: 4: more stages than layers and operators to divide; found chain"
    ):
        simulate(chain(4, products=3), toy_cores(tmp_path))


def test_the_place_of_the_policy_is_told(tmp_path: Path) -> None:
    text = TOY.replace("core_groups: 4", "core_groups: 3")
    with pytest.raises(InputError, match=r"toy_cores\.yaml:15:3: policy\.core_groups"):
        simulate(chain(4), toy_cores(tmp_path, text))


def test_steps_that_feed_back_are_refused(tmp_path: Path) -> None:
    steps = lower("configs/llama2_7b", phase="generate", prompt=4, generate=2)
    with pytest.raises(InputError, match=re.escape("policy.core_groups: 4: steps that feed their results back")):
        simulate(steps, toy_cores(tmp_path))
