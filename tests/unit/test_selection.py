"""The rule that takes one of the costed candidates, and what ``auto`` lets fused operators choose from."""

from __future__ import annotations

import pytest
from attention_training import flash_training
from mlp_traces import mlp

from sim.config.load import load_architecture
from sim.mapping.selection import Cost, limit_ps, select, select_deepest
from sim.run.simulate import run_trace
from sim.trace.model import Trace


def cost(cost_ps: int, moved: int, tiles: int) -> Cost:
    return Cost(cost_ps, moved, tiles, {})


def test_the_fewest_bytes_win_among_costs_that_are_as_good() -> None:
    found = [(cost(1000, 9, 1), "cheapest"), (cost(1020, 5, 9), "lean"), (cost(1021, 1, 1), "too dear")]
    taken = select(found)
    assert taken is not None and limit_ps(1000) == 1020
    assert (taken.candidate, taken.least_ps, taken.candidates) == ("lean", 1000, 3)


@pytest.mark.parametrize(
    ("other", "wins"),
    [(cost(1000, 5, 2), "other"), (cost(1000, 5, 4), "first"), (cost(990, 5, 3), "other"), (cost(1000, 5, 3), "first")],
)
def test_ties_go_to_fewer_tiles_then_less_time_then_the_first(other: Cost, wins: str) -> None:
    taken = select([(cost(1000, 5, 3), "first"), (other, "other")])
    assert taken is not None and taken.candidate == wins


def test_the_most_buffers_that_anything_fits_with() -> None:
    taken = select_deepest(
        4, lambda: [10, 20], lambda size, buffers: cost(size, size, 1) if size * buffers < 25 else None
    )
    assert taken is not None and (taken[0].candidate, taken[1]) == (10, 2)
    assert select_deepest(4, lambda: [100], lambda size, buffers: None) is None


@pytest.mark.parametrize(
    ("trace", "arch", "fusion"),
    [(mlp(False), "tpu_v4", "pipeline"), (flash_training(1, 1, 256, 64), "a100_sm", "attention")],
)
def test_auto_in_fused_operators_leaves_out_dataflows_that_the_arrays_lack(
    trace: Trace, arch: str, fusion: str
) -> None:
    """Row stationary wants registers in the PEs, which neither machine states."""
    record = run_trace(trace, load_architecture(arch, {"policy.fusion": fusion}), "auto")
    chosen = [choice["dataflow"] for one in record.operators for choice in one.mapping]
    flows = {name for one in chosen if one for name in one.split("+")}
    assert flows and "rs" not in flows
