"""Row stationary (rs): PEs convolve rows; filter rows, input rows and partial sums are all reused between them.

The mapping of rows on PEs is :mod:`sim.hardware.pe.row_mapping`. Of the placements of PE sets, as wide as the array or
the image, the one with the fewest cycles is taken, of those the one with the least edge traffic. Within a tile: for
each group, block of filters and block of channels the filters are loaded once and used for all strips of all images;
partial sums of a channel block wait outside the array for the next.

    cycles = phases * (load + strips * strip + chain),  phases = groups * filter blocks * channel blocks

Edge traffic: filters once per tile; input rows once per strip and block of filters; partial sums once per block of
channels. Registers: three reads and one write per MAC (operands and partial sum), a read and a write per addition of a
partial sum from below, and the writes that fill them (a filter word is kept by every PE of its row, an input word by
the PEs of its diagonal).

Groups of a convolution follow one another, as on the chip, so a depthwise layer has one filter and one channel at a
time: only strips fill the array. Structured sparsity shortens K as in the other dataflows.

Source: Chen et al., Eyeriss, ISCA 2016 and JSSC 2017. Not modelled: skipping of zero inputs (energy only on the chip),
run-length compression, the chip's choice of mapping (it is not published; where the published one is given, it is
tested).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from sim.core.arith import ceil_div, smaller
from sim.hardware.pe.dataflow import ArrayShape, Dataflow, Reads, Spread, TileExtents, dataflows, even_parts
from sim.hardware.pe.row_mapping import Passes, Placement, Rows, passes, placements
from sim.hardware.pe.row_spec import RowStationarySpec

EYERISS = RowStationarySpec()
NEVER = np.iinfo(np.int64).max


class RowLayout(NamedTuple):
    """What a spread remembers: the placement chosen and its passes."""

    place: Placement
    passes: Passes


@dataflows.register("rs")
class RowStationary(Dataflow):
    """Sets of kernel_rows x output_rows PEs, repeated over filters and channels."""

    name = "rs"

    @classmethod
    def offered_by(cls, array: ArrayShape) -> bool:
        """Only arrays that say what their PEs hold."""
        return array.row_stationary is not None

    @classmethod
    def spread(cls, array: ArrayShape, tile: TileExtents) -> Spread:
        rows = Rows.of(tile.conv)
        e, c = tile.m // rows.width, ceil_div(tile.kept_k, rows.kernel_rows * rows.kernel_cols)
        place = _place(array, tile, rows, e, tile.n, c)
        made = passes(rows, place, array.row_stationary or EYERISS, tile.rate, e, tile.n, c)
        blocks = tile.b * made.filter_blocks
        layout = RowLayout(place, made)
        whole = cls._cycles(array, layout, ceil_div(blocks, array.arrays), made.strips)
        split = cls._cycles(array, layout, blocks, ceil_div(made.strips, array.arrays))
        return Spread(blocks, made.strips, split < whole, smaller(whole, split), layout)

    @classmethod
    def shares(cls, array: ArrayShape, spread: Spread) -> list[int]:
        if spread.by_stream:
            parts = even_parts(int(spread.stream), array.arrays)
            return [int(cls._cycles(array, spread.layout, spread.folds, part)) for part in parts]
        parts = even_parts(int(spread.folds), array.arrays)
        return [int(cls._cycles(array, spread.layout, part, spread.stream)) for part in parts]

    @classmethod
    def edge(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Reads:
        rows, place, made = Rows.of(tile.conv), spread.layout.place, spread.layout.passes
        e, c = tile.m // rows.width, ceil_div(tile.kept_k, rows.kernel_rows * rows.kernel_cols)
        results = tile.b * tile.m * tile.n
        copies = 1 + spread.by_stream * (array.arrays - 1)
        added = made.channel_blocks * results
        macs = results * tile.kept_k
        columns = smaller(place.width + 0 * e, smaller(e, rows.image_rows)) * copies
        rows_kept = e * rows.kernel_rows * rows.in_cols * c * tile.b
        return Reads(
            a=tile.b * made.filter_blocks * rows.rows_read(e, place.width) * rows.in_cols * c,
            b=tile.b * tile.kept_k * tile.n * copies,
            c=added,
            register_reads=3 * macs + added * place.height * place.r,
            register_writes=macs
            + added * place.height * place.r
            + tile.b * tile.kept_k * tile.n * columns
            + rows_kept * made.filter_blocks * smaller(place.t, tile.n),
            hops=added * made.chain,
        )

    @classmethod
    def streaming(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Any:
        """Products only: additions of partial sums, and waiting for a bus, are overhead."""
        made, rate = spread.layout.passes, tile.rate
        window = ceil_div(made.p * made.q * spread.layout.place.kernel_cols * rate.denominator, rate.numerator)
        return spread.folds * made.channel_blocks * made.strips * Rows.of(tile.conv).width * window

    @classmethod
    def explain(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> list[str]:
        place, made = spread.layout.place, spread.layout.passes
        blocks = spread.folds if spread.by_stream else -(-spread.folds // array.arrays)
        strips = -(-spread.stream // array.arrays) if spread.by_stream else spread.stream
        phases = blocks * made.channel_blocks
        active = active_pes(tile, spread)
        if array.double_buffered:
            said = "load + (phases-1) * max(load, strips*strip) + strips*strip + chain"
            put = (f"{made.load} + {phases - 1} * max({made.load}, {strips}*{made.strip}) + {strips}*{made.strip}"
                   f" + {made.chain}")  # fmt: skip
        else:
            said = "phases * (load + strips*strip + chain)"
            put = f"{phases} * ({made.load} + {strips}*{made.strip} + {made.chain})"
        return [
            f"PE sets of {place.height} kernel rows x {place.width} output rows, {place.t} over filters, {place.r} over "
            f"channels: {active} of {array.rows * array.cols} PEs; {made.p} filters and {made.q} channels per PE",
            f"{made.filter_blocks} blocks of filters, {made.channel_blocks} of channels, {made.strips} strips; on the "
            f"busiest array {phases} phases of {strips} strips",
            f"a strip takes {made.strip} cycles, {made.work} of them work of a PE, the rest waiting for a bus",
            f"cycles = {said} = {put}",
        ]

    @classmethod
    def _cycles(cls, array: ArrayShape, layout: RowLayout, blocks: Any, strips: Any) -> Any:
        made = layout.passes
        return made.cycles(blocks * made.channel_blocks, strips, array.double_buffered)


def active_pes(tile: TileExtents, spread: Spread) -> int:
    """PEs at work in a full pass of ``tile`` (integers only)."""
    rows, place = Rows.of(tile.conv), spread.layout.place
    e, units = tile.m // rows.width, -(-tile.kept_k // (rows.kernel_rows * rows.kernel_cols)) * place.parts
    made = spread.layout.passes
    sets = min(place.t, -(-tile.n // made.p)) * min(place.r, -(-units // made.q))
    return int(place.height * min(place.width, e, rows.image_rows) * sets)


def _place(array: ArrayShape, tile: TileExtents, rows: Rows, e: Any, m: Any, c: Any) -> Placement:
    """The placement of each candidate: integers for a tile, arrays (with one entry per candidate) for many."""
    registers = array.row_stationary or EYERISS
    options = placements(array.rows, array.cols, rows.kernel_rows, rows.kernel_cols, registers)
    problem = (options, registers, tile.rate, array, rows)
    if not isinstance(e * m * c, np.ndarray):
        return options[_best_of_one(*problem, int(e), int(m), int(c))]
    extents = np.broadcast_arrays(e, m, c)
    uniques = [np.unique(one, return_inverse=True) for one in extents]
    places = np.ravel_multi_index([inverse for _, inverse in uniques], [len(values) for values, _ in uniques])
    wanted, back = np.unique(places, return_inverse=True)
    at = np.unravel_index(wanted, [len(values) for values, _ in uniques])
    best = _best_of(*problem, *(values[index] for (values, _), index in zip(uniques, at, strict=True)))[back]
    first = options[0]
    width, t, r = (np.array([getattr(one, name) for one in options])[best] for name in ("width", "t", "r"))
    return Placement(0, first.height, width, t, r, first.parts, first.kernel_cols)


@lru_cache(maxsize=4096)
def _best_of_one(
    options: tuple[Placement, ...], registers: RowStationarySpec, rate: Any, array: ArrayShape, rows: Rows,
    e: int, m: int, c: int,
) -> int:  # fmt: skip
    return int(_best_of(options, registers, rate, array, rows, *(np.array([one]) for one in (e, m, c)))[0])


def _best_of(
    options: tuple[Placement, ...], registers: RowStationarySpec, rate: Any, array: ArrayShape, rows: Rows,
    e: Any, m: Any, c: Any,
) -> Any:  # fmt: skip
    """Place in ``options`` of the one with fewest cycles, then with the fewest elements at the edge; the first of equals."""
    chosen = np.zeros(len(e), dtype=np.int64)
    fewest, least = np.full(len(e), NEVER), np.zeros(len(e), dtype=np.int64)
    whole = smaller(smaller(e, rows.image_rows), array.cols)
    for place, option in enumerate(options):
        made = passes(rows, option, registers, rate, e, m, c)
        phases = made.filter_blocks * made.channel_blocks
        cycles = np.where(option.side >= whole, made.cycles(phases, made.strips, array.double_buffered), NEVER)
        moved = made.filter_blocks * rows.rows_read(e, option.width) * rows.in_cols * c
        moved = moved + 2 * made.channel_blocks * e * rows.width * m
        better = (cycles < fewest) | ((cycles == fewest) & (moved < least))
        chosen, fewest, least = (np.where(better, new, old) for new, old in
                                 ((place, chosen), (cycles, fewest), (moved, least)))  # fmt: skip
    return chosen
