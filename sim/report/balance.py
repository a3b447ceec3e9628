"""How evenly the cores share the work: the busiest core against the mean of all, for operators and for the run.

A core's busy time is the sum over the lanes of its arrays and its vector unit. An operator counts with all that is fused
into it; the mean is over every core of the chip (or of the group of its cores) that executed it, so cores that got no share
of it lower the mean: one core of sixteen working alone is an imbalance of 16, equal shares are 1. Waiting is not busy: what
a core lost to a late operand is in its stalls.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sim.core.clock import PS_PER_S
from sim.hardware.layout import natural_key
from sim.run.record import OperatorRecord, RunRecord

KINDS = ("systolic_array", "vector_unit")


@dataclass(frozen=True)
class Balance:
    """Busy time of the cores of one chip on some work: the most, whose it is, and the mean."""

    max_ps: int
    mean_ps: float
    busiest: str
    cores: int

    @property
    def imbalance(self) -> float:
        """Most over mean, at least 1."""
        return self.max_ps / self.mean_ps

    def to_dict(self) -> dict[str, Any]:
        return {"imbalance": self.imbalance, "max_s": self.max_ps / PS_PER_S, "mean_s": self.mean_ps / PS_PER_S,
                "busiest": self.busiest, "cores": self.cores}  # fmt: skip


class CoreLoads:
    """Busy time of every core by operator, gathered from a run's record once."""

    def __init__(self, record: RunRecord) -> None:
        self._regions: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, one in enumerate(record.operators):
            self._regions[one.job, one.region].append(number)
        self._owners = range(len(record.operators))
        self._chips = _busy_of_chips(record)
        members = [set(one["cores"]) for one in record.core_groups]
        self._groups = [{core: busy for core, busy in cores.items() if core in group}
                        for cores in self._chips for group in members] or self._chips  # fmt: skip

    def of_operator(self, one: OperatorRecord) -> Balance | None:
        """Of the regions that an operator heads; None when it heads none, or ran on a machine of one core a chip."""
        return self._balance(self._regions.get((one.job, one.name), ()), self._groups)

    def of_run(self) -> Balance | None:
        """Of all operators together."""
        return self._balance(self._owners, self._chips)

    def _balance(self, owners: Sequence[int], sharing: list[dict[str, Counter[int]]]) -> Balance | None:
        """The chip (or group of cores) with the busiest core speaks for the others."""
        found = [{core: sum(busy[owner] for owner in owners) for core, busy in cores.items()} for cores in sharing]
        loads = max(found, key=lambda loads: max(loads.values()), default={})
        total = sum(loads.values())
        if len(loads) < 2 or not total:
            return None
        busiest = max(loads, key=lambda core: loads[core])
        return Balance(loads[busiest], total / len(loads), busiest, len(loads))


def _busy_of_chips(record: RunRecord) -> list[dict[str, Counter[int]]]:
    """Of each chip, busy time in ps by core and owner; cores in natural order."""
    ends = [one.path.rpartition(".")[0] for one in record.components if one.kind == "collectives"]
    chips: dict[str, dict[str, Counter[int]]] = {}
    for one in sorted(record.components, key=lambda one: natural_key(one.path)):
        if one.kind in KINDS:
            core = one.path.rpartition(".")[0]
            cores = chips.setdefault(next((chip for chip in ends if core.startswith(f"{chip}.")), ""), {})
            busy = cores.setdefault(core, Counter())
            for lane in one.lanes:
                busy.update(lane.busy_by)
    return list(chips.values())
