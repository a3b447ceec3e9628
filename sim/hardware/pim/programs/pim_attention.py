"""Attention of one decoded token on Newton-like PIM: layout of keys and values over banks and rows, and the commands.

Layout (Heo et al., NeuPIMs, ASPLOS 2024, algorithm 1): a request lives on one channel. Keys: a row of E words (all heads
of a token) fills ceil(E / row words) DRAM rows, one token a bank. Values, per head: one of the head's dimensions a
bank, the tokens along the row. So a *tile* is one DRAM row of every bank, and a *chunk* the part of a vector that fills
a row and is copied to the global buffer once. Sums of a head within a tile are read once (READRES).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.core.errors import Problems
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Step


@dataclass(frozen=True)
class Heads:
    """Attention heads of one device: how many, and words of each."""

    count: int
    size: int


@dataclass(frozen=True)
class Tile:
    """One row of all banks: ``macs`` are the COMPs before each READRES; ``vector``: a chunk to copy in first."""

    row: int
    macs: tuple[int, ...]
    vector: int | None = None


def logit_tiles(device: PimDevice, heads: Heads, context: int, first_row: int = 0) -> list[Tile]:
    """Query times keys of one request with ``context`` tokens."""
    per_row = max(1, device.row_words // heads.size)
    tokens = -(-context // device.banks)
    tiles, row = [], first_row
    for start in range(0, heads.count, per_row):
        inside = min(per_row, heads.count - start)
        for tile in range(tokens):
            macs = (-(-heads.size // device.lanes),) * inside
            tiles.append(Tile(row, macs, start // per_row if tile == 0 else None))
            row += 1
    return tiles


def attend_tiles(device: PimDevice, heads: Heads, context: int, first_row: int = 0) -> list[Tile]:
    """Scores times values of one request."""
    tiles, row, vector = [], first_row, 0
    for _ in range(heads.count):
        for start in range(0, context, device.row_words):
            macs = (-(-min(device.row_words, context - start) // device.lanes),)
            for tile in range(-(-heads.size // device.banks)):
                tiles.append(Tile(row, macs, vector if tile == 0 else None))
                row += 1
            vector += 1
    return tiles


def check_attention(device: PimDevice, heads: Heads, contexts: list[int]) -> None:
    """Raise InputError where heads or contexts make no sense, or one channel's requests do not fit in its rows."""
    problems = Problems()
    for what, value in (("heads", heads.count), ("head size", heads.size), *(("context", one) for one in contexts)):
        if value < 1:
            problems.add(f"attention: {what} must be positive", found=value)
    if heads.size > device.row_words:
        problems.add("attention: a head must fit in a row", found=heads.size, allowed=f"at most {device.row_words}")
    problems.raise_if_any()
    used = sum(len(logit_tiles(device, heads, one)) + len(attend_tiles(device, heads, one)) for one in contexts)
    if used > device.dram.rows:
        problems.add("attention: keys and values do not fit", found=f"{used} rows", allowed=f"{device.dram.rows}")
    problems.raise_if_any()


def tile_steps(device: PimDevice, tile: Tile) -> Iterator[Step]:
    """The commands of a tile; what opens and closes its rows the sequencer adds."""
    yield Step("HEADER")
    if tile.vector is not None:
        yield Step("GWRITE", row=device.dram.rows - 1 - tile.vector)
    for macs in tile.macs:
        yield Step("COMP", macs, tile.row)
        yield Step("READRES")
