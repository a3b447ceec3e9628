"""Pipelines over groups of one chip's cores: the bubble, what stays in scratchpads, and what passes between groups."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_cores import TOY, toy_cores

from sim import lower, simulate
from sim.core.errors import InputError
from sim.report.result import Result
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

ROWS, WIDTH, PRODUCTS = 256, 128, 8
ACTIVATION, WEIGHT = 2 * ROWS * WIDTH, 2 * WIDTH * WIDTH
PADS = "chip.core.pad"


def chain(micro_batches: int, products: int = PRODUCTS) -> Trace:
    """Equal products, one after the other; ROWS of each micro-batch."""
    builder = TraceBuilder("chain")
    x = builder.activation("x", (ROWS, WIDTH))
    for number in range(products):
        weight, result = builder.weight(f"w{number}", (WIDTH, WIDTH)), builder.activation(f"y{number}", (ROWS, WIDTH))
        builder.op(f"op{number}", "gemm", {"m": ROWS, "n": WIDTH, "k": WIDTH}, {"a": x, "b": weight}, result)
        x = result
    return replace(builder.build([x]), micro_batches=micro_batches)


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
