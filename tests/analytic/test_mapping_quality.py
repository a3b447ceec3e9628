"""The mapper's grid against random legal mappings of any tile size, by the search's own cost."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sim.config.load import load_architecture
from sim.hardware.layout import Layout
from sim.mapping.geometry import sizes
from sim.mapping.matrix_search import MatrixSearch
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

ROOT = Path(__file__).parents[2]
RANDOM = 300
RAGGED = 3000
"""Draws for the ragged product: enough to find tiles 16 % better than a grid of powers of two and even parts alone."""
WITHIN = 1.15


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_mapping", ROOT / "scripts" / "bench_mapping.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def gemm(m: int, n: int, k: int) -> Trace:
    b = TraceBuilder("gemm", dtype="int8")
    b.op("g", "gemm", {"m": m, "n": n, "k": k}, {"a": b.activation("x", (m, k)), "b": b.weight("w", (k, n))},
         b.activation("y", (m, n)))  # fmt: skip
    return b.build()


def conv(size: int, c_in: int, c_out: int, kernel: int, stride: int, groups: int) -> Trace:
    b = TraceBuilder("conv", dtype="int8")
    out = -(-size // stride)
    dims = {"images": 1, "in_channels": c_in, "out_channels": c_out, "in_h": size, "in_w": size, "out_h": out, "out_w": out,
            "kernel_h": kernel, "kernel_w": kernel, "stride_h": stride, "stride_w": stride, "pad_top": kernel // 2,
            "pad_left": kernel // 2, "groups": groups}  # fmt: skip
    b.op("c", "conv", dims, {"a": b.activation("x", (1, c_in, size, size)),
                             "b": b.weight("w", (c_out, c_in // groups, kernel, kernel))},
         b.activation("y", (1, c_out, out, out)))  # fmt: skip
    return b.build()


BENCH = bench()
OPERATORS: dict[str, Callable[[], Trace]] = {
    "ragged": lambda: gemm(333, 11008, 5000),
    "ragged_k": lambda: gemm(197, 5000, 4096),
    "one_row": lambda: gemm(1, 4096, 11008),
    "one_column": lambda: gemm(4096, 3, 17),
    "short_k": lambda: gemm(768, 1024, 7),
    "conv_stride_2": lambda: conv(28, 256, 256, 3, 2, 1),
    "depthwise": lambda: conv(56, 144, 144, 3, 1, 144),
}


def searches(machine: str, operator: str) -> list[MatrixSearch]:
    layout = Layout(load_architecture(machine))
    return [search for _, search in BENCH.searches(layout, OPERATORS[operator]())]


@pytest.mark.parametrize("machine", ["tpu_v4", "edge_npu", "scalesim_32x32"])
@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_no_random_mapping_is_much_better_than_the_searchs(machine: str, operator: str) -> None:
    found = searches(machine, operator)
    assert len(found) == 1
    wanted = RAGGED if operator == "ragged" else RANDOM
    quality = BENCH.quality(operator, found[0], wanted, np.random.default_rng(7))
    assert quality.legal >= wanted
    assert quality.ratio <= WITHIN, quality


def test_costs_are_those_of_the_search() -> None:
    """The chosen tile, costed on its own, costs what the search said; twice the scratchpad is refused."""
    search = searches("edge_npu", "conv_stride_2")[0]
    found = search.best()
    assert found is not None
    choice, report = found
    one = tuple(np.array([size]) for size in (choice.tb, choice.tm, choice.tn, choice.tk))
    assert search.costs(one, choice.flow, choice.split, choice.order, report.buffers).tolist() == [report.predicted_ps]
    assert search.costs(one, choice.flow, choice.split, choice.order, 10**6).tolist() == []


@pytest.mark.parametrize(("extent", "granule"), [(5000, 64), (333, 32), (11008, 128), (49, 1), (7, 32)])
def test_neighbouring_sizes_are_close(extent: int, granule: int) -> None:
    """Above two granules, no neighbour is more than 3/2 away (or one granule, where rounding to granules matters)."""
    found = sizes(extent, granule, 8)
    assert found[-1] == extent and all(1 <= size <= extent for size in found)
    for size, following in pairwise(found):
        assert size < 2 * granule or following <= max(1.5 * size, size + granule)
