"""The mapper's choice and the closed forms behind it, with the numbers put in.

The prediction is that of :mod:`sim.mapping.matrix_search` and :mod:`sim.mapping.row_plan`; the fold formula is asked of
the same model that the arrays use. What it leaves out: edge tiles, which are smaller than the tile shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

from sim.core.units import format_si
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import dataflows
from sim.mapping.engines.stages import NAME as STAGES
from sim.mapping.selection import TOLERANCE, limit_ps
from sim.report.explain_collectives import collective_lines
from sim.report.explain_core_groups import handover_lines
from sim.report.explain_engines import OVERLAPPING, engine_lines
from sim.run.record import OperatorRecord, RunRecord
from sim.trace.kinds import operator_kinds
from sim.trace.work import MatrixWork


def mapping_lines(record: RunRecord, number: int, layout: Layout) -> Iterator[str]:
    """Lines about each choice of an operator (one per segment of its work)."""
    one = record.operators[number]
    for place, choice in enumerate(one.mapping):
        if choice["engine"] == "collectives":
            yield from collective_lines(choice)
            continue
        if choice["engine"] == STAGES:
            yield from handover_lines(choice)
            continue
        segments = f" (part {place + 1} of {len(one.mapping)})" if len(one.mapping) > 1 else ""
        if choice["engine"] in OVERLAPPING:
            yield from engine_lines(choice, segments)
            continue
        tile = " ".join(f"{name}={size}" for name, size in in_order(choice["tile"]))
        split = " ".join(f"{name}/{parts}" for name, parts in in_order(choice["split"]) if parts > 1)
        yield f"  mapping{segments}: {choice['engine']} {choice['dataflow'] or ''} tile {tile}, loops {choice['order']},"
        yield (
            f"    {choice['tiles']} tiles per core, {choice['buffers']} buffers, split over cores: {split or 'none'};"
            f" the best of {choice['considered']} candidates that fit"
        )
        yield from _prediction(choice)
        yield from _alternatives(choice)
        if choice["engine"] == "array" and "k" in choice["tile"]:  # a pipeline's stages have tiles of their own
            yield from _folds(record, number, choice, layout)
        yield from _moves(one, choice, place)


def in_order(sizes: dict[str, Any]) -> list[tuple[str, Any]]:
    """b, m, n, k first, in that order."""
    order = {name: place for place, name in enumerate(("b", "batch", "m", "n", "k"))}
    return sorted(sizes.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0]))


def _prediction(choice: dict[str, Any]) -> Iterator[str]:
    terms = {name: int(value) for name, value in choice["terms_ps"].items()}
    paths = {name: terms[name] for name in ("memory", "scratchpad", "vector") if name in terms}
    slowest = max(paths, key=lambda name: (paths[name], name))
    left = terms["compute"] + terms["first_tile"]
    right = paths[slowest] + terms["last_tile"]
    sums = terms.get("partial_sums")
    tail = choice["predicted_ps"] - max(left, right) - terms["last_store"] - (sums or 0)
    named, shown = ("", "") if sums is None else (" + last partial sums", f" + {sums}")
    yield (
        "    predicted for one execution = max(compute + first tile, slowest path + last tile) + vector tail"
        f"{named} + last store"
    )
    yield (
        f"      = max({terms['compute']} + {terms['first_tile']}, {slowest} {paths[slowest]} + {terms['last_tile']})"
        f" + {tail}{shown} + {terms['last_store']} = {choice['predicted_ps']} ps"
    )
    others = ", ".join(f"{name} {value}" for name, value in paths.items() if name != slowest)
    yield f"      other paths: {others} ps; least cost of all candidates: {choice['best_ps']} ps"


def _alternatives(choice: dict[str, Any]) -> Iterator[str]:
    """The cheapest candidates that were not taken, what they would cost, and why not."""
    for other in choice["alternatives"]:
        tile = " ".join(f"{name}={size}" for name, size in in_order(other["tile"]))
        split = " ".join(f"{name}/{parts}" for name, parts in in_order(other["split"]) if parts > 1)
        unit = " ".join(part for part in (other["engine"], other["dataflow"]) if part)
        yield f"    not taken: {unit} tile {tile}, loops {other['order']}, {other['tiles']} tiles, split {split or 'none'}:"
        yield f"      {other['predicted_ps']} ps, {_why_not(choice, other)}"


def _why_not(choice: dict[str, Any], other: dict[str, Any]) -> str:
    """The mapper's rule, as :mod:`sim.mapping.matrix_search` and :mod:`sim.mapping.row_plan` tell it."""
    limit = limit_ps(choice["best_ps"])
    change = f"{100 * (other['predicted_ps'] / choice['predicted_ps'] - 1):+.1f} %" if choice["predicted_ps"] else ""
    if other["predicted_ps"] > limit:
        return f"{change}: its {_slowest(other['terms_ps'])} is slower"
    if other["engine"] != choice["engine"]:
        return f"{change}: as good within {float(100 * TOLERANCE):g} %, but the vector unit is left free"
    if choice["engine"] == "array":
        return f"{change}: as good within {float(100 * TOLERANCE):g} %; fewer bytes off chip, or else fewer tiles, won"
    return f"{change}: as good within {float(100 * TOLERANCE):g} %; fewer tiles won"


def _slowest(terms: dict[str, int]) -> str:
    """Which side of the maximum a candidate's prediction comes from."""
    paths = {name: terms[name] for name in ("memory", "scratchpad", "vector") if name in terms}
    slowest = max(paths, key=lambda name: (paths[name], name))
    compute = terms["compute"] + terms["first_tile"] >= paths[slowest] + terms["last_tile"]
    return "computing" if compute else f"{slowest} path"


def _folds(record: RunRecord, number: int, choice: dict[str, Any], layout: Layout) -> Iterator[str]:
    """The fold formula of one full tile on the arrays that executed this operator."""
    core, types = _executed_on(record, number, layout)
    if core is None or core.array_model is None or not types:
        return
    one, model, flow = record.operators[number], core.array_model, dataflows.get(choice["dataflow"])
    rate = model.rate(types[0])
    if rate is None:
        return
    tile, spec = choice["tile"], model.spec
    kept = ceil(Fraction(tile["k"] * one.macs_executed, one.macs)) if one.macs else tile["k"]
    work = operator_kinds.get(one.kind).work(one.dims, {})
    conv = work.segments[0].conv if isinstance(work, MatrixWork) else None
    extents = model.extents(tile["b"], tile["m"], tile["n"], kept, rate, conv, tile["k"])
    spread = model.spread(flow, tile["b"], tile["m"], tile["n"], kept, rate, conv)
    yield (
        f"    one tile on {spec.count} arrays of {spec.rows} x {spec.cols} ({choice['dataflow']}, {types[0]}, "
        f"fold_overlap {spec.fold_overlap}):"
    )
    if kept != tile["k"]:
        yield f"      K after sparsity: {kept} of {tile['k']}"
    yield from (f"      {line}" for line in flow.explain(model.shape, extents, spread))
    yield f"      = {spread.cycles} cycles = {format_si(float(spread.cycles / model.clock.hz), 's', 4)}"


def _executed_on(record: RunRecord, number: int, layout: Layout) -> tuple[CoreView | None, list[str]]:
    """A core whose arrays worked for this operator, and the element types they multiplied."""
    cores = {core.unit_path(core.arrays): core for core in layout.cores if core.arrays is not None}
    for component in record.components:
        actions = component.actions.get(number, {})
        types = sorted(name.removeprefix("mac_") for name in actions if name.startswith("mac_"))
        if types and component.path in cores:
            return cores[component.path], types
    return None, []


def _moves(one: OperatorRecord, choice: dict[str, Any], place: int) -> Iterator[str]:
    """How often each operand passes into the cores, from the loop order and the numbers of tiles."""
    if "k" not in choice["tile"]:
        return
    work = operator_kinds.get(one.kind).work(one.dims, {})
    if not isinstance(work, MatrixWork) or place >= len(work.segments):
        return
    segment, tile, split = work.segments[place], choice["tile"], choice["split"]
    nm = -(-segment.m // (tile["m"] * split["m"]))
    nn = -(-segment.n // (tile["n"] * split["n"]))
    nk = -(-segment.k // tile["k"])
    inner = choice["order"].replace("b", "").replace("k", "")
    a_times = (nn if nk > 1 or (inner == "nm" and nm > 1) else 1) * split["n"]
    b_times = (nm if nk > 1 or (inner == "mn" and nn > 1) else 1) * split["m"]
    yield (
        f"    tiles per core: {nm} along m, {nn} along n, {nk} along k; so A moves {a_times} x, B {b_times} x, C 1 x"
        " (unless it lies in the core already)"
    )
