"""Request patterns: the address and kind of request i, i = 0 ... count - 1, in granules of ``granule_bytes``.

Sequential, strided, random (a 64-bit linear congruential generator: multiplier and increment of Knuth's MMIX) and two
interleaved streams, over a footprint of 256 MiB. ``gap`` patterns (``ll_``) leave 100 cycles between requests.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.core.errors import Problems

FOOTPRINT_BYTES = 1 << 28
LOW_LOAD_GAP_CYCLES = 100
_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407
_SEED = 12345
_MASK = (1 << 64) - 1
NAMES = (
    "seq_rd", "seq_wr", "seq_mix21", "stride<bytes>", "rand_rd", "rand_wr", "rand_mix21", "two_streams",
    "two_streams_off", "ll_seq", "ll_rand",
)  # fmt: skip


class Requests(NamedTuple):
    addresses: npt.NDArray[np.int64]
    is_write: npt.NDArray[np.bool_]
    gap_cycles: int


def make(name: str, count: int, granule_bytes: int) -> Requests:
    """The requests of pattern ``name``; raises InputError for an unknown name or bad sizes."""
    problems = Problems()
    stride = name.removeprefix("stride")
    if name not in NAMES and not (name.startswith("stride") and stride.isdecimal() and int(stride) > 0):
        problems.add("unknown request pattern", found=name, allowed=NAMES, suggest_for=name)
    if count < 1:
        problems.add("a pattern needs at least one request", found=count)
    if granule_bytes < 1 or granule_bytes & (granule_bytes - 1) or granule_bytes > FOOTPRINT_BYTES:
        problems.add("the granule must be a power of two of bytes", found=granule_bytes)
    problems.raise_if_any()
    index = np.arange(count, dtype=np.int64)
    gap = LOW_LOAD_GAP_CYCLES if name.startswith("ll_") else 0
    return Requests(_addresses(name, index, granule_bytes), _kinds(name, index), gap)


def _addresses(name: str, index: npt.NDArray[np.int64], granule: int) -> npt.NDArray[np.int64]:
    if name.startswith("stride"):
        travelled = index * int(name.removeprefix("stride"))
        return travelled % FOOTPRINT_BYTES + travelled // FOOTPRINT_BYTES * granule
    if name.startswith("two_streams"):
        offset = (1 << 27) + ((1 << 16) if name.endswith("_off") else 0)
        return granule * (index // 2) + np.where(index % 2 == 1, offset, 0)
    if "rand" in name:
        return _random(len(index), granule)
    return index * granule


def _random(count: int, granule: int) -> npt.NDArray[np.int64]:
    shift = 64 - (FOOTPRINT_BYTES // granule).bit_length() + 1
    state, found = _SEED, np.empty(count, dtype=np.int64)
    for i in range(count):
        state = (_MULTIPLIER * state + _INCREMENT) & _MASK
        found[i] = (state >> shift) * granule
    return found


def _kinds(name: str, index: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    if name.endswith("_wr"):
        return np.ones(len(index), dtype=np.bool_)
    if name.endswith("_mix21"):
        return np.equal(index % 3, 2)
    return np.zeros(len(index), dtype=np.bool_)


def checksum(requests: Requests) -> int:
    """A 64-bit FNV-1a over (address | is_write), word by word: names a pattern exactly."""
    digest = 1469598103934665603
    for address, write in zip(requests.addresses.tolist(), requests.is_write.tolist(), strict=True):
        digest = ((digest ^ (address | int(write))) * 1099511628211) & _MASK
    return digest
