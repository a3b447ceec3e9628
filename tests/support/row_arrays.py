"""A row-stationary array PE by PE, cycle by cycle: what the closed forms of ``rs`` must agree with.

Every PE has its own registers and hears from the PE below it only. Nothing here knows a formula: work is dealt out filter
by filter and channel by channel, and everything that moves is counted where it moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

Array = np.ndarray


@dataclass
class Convolution:
    """One group and image: filters [m, c, r, s], image [c, h, w], stride; outputs [m, e, f]."""

    filters: Array
    image: Array
    stride: int

    @property
    def outputs(self) -> tuple[int, int, int]:
        m, _, r, s = self.filters.shape
        _, h, w = self.image.shape
        return m, (h - r) // self.stride + 1, (w - s) // self.stride + 1


@dataclass
class Counted:
    """What an array did: results, cycles when nothing overlaps, and words moved."""

    results: Array
    cycles: int = 0
    ifmap: int = 0
    filters: int = 0
    psums: int = 0
    register_reads: int = 0
    register_writes: int = 0
    hops: int = 0
    most_active: int = 0


@dataclass
class Pe:
    """One PE of a chain: filter row ``i`` of its channels, for its filters, at output row ``e``."""

    i: int
    e: int
    filters: list[int]
    channels: list[int]
    window: int = 0
    step: int = 0
    sums: dict[int, int] = field(default_factory=dict)
    sent: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


def run(conv: Convolution, width: int, t: int, r: int, p: int, q: int) -> Counted:
    """Phases of filters and channels, each with its strips; PEs without work (ragged edges) wait as long as the others."""
    m, e, f = conv.outputs
    channels = conv.filters.shape[1]
    counted = Counted(np.zeros((m, e, f), dtype=int))
    for first_m in range(0, m, p * t):
        for first_c in range(0, channels, q * r):
            counted.cycles += p * q * conv.filters.shape[3]  # a word a cycle into each PE
            started = False
            for first_e in range(0, e, width):
                rows = range(first_e, min(e, first_e + width))
                started = _strip(conv, counted, rows, (first_m, p, t), (first_c, q, r), started)
            _load(conv, counted, (first_m, p, t), (first_c, q, r), min(width, e))
    return counted


def _deal(block: tuple[int, int, int], total: int) -> list[list[int]]:
    """Indices of each set: set 0 the first, set 1 the next, ..."""
    first, each, sets = block
    return [[x for x in range(first + k * each, first + (k + 1) * each) if x < total] for k in range(sets)]


def _load(
    conv: Convolution, counted: Counted, ms: tuple[int, int, int], cs: tuple[int, int, int], columns: int
) -> None:
    m, c, r, s = conv.filters.shape
    for filters, channels in product(_deal(ms, m), _deal(cs, c)):
        for _ in product(filters, channels, range(r), range(s)):
            counted.filters += 1
            counted.register_writes += columns


def _strip(
    conv: Convolution, counted: Counted, rows: range, ms: tuple[int, int, int], cs: tuple[int, int, int], started: bool
) -> bool:
    """All chains of one strip, in step; the first strip of a phase also waits for its last sum to climb."""
    m, c, r, _ = conv.filters.shape
    sets = _deal(cs, c)
    chains = [
        [Pe(i, e, filters, channels) for channels in sets for i in range(r)]
        for filters in _deal(ms, m) if filters for e in rows
    ]  # fmt: skip
    needed = {(ch, pe.e * conv.stride + pe.i) for chain in chains for pe in chain for ch in pe.channels}
    counted.ifmap += len(needed) * conv.image.shape[2]
    for chain in chains:
        for pe in chain:
            counted.register_writes += len(pe.channels) * conv.image.shape[2]
    counted.most_active = max(counted.most_active, sum(bool(pe.channels) for chain in chains for pe in chain))
    cycle = 0
    while any(pe.window < conv.outputs[2] for chain in chains for pe in chain):
        for chain in chains:
            for place in reversed(range(len(chain))):
                _cycle(conv, counted, chain, place, cycle, ms[1], cs[1])
        cycle += 1
    counted.cycles += cycle - (len(chains[0]) - 1 if started else 0)
    return True


def _cycle(conv: Convolution, counted: Counted, chain: list[Pe], place: int, cycle: int, p: int, q: int) -> None:
    """One PE for one cycle: a product, or the addition of the sum from below once that has arrived."""
    pe, s = chain[place], conv.filters.shape[3]
    if pe.window >= conv.outputs[2]:
        return
    if pe.step < p * q * s:
        which, rest = divmod(pe.step, q * s)
        ch, col = divmod(rest, s)
        if which < len(pe.filters) and ch < len(pe.channels):
            f, channel = pe.filters[which], pe.channels[ch]
            value = conv.image[channel, pe.e * conv.stride + pe.i, pe.window * conv.stride + col]
            pe.sums[f] = pe.sums.get(f, 0) + int(conv.filters[f, channel, pe.i, col]) * int(value)
            counted.register_reads += 3
            counted.register_writes += 1
        pe.step += 1
        return
    which = pe.step - p * q * s
    if which < len(pe.filters):
        f = pe.filters[which]
        total = 0
        if place:
            sent_at, total = chain[place - 1].sent.get((pe.window, f), (cycle, 0))
            if sent_at >= cycle:
                return
            counted.hops += 1
        total += pe.sums.pop(f, 0)
        pe.sent[pe.window, f] = (cycle, total)
        counted.register_reads += 1
        counted.register_writes += 1
        if place == len(chain) - 1:
            counted.results[f, pe.e, pe.window] += total
            counted.psums += 1
    pe.step += 1
    if pe.step == p * q * s + p:
        pe.step, pe.window = 0, pe.window + 1
