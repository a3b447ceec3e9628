"""Synthetic traffic: who sends to whom, and when packets are created.

The patterns are those of the interconnection-network literature (Dally and Towles, "Principles and Practices of
Interconnection Networks", section 3.2). Terminals are numbered in mixed radix by the topology's shape, fastest
dimension first; ``uniform`` includes the sender itself. Sources are independent; a source creates at
most one packet per cycle.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim.core.errors import Place, Problems
from sim.hardware.noc.fabric_topology import coordinates, index_of
from sim.hardware.noc.packet_list import Packets

Ints = npt.NDArray[np.int64]
PATTERNS = ("bitcomp", "bitrev", "hotspot({N,...})", "neighbor", "shuffle", "tornado", "transpose", "uniform")
_HOTSPOT = re.compile(r"hotspot\(\{?\s*(\d+(?:\s*,\s*\d+)*)\s*\}?\)")


class Pattern:
    """Destinations of a traffic pattern by name: :data:`PATTERNS`. Raises InputError for an unknown or unfit one."""

    def __init__(self, name: str, shape: tuple[int, ...], place: Place | None = None) -> None:
        terminals = int(np.prod(shape))
        self.terminals = terminals
        self._choices = np.arange(terminals)
        problems = Problems()
        spot = _HOTSPOT.fullmatch(name)
        self._fixed: Ints | None = None
        if spot is not None:
            self._choices = np.array([int(text) for text in spot.group(1).split(",")], dtype=np.int64)
            if self._choices.max() >= terminals:
                problems.add(
                    "hot spot outside the network", place, found=name, allowed=f"terminals 0 to {terminals - 1}"
                )
        elif name in ("bitcomp", "bitrev", "shuffle", "transpose") and terminals & (terminals - 1):
            problems.add(f"{name} needs a power of two of terminals", place, found=terminals)
        elif name == "transpose" and terminals.bit_length() % 2 == 0:
            problems.add("transpose needs a square number of terminals", place, found=terminals)
        elif name in _PERMUTATIONS:
            self._fixed = np.array([_PERMUTATIONS[name](source, shape) for source in range(terminals)], dtype=np.int64)
        check_name(name, problems, place)
        problems.raise_if_any()

    @property
    def deterministic(self) -> bool:
        """Whether every source has one destination."""
        return self._fixed is not None or len(self._choices) == 1

    def destination(self, source: int) -> int:
        """The only destination of ``source``; for deterministic patterns."""
        return int(self._choices[0] if self._fixed is None else self._fixed[source])

    def draw(self, sources: Ints, random: np.random.Generator) -> Ints:
        """A destination for each of ``sources``."""
        if self._fixed is not None:
            return self._fixed[sources]
        return self._choices[random.integers(0, len(self._choices), len(sources))].astype(np.int64)


def check_name(name: str, problems: Problems, place: Place | None = None) -> None:
    """Add a problem when no network knows a pattern of this name."""
    if name != "uniform" and name not in _PERMUTATIONS and _HOTSPOT.fullmatch(name) is None:
        problems.add("unknown traffic pattern", place, found=name, allowed=PATTERNS, suggest_for=name)


def _bits(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape)).bit_length() - 1


def _transpose(source: int, shape: tuple[int, ...]) -> int:
    half = _bits(shape) // 2
    return source >> half | (source & (1 << half) - 1) << half


def _shift(source: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> int:
    here = coordinates(source, shape)
    return index_of(tuple((at + step) % size for at, step, size in zip(here, steps, shape, strict=True)), shape)


_PERMUTATIONS: dict[str, Callable[[int, tuple[int, ...]], int]] = {
    "transpose": _transpose,
    "bitcomp": lambda source, shape: ~source & (1 << _bits(shape)) - 1,
    "bitrev": lambda source, shape: int(format(source, f"0{_bits(shape)}b")[::-1], 2),
    "shuffle": lambda source, shape: (source << 1 | source >> _bits(shape) - 1) & (1 << _bits(shape)) - 1,
    "neighbor": lambda source, shape: _shift(source, shape, (1,) * len(shape)),
    "tornado": lambda source, shape: _shift(source, shape, tuple((size + 1) // 2 - 1 for size in shape)),
}


def bernoulli(
    pattern: Pattern, flits: int, rate: float, start: int, end: int, variants: int, random: np.random.Generator
) -> Packets:
    """Packets of ``flits`` flits created in cycles ``start`` to ``end`` (not included) by independent coin tosses, so
    that every source offers ``rate`` flits per cycle on average. Each draws one of ``variants`` route sets."""
    heads = np.flatnonzero(random.random((end - start) * pattern.terminals) < rate / flits)
    when = heads // pattern.terminals
    source = heads - when * pattern.terminals
    destination = pattern.draw(source, random)
    variant = random.integers(0, variants, len(source))
    return Packets(source, destination, np.full(len(source), flits, dtype=np.int64), when + start, variant)


def batch(pattern: Pattern, flits: int, packets_per_source: int, variants: int, random: np.random.Generator) -> Packets:
    """The same number of packets at every source, all waiting from cycle 0."""
    source = np.repeat(np.arange(pattern.terminals, dtype=np.int64), packets_per_source)
    destination = pattern.draw(source, random)
    zeros = np.zeros(len(source), dtype=np.int64)
    return Packets(source, destination, zeros + flits, zeros, random.integers(0, variants, len(source)))
