"""Off-chip bytes that a run could not have done without, and the rest.

*Compulsory* is what on-chip memory of any size would still move: every weight and model input once (what the job reads of
it, at most the whole), every output of the model once, and what is appended to caches. *Avoidable* is what was moved
between on-chip and off-chip memory beyond that: activations that did not fit and went out and came back, and weights and
inputs that were loaded more than once (per tile, per core, per step). Copies among off-chip tiers are neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.hardware.layout import Layout
from sim.mapping.regions import Region
from sim.run.jobs import Job
from sim.trace.expand import Slice, output_keys

Key = tuple[str, Any]


class _Needs:
    """What one job has read of its weights and inputs so far, and which of its own results are alive."""

    def __init__(self, job: Job) -> None:
        self.outputs = output_keys(job.trace)
        self.made: set[Key] = set()
        self.read: dict[Key, int] = {}


class OffChip:
    """Counts the compulsory bytes of a run, region by region."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._jobs: dict[int, _Needs] = {}
        self.compulsory_bytes = 0

    def count(self, number: int, job: Job, region: Region, reads: Sequence[Slice], homes: Mapping[Key, int]) -> None:
        """A region of job ``number`` is about to run with its tensors in the tiers that ``homes`` says."""
        needs = self._jobs.get(number)
        if needs is None:
            needs = self._jobs[number] = _Needs(job)
        for one in reads:
            key = one.tensor.key
            if key not in needs.made and self._off_chip(homes[key]):
                before = needs.read.get(key, 0)
                needs.read[key] = min(one.tensor.size_bytes, before + one.size_bytes)
                self.compulsory_bytes += max(0, needs.read[key] - before)
        for one in region.tail.outputs:
            if (one.tensor.persistent or one.tensor.key in needs.outputs) and self._off_chip(homes[one.tensor.key]):
                self.compulsory_bytes += one.size_bytes
            if not one.tensor.persistent:
                needs.made.add(one.tensor.key)
        for tensor in region.frees:
            needs.made.discard(tensor.key)
            needs.read.pop(tensor.key, None)

    def close(self, number: int) -> None:
        """The job is done."""
        self._jobs.pop(number, None)

    def report(self, traffic: Sequence[Mapping[str, Any]], not_read: Mapping[int, int]) -> dict[str, int]:
        """Bytes moved between on-chip and off-chip memory, of them compulsory, and avoidable.

        ``not_read``: by tier, the part of ``traffic`` that other cores got by the read of one (multicast).
        """
        off = {tier.node.path for tier in self._layout.tiers if not tier.on_chip}
        read = sum(one["bytes"] for one in traffic if one["source"] in off and one["destination"] not in off)
        read -= sum(size for tier, size in not_read.items() if self._off_chip(tier))
        written = sum(one["bytes"] for one in traffic if one["destination"] in off and one["source"] not in off)
        compulsory = min(self.compulsory_bytes, read + written)  # a sparse or strided operand may be read in part
        return {"read_bytes": read, "written_bytes": written, "compulsory_bytes": compulsory,
                "avoidable_bytes": read + written - compulsory}  # fmt: skip

    def _off_chip(self, tier: int) -> bool:
        return not self._layout.tiers[tier].on_chip
