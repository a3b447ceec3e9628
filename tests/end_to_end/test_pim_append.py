"""New tokens of a cache in the units' layout: writes of the host to the channels and banks that have the request."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.config.load import load_architecture
from sim.core.probe import Probe
from sim.hardware.layout import Layout
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.pim_units import PimUnits
from sim.mapping.pim_layout import PimLayout
from sim.run.executor import Executor, run_together
from sim.run.jobs import Job, ListedJobs
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder, part
from sim.trace.model import Trace

HEADS, DIM = 4, 64
WORDS = HEADS * DIM


def _step(contexts: tuple[int, ...], new: int = 1) -> Trace:
    """Appends and attention of one decode step (or of ``new`` tokens a request)."""
    b = TraceBuilder("step", dtype="fp16")
    tokens = len(contexts) * new
    q, k, v = (b.activation(name, (tokens, WORDS)) for name in "qkv")
    caches = [b.tensor(name, (sum(contexts), WORDS), "kv_cache") for name in ("keys", "values")]
    scores = [b.activation(name, (HEADS * new * sum(contexts),)) for name in ("scores", "shares")]
    dims = {"heads": HEADS, "kv_heads": HEADS, "head_dim": DIM, "requests": tuple((new, one) for one in contexts)}
    for name, source, cache in (("append_k", k, caches[0]), ("append_v", v, caches[1])):
        b.op(name, "copy", {"elements": tokens * WORDS}, {"x": source}, part(cache, tokens * WORDS))
    b.op("score", "attention_score", dims, {"a": q, "b": caches[0]}, scores[0])
    few = {name: dims[name] for name in ("heads", "requests")}
    b.op("softmax", "attention_softmax", few, {"x": scores[0]}, scores[1])
    out = b.activation("out", (tokens, WORDS))
    b.op("value", "attention_value", dims, {"a": scores[1], "b": caches[1]}, out)
    return b.build(outputs=[out])


@pytest.mark.parametrize("arch", ["neupims", "pim_gpt"])
def test_appends_are_writes_on_the_channels_of_their_requests(arch: str) -> None:
    layout = Layout(load_architecture(arch))
    executor = Executor(layout, ListedJobs([Job(_step((100, 37, 500)), "one")]), Probe())
    units = next(one.component for one in executor.machine.engines)
    assert isinstance(units, PimUnits)
    units.record_commands()
    run_together([executor])
    device, commands = units.model.device, units.model.commands
    writes = [
        Counter(line.target for line in log for _ in range(line.times) if line.command == "WR") for log in units.logs
    ]
    parts = 1 if units.model.spec.share == "request" else HEADS
    assert sum(1 for one in writes if one) == min(3 * parts, units.model.channels)
    assert all(check_log(commands, device, log) == [] for log in units.logs if log)
    assert sum(sum(one.values()) for one in writes) >= 3 * WORDS, "a word of every value in a column of its own"
    assert any(max(one.values()) > min(one.values()) for one in writes if one), "a token's keys lie in one bank"


def test_bytes_time_and_order_of_an_append() -> None:
    record = run_trace(_step((100, 37, 500)), load_architecture("neupims"))
    by_name = {one.name: one for one in record.operators}
    for name, reader in (("append_k", "score"), ("append_v", "value")):
        one = by_name[name]
        assert one.engine == "pim" and one.bytes["chip.hbm"]["written"] == 3 * WORDS * 2
        assert one.active_ps > 0 and one.last_end_ps <= by_name[reader].first_start_ps
    assert by_name["append_v"].active_ps > by_name["append_k"].active_ps
    units = next(one for one in record.components if one.kind == "pim")
    (owner,) = (place for place, one in enumerate(record.operators) if one.name == "append_v")
    assert units.actions[owner]["column_write"] == 3 * WORDS == units.actions[owner]["activate"]


def test_many_tokens_at_once_share_columns() -> None:
    model = next(
        one.component.model
        for one in Executor(
            Layout(load_architecture("neupims")), ListedJobs([Job(_step((8,)), "one")]), Probe()
        ).machine.engines
    )
    rows = PimLayout(model)

    def writes(passes: tuple) -> int:  # type: ignore[type-arg]
        return sum(
            step.times * times
            for one in passes
            for macro, times in one.macros
            for step in macro
            if step.command == "WR"
        )

    column = model.device.dram.burst_bytes // 2
    assert writes(rows.new_values(HEADS, DIM, 1, 100)) == HEADS * DIM
    assert writes(rows.new_values(HEADS, DIM, column, 100)) == HEADS * DIM, "as many tokens as fill a column"
    assert writes(rows.new_values(HEADS, DIM, 700, 700)) == HEADS * DIM * (512 // column + -(-188 // column))
    assert writes(rows.new_keys(HEADS, DIM, 700, 700)) * column >= HEADS * DIM * 700


def test_without_units_an_append_is_a_plain_copy() -> None:
    record = run_trace(_step((100, 37)), load_architecture("neupims", {"chip.hbm.pim.enabled": False}))
    assert {one.engine for one in record.operators if one.kind == "copy"} == {"dma"}
