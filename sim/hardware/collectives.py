"""``kind: collectives``: a chip's end of the links to other chips, and the library that runs collectives over them.

What it models: a collective is a schedule of messages (:mod:`sim.hardware.noc.traffic_collectives`) on the links between
chips, one collective at a time per chip, beside the computing units. A *protocol* has a cost per operation, a cost per
step of the schedule, and a share of the links' bandwidth that data gets; a library picks algorithm and protocol by
predicted time. What it leaves out: the computing units that a library borrows for copying and adding, reductions inside a
switch, and channels (a message takes its links as a whole). Busy means: a collective is under way.

The three costs are those by which NCCL's own tuner predicts times (NVIDIA, NCCL, src/graph/tuning.cc: base latency,
hardware latency per step, bandwidth factor); nothing here is fitted to a measurement of ours.
"""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from sim.config.fields import DurationPs, Rate
from sim.config.spec import FrozenSpec, components
from sim.core.component import Component, Context
from sim.core.errors import Place, Problems
from sim.hardware.engine import EngineSpec
from sim.hardware.noc.traffic_collectives import ALGORITHMS


class ProtocolSpec(FrozenSpec):
    """One protocol of a library of collectives."""

    launch: DurationPs = Field(default=0, description="time before the first message of an operation")
    step: DurationPs = Field(default=0, description="time that every step of the schedule takes beside its transfer")
    share: Rate = Field(default=Fraction(1), description="share of the links' bandwidth that data gets, at most 1")


class CollectivesSpec(EngineSpec):
    """YAML keys of ``kind: collectives``."""

    protocols: dict[str, ProtocolSpec] = Field(
        default_factory=lambda: {"plain": ProtocolSpec()}, description="protocols by name; each message uses one"
    )


class CollectivesModel:
    """Closed forms of one chip's library (no state)."""

    def __init__(self, spec: CollectivesSpec) -> None:
        self.spec = spec

    def wire_bytes(self, protocol: str, size_bytes: int) -> int:
        """Bytes that a message of ``size_bytes`` takes on a link, the protocol's own included."""
        share = self.spec.protocols[protocol].share
        return -(-size_bytes * share.denominator // share.numerator)


def usable(function: str, ranks: int, pinned: str | None = None, place: Place | None = None) -> list[str]:
    """Algorithms of a function for this many ranks, or the one pinned at ``place``; InputError when that is none of them."""
    fitting = [name for name in sorted(ALGORITHMS[function]) if name != "recursive" or not ranks & (ranks - 1)]
    if pinned is None:
        return fitting
    problems = Problems()
    if pinned not in fitting:
        message = f"policy.collectives: {function} among {ranks} chips has no such algorithm"
        problems.add(message, place, found=pinned, allowed=fitting, suggest_for=pinned)
    problems.raise_if_any()
    return [pinned]


@components.register("collectives")
class Collectives(Component):
    """One chip's library in a run: one lane, one collective at a time."""

    Spec = CollectivesSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: CollectivesSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.library = CollectivesModel(spec)
        self.only_lane = self.lane()
