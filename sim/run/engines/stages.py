"""Hand-overs between groups of cores in a run: the reader's ``recv`` ends when the maker's ``send`` does."""

from __future__ import annotations

from collections.abc import Sequence

from sim.core.errors import InconsistencyError
from sim.mapping.engines.stages import NAME
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.machine import Machine
from sim.run.region_run import RegionRun


@unit_kinds.register("stages")
class StageUnit:
    """One group's end of the hand-overs; ``index`` is the group's."""

    engine = NAME

    def __init__(self, machine: Machine, index: int) -> None:
        self._machine = machine
        self._open = 0
        self.index = index
        self.predicted_ps = 0
        self.tiles_taken = 0

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]:
        """One unit per group of cores; none where all cores do all layers."""
        return [cls(machine, index) for index in sorted(set(machine.layout.group_of.values()))]

    def admit(self, run: RegionRun, slot: int) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        head, mail = run.region.head, self._machine.mailbox
        key = head.operator.attributes["message"], head.indices
        self._open += 1
        self.tiles_taken += 1

        def over() -> None:
            self._open -= 1
            run.slot_done(self._machine.engine.now)

        if head.operator.kind == "recv":
            run.start(self._machine.engine.now)
            mail.when(key, over)
            return

        def made(_: object) -> None:
            mail.tell(key)
            over()

        run.when_ready((0,), made)

    def finish(self) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        if self._open:
            raise InconsistencyError("completion", f"group {self.index} ends with {self._open} hand-overs open")
