"""The selective scan: its operations against a count taken while computing one, its operands, and bad dimensions."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest

from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.kinds import operator_kinds
from sim.trace.model import Trace
from sim.trace.work import VectorWork

SCAN = operator_kinds.get("selective_scan")


def counted_scan(tokens: int, channels: int, state: int, heads: int, per_cell: bool) -> Counter[str]:
    """Run the recurrence on random numbers and count each operation where it is done."""
    source, done = random.Random(1), Counter[str]()
    hidden = [[0.0] * state for _ in range(channels)]
    for _ in range(tokens):
        x = [source.random() for _ in range(channels)]
        delta = [source.random() for _ in range(heads)]
        b, c = ([source.random() for _ in range(state)] for _ in range(2))
        decay = {}
        for key in [(ch, s) for ch in range(channels) for s in range(state)] if per_cell else range(heads):
            head = key[0] * heads // channels if isinstance(key, tuple) else key
            decay[key] = math.exp(-delta[head] * 0.5)
            done["mul"] += 1
            done["exp"] += 1
        for ch in range(channels):
            head = ch * heads // channels
            step = delta[head] * x[ch]
            done["mul"] += 1
            y = 0.0
            for s in range(state):
                fresh = step * b[s]
                hidden[ch][s] = decay[(ch, s) if per_cell else head] * hidden[ch][s] + fresh
                y += c[s] * hidden[ch][s]
                done["mul"] += 1
                done["mac"] += 2
            y += 0.3 * x[ch]
            done["mac"] += 1
    return done


@pytest.mark.parametrize(
    ("tokens", "channels", "state", "heads", "per_cell"), [(5, 6, 4, 6, True), (3, 8, 2, 4, False), (1, 4, 3, 1, False)]
)
def test_operations_are_those_of_the_recurrence(
    tokens: int, channels: int, state: int, heads: int, per_cell: bool
) -> None:
    decays = channels * state if per_cell else heads
    dims = {"channels": channels, "state": state, "heads": heads, "decays": decays, "groups": 1, "lengths": (tokens,)}
    work = SCAN.work(dims, {})
    assert isinstance(work, VectorWork)
    assert dict(work.operations) == counted_scan(tokens, channels, state, heads, per_cell)
    assert work.rows == channels


def scan_trace(state_elements: int = 2 * 8 * 4, **changes: Any) -> Trace:
    dims = {"channels": 8, "state": 4, "heads": 2, "decays": 2, "groups": 2, "lengths": (5, 3), **changes}
    builder = TraceBuilder("scan")
    sizes = {"x": (8, 8), "delta": (8, 2), "b": (8, 2, 4), "c": (8, 2, 4)}
    inputs: dict[str, Any] = {name: builder.activation(name, shape) for name, shape in sizes.items()}
    inputs |= {name: builder.weight(name, (2,)) for name in ("a", "d")}
    state = builder.tensor("state", (state_elements,), "kv_cache")
    y = builder.activation("y", (8, 8))
    builder.op("scan", "selective_scan", dims, inputs | {"state": state}, [y, state])
    return builder.build([y])


def test_a_scan_reads_and_leaves_its_state() -> None:
    assert [operator.kind for operator, _ in scan_trace().operators()] == ["selective_scan"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3, "decays": 3}, "channels 8 is not divisible by heads 3"),
        ({"groups": 3}, "channels 8 is not divisible by groups 3"),
        ({"decays": 5}, "decays must be one per head (2) or per channel and state element (32)"),
        ({"lengths": ()}, "lengths must be the positive token counts"),
        ({"lengths": (8, 0)}, "lengths must be the positive token counts"),
        ({"lengths": (5, 4)}, "input 'x' holds 64 elements, the dimensions need 72"),
        ({"state_elements": 63}, "outputs hold 127 elements, the dimensions need 128"),
    ],
)
def test_bad_scans_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        scan_trace(**changes)
    assert message in str(caught.value)
