"""How matrices and caches lie in the rows of a memory with processing units, and the passes that multiply with them.

A *tile* is one row of all banks of a channel (Heo et al., NeuPIMs, ASPLOS 2024, algorithm 1; He et al., Newton, MICRO
2020). Keys: one token a bank, as many heads of it as fill the row. Values: per head, one dimension a bank, tokens along
the row. Weights: one output a bank, over the banks of all channels, the inputs along the row. Vectors of a row's length
are put into the channel's buffer once per piece and used by all tiles of that piece. Several vectors (query heads that
share keys, a batch) pass one after another.

Matrices and caches have this one layout, for the units and for a host: a row is contiguous, every column access of it is
full of what a host wants, and rows of all banks and channels can be read side by side, so a host reads a matrix as fast as
from any other layout, and nothing is copied. What the layout costs is appending: a new token's keys go to one bank of the
channel that has the request, its values to a column of a row of their own for every dimension of every head, of which one
word is written (the others masked). The host writes both before the next attention, with ordinary commands on the channel.
Left out: a host that reads the cache of one request has the one channel's bandwidth, and is given that of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Protocol

from sim.core.arith import ceil_div
from sim.core.errors import InconsistencyError
from sim.core.registry import Registry
from sim.hardware.pim.macro import Macro
from sim.hardware.pim.pim_units import Pass, PimModel
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.sequencer import Step

WORD_BYTES = 2
PASS_TILES = 32
KEPT = 4096
"""Shapes whose passes are kept, so that equal work is one object."""


@dataclass(frozen=True)
class Piece:
    """What one channel does of a region: passes in order; ``weight_ps`` is the time they are predicted to take."""

    channel: int
    passes: tuple[Pass, ...]
    weight_ps: int


class MatrixLayout(Protocol):
    """Matrices in the banks of one tier, and the passes over them.

    ``outputs_per_tile``: outputs of one channel that a pass multiplies together. ``takes_caches``: has it a layout for keys
    and values? ``functions``: element-wise functions that it has a kernel for.
    """

    outputs_per_tile: int
    takes_caches: bool
    functions: Mapping[str, str]

    def unfit(self, outputs: int, inputs: int) -> str:
        """Why a matrix of so many outputs and inputs does not fit the banks; "" when it does."""
        ...

    def host_sums(self, outputs: int, inputs: int) -> int:
        """Additions that a vector's results leave to the host."""
        ...

    def product(self, outputs: int, inputs: int, vectors: int) -> tuple[Pass, ...]:
        """One channel's share of matrix-vector products."""
        ...

    def elementwise(self, function: str, elements: int) -> tuple[Pass, ...]:
        """One channel's share of an element-wise kernel."""
        ...

    def weight_ps(self, passes: Sequence[Pass]) -> int:
        """Predicted time of passes one after another."""
        ...


pim_layouts: Registry[type[Any]] = Registry("pim_layouts", "PIM layout")
"""Layouts of command sets that have one of their own; all others with macro-commands for a tile have :class:`PimLayout`."""


def layout_of(model: PimModel) -> MatrixLayout | None:
    """The layout of a tier's units; None when its command set has no macro-commands."""
    name = model.commands.name
    if name in pim_layouts:
        made: MatrixLayout = pim_layouts.get(name)(model)
        return made
    return PimLayout(model) if name in pim_programs else None


class PimLayout:
    """Passes on the units of one tier."""

    takes_caches = True
    functions: Mapping[str, str] = MappingProxyType({})

    def __init__(self, model: PimModel) -> None:
        self._model = model
        self._device = model.device
        self._program = pim_programs.get(model.commands.name)
        self.outputs_per_tile = model.device.banks

    def unfit(self, outputs: int, inputs: int) -> str:
        """Why a matrix of so many outputs and inputs does not fit the banks; "" when it does."""
        rows = ceil_div(outputs, self.outputs_per_tile * self._model.channels) * ceil_div(
            inputs, self._device.row_words
        )
        most = self._device.dram.rows
        return "" if rows <= most else f"the matrix takes {rows} rows of each bank, which has {most}"

    def host_sums(self, outputs: int, inputs: int) -> int:
        """Additions that a vector's results leave to the host: one for each further row of inputs."""
        rows: int = ceil_div(inputs, self._device.row_words)
        return outputs * (rows - 1)

    def elementwise(self, function: str, elements: int) -> tuple[Pass, ...]:
        """No kernel here has element-wise functions."""
        raise InconsistencyError("PIM layout", f"{self._model.commands.name} has no kernel for {function}")

    def tile(self, macs: tuple[int, ...], vector_words: int, vectors: int = 1) -> Macro:
        """The macro-command of a tile for so many ``vectors``, whose buffer is first loaded with ``vector_words`` of each
        (0: they are there)."""
        return self._program.tile(self._device, macs, self._columns(vector_words) * vectors, vectors)

    def _groups(self, vectors: int) -> list[int]:
        """Vectors that pass over a matrix, by pass: as many at once as the units take."""
        at_once = self._model.commands.vectors
        return [min(at_once, vectors - start) for start in range(0, vectors, at_once)]

    def _columns(self, words: int) -> int:
        columns: int = ceil_div(words, self._device.lanes)
        return columns

    def _passes(self, macs: tuple[int, ...], words: int, tiles: int, useful: int, vectors: int) -> list[Pass]:
        """Passes over ``tiles`` tiles alike, loading ``words`` of each vector; ``useful`` multiplies for one vector."""
        found: dict[int, Pass] = {}
        for group in self._groups(vectors):
            if group not in found:
                first, rest = self.tile(macs, words, group), self.tile(macs, 0, group)
                macros = ((first, 1), (rest, tiles - 1)) if tiles > 1 else ((first, 1),)
                results = len(macs) * tiles * self._device.banks * WORD_BYTES
                found[group] = Pass(macros, useful * group, results * group)
        return [found[group] for group in self._groups(vectors)]

    @lru_cache(maxsize=KEPT)  # noqa: B019 (a layout lives as long as its planner)
    def scores(self, heads: int, head_dim: int, vectors: int, context: int) -> tuple[Pass, ...]:
        """Queries times the keys of one request: ``heads`` of keys, each for ``vectors`` queries.

        Fewer heads than fill a row leave room for further tokens of the same heads in it.
        """
        device = self._device
        per_row = max(1, device.row_words // head_dim)
        found = []
        for start in range(0, heads, per_row):
            inside = min(per_row, heads - start)
            tokens = per_row // inside
            macs = (self._columns(head_dim),) * (inside * tokens)
            tiles = ceil_div(context, device.banks * tokens)
            found += self._passes(macs, inside * head_dim, tiles, inside * head_dim * context, vectors)
        return joined(found)

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def values(self, heads: int, head_dim: int, vectors: int, context: int) -> tuple[Pass, ...]:
        """Scores times the values of one request."""
        device, found = self._device, []
        for start in range(0, context, device.row_words):
            words = min(device.row_words, context - start)
            tiles = ceil_div(head_dim, device.banks)
            found += self._passes((self._columns(words),), words, tiles, words * head_dim, vectors) * heads
        return joined(found)

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def product(self, outputs: int, inputs: int, vectors: int) -> tuple[Pass, ...]:
        """One channel's share of matrix-vector products: ``outputs`` of this channel, for ``vectors`` inputs each."""
        device, found = self._device, []
        for start in range(0, inputs, device.row_words):
            words = min(device.row_words, inputs - start)
            tiles = ceil_div(outputs, device.banks)
            found += self._passes((self._columns(words),), words, tiles, words * outputs, vectors)
        return joined(found)

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def new_keys(self, heads: int, head_dim: int, new: int, context: int) -> tuple[Pass, ...]:
        """The host's writes of the last ``new`` of ``context`` tokens to the keys of one request: a token's words of as
        many heads as share a row lie in one bank, the next token in the next."""
        device = self._device
        per_row = max(1, device.row_words // head_dim)
        found: list[tuple[Macro, int]] = []
        for start in range(0, heads, per_row):
            inside = min(per_row, heads - start)
            tokens = per_row // inside
            columns = ceil_div(inside * head_dim * WORD_BYTES, device.dram.burst_bytes)
            first = (context - new) // tokens % device.banks
            whole, rest = divmod(ceil_div(new, tokens), device.banks)
            each = columns * min(new, tokens)
            found += [(self._writes(range(device.banks), each), whole)] if whole else []
            found += [(self._writes([(first + bank) % device.banks for bank in range(rest)], each), 1)] if rest else []
        return (Pass(tuple(found), 0, 0),)

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def new_values(self, heads: int, head_dim: int, new: int, context: int) -> tuple[Pass, ...]:
        """As :meth:`new_keys`, to the values: every dimension of every head is a row of its own, in which the new tokens
        are a few words of a column."""
        device, found = self._device, []
        whole, rest = divmod(head_dim, device.banks)
        while new:
            inside = min(new, (context - 1) % device.row_words + 1)
            columns = ceil_div(inside * WORD_BYTES, device.dram.burst_bytes)
            found += [(self._writes(range(device.banks), columns), heads * whole)] if whole else []
            found += [(self._writes(range(rest), columns), heads)] if rest else []
            new, context = new - inside, context - inside
        return (Pass(tuple(found), 0, 0),)

    def _writes(self, banks: Sequence[int], columns: int) -> Macro:
        """Columns written in one row of each of these banks, the rows opened one after another first."""
        opened = tuple(Step("ACT", 1, 0, bank) for bank in banks)
        return opened + tuple(Step("WR", columns, 0, bank) for bank in banks)

    def weight_ps(self, passes: Sequence[Pass]) -> int:
        """Predicted time of passes one after another."""
        return sum(self._model.alone_ps(one) for one in passes)


def joined(passes: Sequence[Pass]) -> tuple[Pass, ...]:
    """Short passes put together to at least ``PASS_TILES`` tiles: the grain of events, and of turns with the host."""
    found: list[Pass] = []
    tiles = PASS_TILES
    for one in passes:
        if tiles >= PASS_TILES:
            found.append(one)
            tiles = 0
        else:
            last = found[-1]
            found[-1] = Pass(last.macros + one.macros, last.macs + one.macs, last.result_bytes + one.result_bytes)
        tiles += sum(times for _, times in one.macros)
    return tuple(found)


def balance(weights: Sequence[int], channels: int, how: Literal["greedy", "round_robin"]) -> list[int]:
    """The channel of each request: in turn, or the heaviest first to the channel with least so far.

    Ties go to the lower number, so the same requests always lie on the same channels.
    """
    if how == "round_robin":
        return [place % channels for place in range(len(weights))]
    load = [0] * channels
    found = [0] * len(weights)
    for place in sorted(range(len(weights)), key=lambda place: (-weights[place], place)):
        found[place] = min(range(channels), key=lambda channel: (load[channel], channel))
        load[found[place]] += weights[place]
    return found


def shares(total: int, parts: int, unit: int, first: int = 0) -> list[int]:
    """``total`` outputs dealt to channels in tiles of ``unit``, one after another from channel ``first`` on."""
    tiles = ceil_div(total, unit)
    found = [0] * parts
    for part in range(min(parts, tiles)):
        held = len(range(part, tiles, parts))
        last = (tiles - 1) % parts == part
        found[(first + part) % parts] = held * unit - (tiles * unit - total if last else 0)
    return found
