"""The closed forms of systolic folds against arrays simulated register by register."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cycle_arrays import output_fold, output_interval_sustains, stationary
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.hardware.pe.dataflow import dataflows
from sim.hardware.pe.systolic import SystolicModel, SystolicSpec

SHAPES = [(1, 1, 1), (2, 3, 1), (3, 2, 5), (4, 4, 2), (4, 4, 4), (4, 2, 9), (2, 5, 3)]


def random_folds(rows: int, cols: int, stream: int, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    source = np.random.default_rng(rows * 1000 + cols * 100 + stream * 10 + folds)
    return [(source.integers(-9, 9, (rows, cols)), source.integers(-9, 9, (stream, rows))) for _ in range(folds)]


@pytest.mark.parametrize("name", ["ws", "is"])
@pytest.mark.parametrize(("rows", "cols", "stream"), SHAPES)
@pytest.mark.parametrize("folds", [1, 2, 4])
@pytest.mark.parametrize("overlap", [False, True])
def test_stationary_folds(name: str, rows: int, cols: int, stream: int, folds: int, overlap: bool) -> None:
    """ws and is differ in what is stationary, not in the array; the array also computes the right products."""
    flow = dataflows.get(name)
    work = random_folds(rows, cols, stream, folds)
    results, cycles = stationary(work, overlap)
    for (weights, x), result in zip(work, results, strict=True):
        assert (result == x @ weights).all()
    if overlap:
        assert flow.overlapped_cycles(rows, cols, folds, stream) == cycles
    else:
        assert folds * flow.fold_cycles(rows, cols, stream) == cycles


@pytest.mark.parametrize(("rows", "cols", "stream"), SHAPES)
def test_one_output_stationary_fold(rows: int, cols: int, stream: int) -> None:
    source = np.random.default_rng(rows * 100 + cols * 10 + stream)
    a, b = source.integers(-9, 9, (rows, stream)), source.integers(-9, 9, (stream, cols))
    result, cycles = output_fold(a, b)
    assert (result == a @ b).all()
    flow = dataflows.get("os")
    assert flow.fold_cycles(rows, cols, stream) == cycles == flow.overlapped_cycles(rows, cols, 1, stream)


@pytest.mark.parametrize(("rows", "cols", "stream"), SHAPES)
def test_output_stationary_folds_follow_at_the_smallest_interval_the_column_sustains(
    rows: int, cols: int, stream: int
) -> None:
    flow = dataflows.get("os")
    interval = flow.overlapped_cycles(rows, cols, 2, stream) - flow.overlapped_cycles(rows, cols, 1, stream)
    assert output_interval_sustains(rows, stream, interval)
    assert not output_interval_sustains(rows, stream, interval - 1)


EXTENTS = {"os": ("m", "n", "k"), "ws": ("k", "n", "m"), "is": ("k", "m", "n")}


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(EXTENTS)),
    size=st.fixed_dictionaries({axis: st.integers(1, 40) for axis in "mnk"}),
    batch=st.integers(1, 3),
    rows=st.integers(1, 9),
    cols=st.integers(1, 9),
    arrays=st.integers(1, 4),
    overlap=st.sampled_from(("none", "load", "double_buffered")),
    share=st.sampled_from(("fastest", "stream")),
)
def test_a_gemm_is_cut_into_folds(
    name: str, size: dict[str, int], batch: int, rows: int, cols: int, arrays: int, overlap: Any, share: Any
) -> None:
    """Fold by fold: every array takes its part of the folds, or (ws, is) all folds and its part of the stream.

    With ``load``, what is stationary goes in first (R cycles), and then each fold ends before the next begins.
    """
    flow = dataflows.get(name)
    spec = SystolicSpec(rows=rows, cols=cols, count=arrays, fold_overlap=overlap, share=share,
                        types={"int8": Fraction(1)})  # fmt: skip
    model = SystolicModel(spec, Fraction(10**9))
    spread = model.spread(flow, batch, size["m"], size["n"], size["k"], Fraction(1))
    r_extent, c_extent, stream = (size[axis] for axis in EXTENTS[name])
    folds = sum(1 for _ in range(batch) for _ in range(0, r_extent, rows) for _ in range(0, c_extent, cols))

    def cycles(count: int, length: int) -> int:
        if overlap == "double_buffered":
            return int(flow.overlapped_cycles(rows, cols, count, length))
        first = rows if overlap == "load" and name != "os" else 0
        return first + count * int(flow.fold_cycles(rows, cols, length) - first)

    by_fold = [cycles(len(part), stream) for part in np.array_split(range(folds), arrays) if len(part)]
    by_stream = [cycles(folds, len(part)) for part in np.array_split(range(stream), arrays) if len(part)]
    expected = by_fold
    if name != "os" and arrays > 1 and (share == "stream" or max(by_stream) < max(by_fold)):
        expected = by_stream
    assert sorted(model.shares(flow, spread)) == sorted(expected)
    assert spread.cycles == max(expected)


def test_two_values_a_cycle_halve_the_steps_along_k_and_half_a_value_doubles_them() -> None:
    spec = SystolicSpec(rows=4, cols=4, fold_overlap="none", types={"int8": Fraction(2), "fp32": Fraction(1, 2)})
    model = SystolicModel(spec, Fraction(10**9))
    assert model.spread(dataflows.get("os"), 1, 4, 4, 33, Fraction(2)).cycles == 4 + 4 + 17 - 2
    assert model.spread(dataflows.get("os"), 1, 4, 4, 33, Fraction(1, 2)).cycles == 4 + 4 + 66 - 2
    assert model.spread(dataflows.get("ws"), 1, 5, 4, 32, Fraction(2)).cycles == 4 * (2 * 4 + 4 + 5 - 2)


def test_a_kernel_on_numpy_arrays_is_the_kernel_on_integers() -> None:
    """The mapper's search asks for many candidates at once; it must get what the event gets."""
    spec = SystolicSpec(rows=8, cols=4, count=3, types={"int8": Fraction(1)})
    model = SystolicModel(spec, Fraction(10**9))
    ms, ns, ks = (np.array(values) for values in ([1, 7, 64, 300], [5, 16, 33, 2], [9, 8, 100, 77]))
    for name in dataflows.names():
        flow = dataflows.get(name)
        many = model.spread(flow, 2, ms, ns, ks, Fraction(1)).cycles
        one_by_one = [int(model.spread(flow, 2, int(m), int(n), int(k), Fraction(1)).cycles)
                      for m, n, k in zip(ms, ns, ks, strict=True)]  # fmt: skip
        assert list(many) == one_by_one
