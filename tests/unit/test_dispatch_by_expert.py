"""Experts of a mixture on two engines: cold ones in memory, hot ones beside it, as even as predictions allow."""

from __future__ import annotations

import pytest

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder, part

N, K = 2048, 4096


def _experts(rows: tuple[int, ...], dispatch: str = "by_expert", arch: str = "duplex") -> RunRecord:
    b = TraceBuilder("experts", dtype="fp16")
    tokens = sum(rows)
    x, made, out = (b.activation(name, (tokens, width)) for name, width in (("x", K), ("y", N), ("z", N)))
    weights = b.weight("w", (len(rows), K, N))
    busy = sum(1 for count in rows if count)
    held = weights if busy == len(rows) else part(weights, busy * K * N)
    b.op("experts", "grouped_gemm", {"n": N, "k": K, "rows": rows}, {"a": x, "b": held}, made)
    b.op("gate", "elementwise", {"elements": tokens * N}, {"x": made}, out, {"function": "silu"})
    return run_trace(b.build(outputs=["z"]), load_architecture(arch, {"policy.dispatch": dispatch}))


def test_cold_experts_go_to_memory_and_hot_ones_beside_it() -> None:
    record = _experts((2, 40, 1, 1, 40, 2))
    one = record.operators[0]
    cold, hot = one.mapping
    assert one.engine == "pim + roofline"
    assert (cold["engine"], cold["split"]["experts"], cold["split"]["tokens"]) == ("pim", 4, 6)
    assert (hot["engine"], hot["split"]["experts"], hot["split"]["tokens"]) == ("roofline", 2, 80)
    assert one.macs_executed == one.macs == 86 * N * K


@pytest.mark.parametrize("rows", [(4,) * 8, (1, 1, 1, 90), (30, 20, 10, 5, 3, 2, 1)])
def test_side_by_side_is_faster_than_any_one_engine(rows: tuple[int, ...]) -> None:
    both = _experts(rows)
    alone = min(_experts(rows, "by_prediction").elapsed_ps, _experts(rows, "by_prediction", "duplex_off").elapsed_ps)
    assert both.elapsed_ps < alone
    sides = [part["predicted_ps"] for part in both.operators[0].mapping]
    cold = both.operators[0].mapping[0]["split"]["experts"]
    assert len(sides) == 2 and 0 < cold < len(rows)


def test_one_expert_and_a_machine_without_units_are_not_divided() -> None:
    assert _experts((0, 5, 0)).operators[0].engine == "pim"
    assert _experts((1, 5, 3), arch="duplex_off").operators[0].engine == "roofline"
