"""How good the mapper's search is: its best cost against the best of random legal mappings, per distinct operator.

Both are costed by the search's own closed forms (:mod:`sim.mapping.matrix_search`), so the ratio says what the grid of
candidates loses and nothing about the cost itself. A random mapping draws its tile sizes from all sizes (a third
log-uniform, a third even parts, a third whole multiples of the array's sides), and its order, split over cores and unit
from those the machine offers. Legal: it fits the scratchpad with as many buffers as the search used, within the same
bound on tiles; the others are drawn again. Draws are seeded; a mapping drawn twice counts twice.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sim.config.load import load_architecture
from sim.core.errors import Place
from sim.hardware.layout import Layout
from sim.mapping.engines.core_class import matrix_shapes, stream_capacity
from sim.mapping.matrix_search import MatrixSearch
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import placements
from sim.mapping.planner import Planner
from sim.mapping.regions import Region, form_regions
from sim.trace.expand import expand
from sim.trace.load import load_trace
from sim.trace.model import Trace
from sim.trace.work import MatrixWork

MODELS = ("resnet50", "bert_base", "mobilenet_v2", "llama2_7b_decode", "llama2_7b_prefill")
MACHINES: dict[str, dict[str, object]] = {
    "tpu_v4": {},
    "edge_npu": {"chip.dram.capacity": "32 GiB"},
    "scalesim_32x32": {"chip.array.dataflow": "auto"},
    "eyeriss_like": {"chip.array.dataflow": "auto", "chip.dram.capacity": "32 GiB"},
}
"""Machine -> overrides. Llama-2-7B does not fit the smaller memories; a memory of another size costs no operator more.
With ``auto`` a mapping chooses its dataflow too: os, ws or is, and on the PEs with registers rs."""
RANDOM_MAPPINGS = 10_000
WORSE = 1.15
"""Ratio above which an operator is listed."""
MOST_ROUNDS = 500
"""Rounds of drawing, each of as many as are wanted. Where fewer than one draw in this many is legal, there are fewer."""

Array = np.ndarray[Any, Any]


class Quality(NamedTuple):
    """One operator: the search's least cost and that of the random mappings, in ps, and how many of them were legal."""

    name: str
    best_ps: int
    random_ps: int
    legal: int
    search_s: float
    winner: str

    @property
    def ratio(self) -> float:
        return self.best_ps / self.random_ps


def searches(layout: Layout, trace: Trace) -> Iterator[tuple[str, MatrixSearch]]:
    """(operator, search) of every distinct matrix segment of ``trace`` that is not fused attention, per core class.

    Tensors lie where the machine's placement puts them when regions run one after another.
    """
    policy = layout.architecture.policy
    planner = Planner(layout)
    placement = placements.get(policy.placement, Place(layout.architecture.file))(
        layout, trace, [Arena(tier.capacity) for tier in layout.tiers]
    )
    seen: set[object] = set()
    for region in form_regions(expand(trace), policy.fusion):
        homes = {one.tensor.key: placement.home(one.tensor, produced=False)
                 for slices in planner.operands(region) for one in slices}  # fmt: skip
        homes |= {one.tensor.key: placement.home(one.tensor, produced=True) for one in region.tail.outputs}
        yield from _of_region(layout, planner, region, homes, seen)
        for tensor in region.frees:
            placement.release(tensor)


def _of_region(
    layout: Layout, planner: Planner, region: Region, homes: dict[Any, int], seen: set[object]
) -> Iterator[tuple[str, MatrixSearch]]:
    work = region.head.work
    if region.is_attention or not isinstance(work, MatrixWork):
        return
    operands = [planner.sources(slices, homes) for slices in planner.operands(region)]
    sizes = tuple(sum(one.size_bytes for one in slices) for slices in planner.operands(region))
    for shape in matrix_shapes(region, work, operands, sizes, planner.sources(region.tail.outputs, homes)):
        for name, cores in layout.core_classes.items():
            if (name, shape) not in seen:
                seen.add((name, shape))
                capacity = stream_capacity(cores[0], planner.resident[cores[0].index])
                yield region.head.name, MatrixSearch(layout, cores, shape, None, capacity)


def quality(name: str, search: MatrixSearch, wanted: int, rng: np.random.Generator) -> Quality | None:
    """Search against ``wanted`` random legal mappings; None when nothing fits at all."""
    start = time.process_time()
    found = search.best()
    took = time.process_time() - start
    if found is None:
        return None
    choice = found[1]
    combinations = list(search.combinations())
    best, winner, legal = choice.best_ps, "", 0
    least: int | None = None
    for _ in range(MOST_ROUNDS):
        picks = np.bincount(rng.integers(len(combinations), size=wanted), minlength=len(combinations))
        for (flow, split, order), count in zip(combinations, picks, strict=True):
            tiles = _draw_tiles(search, search.share(split), _granules(search, flow is not None), int(count), rng)
            costs = search.costs(tiles, flow, split, order, choice.buffers)
            legal += len(costs)
            if len(costs) and (least is None or int(costs.min()) < least):
                least, winner = int(costs.min()), f"{flow.name if flow else 'vector'} b{order}k over {split}"
        if legal >= wanted:
            break
    return Quality(name, best, least if least is not None else best, legal, took, winner)


def _granules(search: MatrixSearch, on_array: bool) -> tuple[int, int, int, int]:
    model = search.core.array_model
    rows, cols = (model.spec.rows, model.spec.cols) if model is not None and on_array else (64, 64)
    geometry = search.geometry
    return 1, max(1, rows // geometry.m_unit), cols, max(1, rows // geometry.k_unit)


def _draw_tiles(
    search: MatrixSearch, extents: tuple[int, ...], granules: tuple[int, ...], count: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    """Tile sizes along b, m, n and k; each no smaller than the bound on tiles leaves it after those before."""
    drawn: list[Array] = []
    blocks = np.ones(count, dtype=np.int64)
    for extent, granule in zip(extents, granules, strict=True):
        least: Any = 1
        if search.most_tiles is not None:
            least = np.minimum(extent, -(-extent // np.maximum(1, search.most_tiles // blocks)))
        drawn.append(_draw(extent, granule, least, count, rng))
        blocks = blocks * -(-extent // drawn[-1])
    b, m, n, k = drawn
    return b, m, n, k


def _draw(extent: int, granule: int, least: Any, count: int, rng: np.random.Generator) -> Array:
    """``count`` sizes between ``least`` and ``extent``."""
    logarithmic = least * np.exp(rng.random(count) * np.log((extent + 1) / least))
    parts = np.exp(rng.random(count) * np.log(extent / least + 1)).astype(np.int64)
    multiple = granule * (1 + (rng.random(count) * np.ceil(extent / granule)).astype(np.int64))
    kind = rng.integers(3, size=count)
    drawn = np.where(kind == 0, logarithmic.astype(np.int64), np.where(kind == 1, -(-extent // parts), multiple))
    return np.asarray(np.clip(drawn, least, extent), dtype=np.int64)


def bench_mapping(wanted: int = RANDOM_MAPPINGS) -> None:
    """Print, per machine, the worst and mean ratio, CPU time of a search, the worst operator, and all worse than 15 %."""
    print(f"cost of the search's best mapping / best of {wanted:,} random legal mappings (below 1: the search wins)")
    columns = ("operators", "worst", "mean", "search ms", "longest")
    print(f"{'machine':16}" + "".join(f"{name:>14}" for name in columns))
    for machine, overrides in MACHINES.items():
        rng = np.random.default_rng(0)
        layout = Layout(load_architecture(machine, overrides))
        found = [one for model in MODELS for name, search in searches(layout, load_trace(model))
                 if (one := quality(f"{model}: {name}", search, wanted, rng)) is not None]  # fmt: skip
        ratios = [one.ratio for one in found]
        spent = [1000 * one.search_s for one in found]
        print(f"{machine:16}{len(found):14}{max(ratios):14.3f}{sum(ratios) / len(ratios):14.3f}"
              f"{sum(spent) / len(spent):14.1f}{max(spent):14.1f}")  # fmt: skip
        worst = sorted(found, key=lambda one: (-one.ratio, one.name))
        for one in [one for place, one in enumerate(worst) if place == 0 or one.ratio > WORSE]:
            print(f"    {one.ratio:.3f} {one.name}: {one.best_ps:,} ps against {one.random_ps:,} ps, {one.winner}")
        for one in [one for one in found if one.legal < wanted]:
            print(f"    only {one.legal:,} legal among {MOST_ROUNDS * wanted:,} drawn: {one.name} ({one.ratio:.3f})")


if __name__ == "__main__":
    bench_mapping(int(sys.argv[1]) if len(sys.argv) > 1 else RANDOM_MAPPINGS)
