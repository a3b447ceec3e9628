"""Plans: what the mapper hands to the executor. Plain, frozen data; nothing here knows time.

A plan says, for each core that takes part, a sequence of tile *steps*: what to load from which tier, what to compute on
which unit, what to store. Steps are produced lazily and identical steps are one object, so a plan of a million tiles
costs a few kilobytes. A plan belongs to a *shape* of region; binding it to tensors is the executor's business: operand
positions say which of the region's operands is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, cast

ALTERNATIVES = 3
"""Candidates that were not chosen, kept so that a choice can be explained."""
Split = tuple[tuple[int, int], ...]
"""(tier index, bytes) pairs: from or to where the bytes of one operand tile go."""


class ArrayWork(NamedTuple):
    """One tile on the PE arrays: cycles per participating array, what it moves at their edge, and (rs) inside the PEs.

    ``streaming_cycles``: those of all arrays in which PEs take operands.
    """

    shares: tuple[int, ...]
    streaming_cycles: int
    macs: int
    macs_executed: int
    a_reads: int
    b_reads: int
    c_writes: int
    scratchpad_read: int
    scratchpad_write: int
    accumulator_read: int
    accumulator_write: int
    register_reads: int
    register_writes: int
    hops: int
    conflicts: int
    compute_type: str


class VectorStep(NamedTuple):
    """One tile on the vector unit."""

    operations: tuple[tuple[str, int], ...]
    scratchpad_read: int
    scratchpad_write: int
    macs: int
    macs_executed: int


class Load(NamedTuple):
    """Bytes of one operand (position in the region) for one tile, ``hit`` of them in a cache.

    ``shared``: the slots, this one among them, whose step of the same number loads the same bytes; empty: only this one.
    """

    operand: int
    split: Split
    shared: tuple[int, ...] = ()
    hit: int = 0


class PartialSums(NamedTuple):
    """A block's partial sums at one of the cores that share its K: each of ``sources`` (slots) sends ``size_bytes`` to
    this one, which adds them to its own and sends the sum to the slot ``target``; None: the sums are complete here.
    """

    size_bytes: int
    sources: tuple[int, ...]
    target: int | None


class TilePlace(NamedTuple):
    """Where a tile lies in what moves of its operand; where its rows lie apart, the bytes of one and from one to the next
    (else 0). ``part``: of a joined region, the part in whose results it lies; None: in all results, one behind the other.
    """

    offset_bytes: int
    row_bytes: int = 0
    stride_bytes: int = 0
    part: int | None = None


RESULTS = -2
"""Position, in :meth:`StepSchedule.extent_bytes`, of the results."""


class Step(NamedTuple):
    """One tile on one core. Byte counts of credits: ``acquire`` before loading, released after array or vector stage.

    ``open_output`` results' bytes are reserved before compute, ``close_output`` given back when stored. A step without
    ``stores`` and ``close_output`` leaves its results for a later step of the same block (inner K tiles). With
    ``follows`` it also waits for the compute of the step before it; with ``sums`` the vector stage for partial sums of
    other cores, for which ``acquire`` has room. ``array_operator`` and ``vector_operator`` are the
    places in the region of the operators whose work its two stages are. ``places``: of the tile of each load and, behind
    them, of the stores; empty where the plan does not know.
    """

    loads: tuple[Load, ...]
    acquire: int
    release_after_array: int
    release_after_vector: int
    open_output: int
    array: ArrayWork | None
    vector: VectorStep | None
    stores: Split
    close_output: int
    last: bool
    array_operator: int = 0
    vector_operator: int = 0
    follows: bool = False
    sums: PartialSums | None = None
    places: tuple[TilePlace, ...] = ()


class Schedule(Protocol):
    """What the units of an engine are to do; ``slots``: how many of them take part."""

    @property
    def slots(self) -> int: ...


class StepSchedule(Schedule, Protocol):
    """Produces the steps of each core slot."""

    def steps(self, slot: int) -> Iterator[Step]: ...

    def extent_bytes(self, position: int) -> int:
        """Bytes that the schedule covers of the operand at ``position`` or of the :data:`RESULTS`; 0: it says no places."""
        ...


@dataclass(frozen=True)
class Choice:
    """What the mapper chose, for report and explain. ``tile`` and ``split`` in elements and cores per dimension.

    ``alternatives``: the cheapest other candidates (one per dataflow or unit, split and loop order), without their own.
    """

    engine: str
    dataflow: str | None
    tile: dict[str, int]
    order: str
    split: dict[str, int]
    buffers: int
    tiles: int
    considered: int
    predicted_ps: int
    best_ps: int
    terms_ps: dict[str, int] = field(default_factory=dict)
    alternatives: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "engine": self.engine, "dataflow": self.dataflow, "tile": dict(self.tile), "order": self.order,
            "split": dict(self.split), "buffers": self.buffers, "tiles": self.tiles, "considered": self.considered,
            "predicted_ps": self.predicted_ps, "best_ps": self.best_ps, "terms_ps": dict(self.terms_ps),
            "alternatives": list(self.alternatives),
        }  # fmt: skip

    def to_alternative(self) -> dict[str, Any]:
        """What is kept of a candidate that was not chosen."""
        left_out = ("alternatives", "considered", "best_ps")
        return {name: value for name, value in self.to_dict().items() if name not in left_out}


@dataclass(frozen=True)
class Plan:
    """A plan for one shape of region on one engine.

    ``engine``: the name of the engine (a class of cores: the path of their declaration). ``local_operands``:
    positions of operands that are read in place; ``untyped``: matrix work whose element type the arrays of the class
    cannot multiply; ``added_operations``: vector operations that the plan does beyond the operators' own.
    ``spilled_bytes``: partial sums that it stores beyond the results; ``reduced_bytes``: those sent between cores.
    ``parts``: of a plan whose work is divided over several engines, what each does; ``engine`` then names all of them and
    ``schedules`` is empty. ``offers``: what else could have been chosen.
    """

    engine: str
    schedules: tuple[Schedule, ...]
    choices: tuple[Choice, ...]
    uses_arrays: bool = False
    uses_vector: bool = False
    local_operands: tuple[int, ...] = ()
    peak_macs_per_s: Fraction = Fraction(0)
    untyped: bool = False
    compute_type: str = ""
    added_operations: tuple[tuple[str, int], ...] = ()
    spilled_bytes: int = 0
    reduced_bytes: int = 0
    in_place: tuple[int, ...] = ()
    """Positions of operands that the engine reads where they lie: nothing is moved."""
    kept_bytes: int = 0
    """Of the results, those that the engine leaves where they belong: nothing is moved."""
    delivered_bytes: int = 0
    """Of the results that have their home in the only core's scratchpad, those that the engine writes there over links."""
    required: bool = False
    """No other engine can do it: the layout of the memory asks for this one."""
    parts: tuple[Part, ...] = ()
    offers: Offers | None = None

    @property
    def predicted_ps(self) -> int:
        """Time the plan is predicted to take alone."""
        if self.parts:
            return max(part.plan.predicted_ps for part in self.parts)
        return sum(choice.predicted_ps for choice in self.choices)

    def first_byte(self, schedule: int, position: int) -> int:
        """Where the part of an operand begins that a schedule (its place in the plan) covers: behind those before it."""
        before = self.schedules[:schedule]
        return sum(cast(StepSchedule, one).extent_bytes(position) for one in before)

    @property
    def slots(self) -> int:
        """Cores (or other units of the engine) that take part; of a divided plan, its parts."""
        return len(self.parts) or max(schedule.slots for schedule in self.schedules)

    @property
    def engines(self) -> tuple[str, ...]:
        """Every engine that takes part."""
        return tuple(part.plan.engine for part in self.parts) or (self.engine,)


class Offers(NamedTuple):
    """What the engines said of a region: (engine, predicted time) of those that can execute it, and (engine, why not) of
    others; ``rule``: how the strategy chooses."""

    rule: str
    predicted_ps: tuple[tuple[str, int], ...]
    declined: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "predicted_ps": dict(self.predicted_ps), "declined": dict(self.declined)}


class Part(NamedTuple):
    """One engine's part of a divided region: its plan, and the bytes of operands (by position) and results that move."""

    plan: Plan
    loads_bytes: tuple[int, ...]
    stores_bytes: int


def divided(parts: tuple[Part, ...], offers: Offers | None) -> Plan:
    """The plan of a region whose ``parts`` are executed side by side."""
    plans = [part.plan for part in parts]
    operations: dict[str, int] = {}
    for plan in plans:
        for name, count in plan.added_operations:
            operations[name] = operations.get(name, 0) + count
    return Plan(
        engine=" + ".join(plan.engine for plan in plans),
        schedules=(),
        choices=tuple(choice for plan in plans for choice in plan.choices),
        uses_arrays=any(plan.uses_arrays for plan in plans),
        uses_vector=any(plan.uses_vector for plan in plans),
        peak_macs_per_s=sum((plan.peak_macs_per_s for plan in plans), Fraction(0)),
        untyped=any(plan.untyped for plan in plans),
        compute_type=plans[0].compute_type,
        added_operations=tuple(sorted(operations.items())),
        spilled_bytes=sum(plan.spilled_bytes for plan in plans),
        reduced_bytes=sum(plan.reduced_bytes for plan in plans),
        in_place=tuple(sorted({place for plan in plans for place in plan.in_place})),
        parts=parts,
        offers=offers,
    )


@dataclass(frozen=True)
class Sources:
    """Where one operand comes from (or the result goes).

    ``tiers``: (tier index, weight in bytes) of the parts that have to be transferred; ``here``: weight of the parts that
    already are in the core's own scratchpad. ``persistent``: all of it is weights or caches. ``cache``: capacity in bytes
    of the cache in front of all its tiers, 0 without one; ``cached``: all of it is in there when the region begins.
    """

    tiers: tuple[tuple[int, int], ...]
    here: int
    persistent: bool
    cache: int = 0
    cached: bool = False

    @property
    def local(self) -> bool:
        """Nothing has to be transferred."""
        return not self.tiers

    def transferred(self, size_bytes: Any) -> Any:
        """How much of ``size_bytes`` of this operand has to be transferred (integers or arrays)."""
        if not self.tiers:
            return 0 * size_bytes
        if not self.here:
            return size_bytes
        remote = sum(weight for _, weight in self.tiers)
        return -(-size_bytes * remote // (remote + self.here))

    def split(self, transferred_bytes: int) -> Split:
        """``transferred_bytes`` over the tiers, in proportion and exact in total."""
        if transferred_bytes == 0:
            return ()
        if len(self.tiers) == 1:
            return ((self.tiers[0][0], transferred_bytes),)
        whole = sum(weight for _, weight in self.tiers)
        parts, given = [], 0
        for tier, weight in self.tiers[:-1]:
            part = transferred_bytes * weight // whole
            parts.append((tier, part))
            given += part
        parts.append((self.tiers[-1][0], transferred_bytes - given))
        return tuple((tier, part) for tier, part in parts if part)
