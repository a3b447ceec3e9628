"""One region in flight: who it waits for, what is left of it, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sim.core.component import Cause
from sim.hardware.copy_engine import Copy
from sim.mapping.plan import Part, Plan
from sim.mapping.regions import Region
from sim.run.addresses import Addresses


class Fill(Protocol):
    """Weights on their way into the scratchpads of the cores that keep them."""

    on_complete: list[Callable[[], None]]

    @property
    def complete(self) -> bool: ...


class OperatorClock:
    """Time during which at least one instance of an operator as written was executing, and its first and last instant."""

    __slots__ = ("_active", "_since", "active_ps", "first_ps", "last_ps")

    def __init__(self) -> None:
        self.first_ps = -1
        self.last_ps = 0
        self.active_ps = 0
        self._active = 0
        self._since = 0

    def start(self, now_ps: int) -> None:
        if self.first_ps < 0:
            self.first_ps = now_ps
        if self._active == 0:
            self._since = now_ps
        self._active += 1

    def stop(self, now_ps: int) -> None:
        self._active -= 1
        self.last_ps = now_ps
        if self._active == 0:
            self.active_ps += now_ps - self._since


class RegionRun:
    """State of one region between admission and completion.

    ``producers[position]`` are the regions still to finish before operand ``position`` can be loaded (or, local, read).
    ``loaded_bytes`` and ``expected_loads`` are per operand position: bytes moved in, and those that have to move at least.
    ``copies`` are those of its weights and caches from slower tiers. ``cores``: those that it has to run on, where its
    weights are; none: any. ``reduced_bytes``: partial
    sums sent between cores. ``staged_bytes``: of those stored, operands put where
    an engine in memory reads them. ``predicted_end_ps``: when the dispatcher thinks it ends. ``owners`` numbers the
    region's operators as written, head first. ``addresses``: of what it moves. ``clock`` runs while it executes, ``span``
    from its first transfer (weights are prefetched) to its end.
    """

    def __init__(
        self, region: Region, plan: Plan, owners: tuple[int, ...], clock: OperatorClock, span: OperatorClock,
        addresses: Addresses,
    ) -> None:  # fmt: skip
        self.region = region
        self.plan = plan
        self.number = region.number
        self.owners = owners
        self.owner = owners[0]
        self.clock = clock
        self.span = span
        self.addresses = addresses
        self.producers: list[tuple[RegionRun, ...]] = []
        self.copies: tuple[Copy | Fill, ...] = ()
        self.cores: tuple[int, ...] = ()
        self.open_slots = plan.slots
        self.complete = False
        self.started = False
        self.started_ps = 0
        self.touched = False
        self.stored_bytes = 0
        self.expected_bytes = 0
        self.staged_bytes = 0
        self.reduced_bytes = 0
        self.predicted_end_ps = 0
        self.loaded_bytes: dict[int, int] = {}
        self.expected_loads: tuple[int, ...] = ()
        self.on_complete: list[Callable[[], None]] = []

    def touch(self, now_ps: int) -> None:
        """Something moves for the region from now on (first time only)."""
        if not self.touched:
            self.touched = True
            self.span.start(now_ps)

    def start(self, now_ps: int) -> None:
        """Something of the region executes from now on (first time only)."""
        if not self.started:
            self.started = True
            self.started_ps = now_ps
            self.touch(now_ps)
            self.clock.start(now_ps)

    def slot_done(self, now_ps: int) -> None:
        """One core has finished its share; the last one completes the region."""
        self.open_slots -= 1
        if self.open_slots:
            return
        self.start(now_ps)
        self.clock.stop(now_ps)
        self.span.stop(now_ps)
        self._finish()

    def in_parts(self) -> tuple[RegionRun, ...]:
        """A run for each part of a divided plan, on the clocks of the whole; else the run itself."""
        return tuple(self._part(part) for part in self.plan.parts) or (self,)

    def _part(self, part: Part) -> RegionRun:
        run = RegionRun(self.region, part.plan, self.owners, self.clock, self.span, self.addresses.under(part.plan))
        run.producers, run.copies = self.producers, self.copies
        run.expected_loads, run.expected_bytes = part.loads_bytes, part.stores_bytes
        return run

    def part_done(self, part: RegionRun) -> None:
        """A part of a divided plan is complete; the last one completes the whole."""
        for position, size in part.loaded_bytes.items():
            self.loaded_bytes[position] = self.loaded_bytes.get(position, 0) + size
        self.stored_bytes += part.stored_bytes
        self.staged_bytes += part.staged_bytes
        self.reduced_bytes += part.reduced_bytes
        self.started_ps = min(self.started_ps, part.started_ps) if self.started else part.started_ps
        self.started = True
        self.open_slots -= 1
        if not self.open_slots:
            self._finish()

    def _finish(self) -> None:
        self.complete = True
        self.copies = ()
        self.producers = []  # else every region would keep all before it alive
        waiting, self.on_complete = self.on_complete, []
        for resume in waiting:
            resume()

    def when_ready(self, positions: tuple[int, ...], go: Callable[[Cause | None], None]) -> None:
        """Run ``go`` when the producers of these operands are complete and the copies of all operands have arrived.

        ``go`` is told what it was that cleared last, or None when nothing was to be waited for.
        """
        missing = self._missing(positions)
        if not missing:
            go(None)
            return
        left = len(missing)

        def one_done(cause: Cause) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                go(cause)

        for one, cause in missing.items():
            one.on_complete.append(lambda cause=cause: one_done(cause))  # type: ignore[misc]

    def _missing(self, positions: tuple[int, ...]) -> dict[RegionRun | Copy | Fill, Cause]:
        found: dict[RegionRun | Copy | Fill, Cause] = {}
        for position in positions:
            for producer in self.producers[position]:
                if not producer.complete:
                    found[producer] = Cause.DEPENDENCY
        for copy in self.copies:
            if not copy.complete:
                found[copy] = Cause.COPY
        return found

    def waits_for(self) -> str:
        """Who it is and what it still waits for, for a report of a deadlock."""
        awaited: list[RegionRun | Copy | Fill] = [*(one for group in self.producers for one in group), *self.copies]
        missing = sorted({str(one) for one in awaited if not one.complete})
        cause = f"the results of {', '.join(missing)}" if missing else "its own transfers or tiles"
        return f"{self} waits for {cause} ({self.open_slots} of {self.plan.slots} cores unfinished)"

    def __str__(self) -> str:
        return str(self.region)
