"""The record of a run: plain data, exact integers, serialisable. Everything reported later is computed from it.

Times are integer picoseconds, counts exact. Nothing here refers to a model object, so a record pickles, hashes and
travels as JSON; energy and reports are made from it after the run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sim.hardware.noc.port_use import Busiest, PortUse

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class LaneRecord:
    """One lane's account. ``busy_by`` and ``stall_by`` per operator number (-1: none)."""

    name: str
    busy_ps: int
    idle_ps: int
    stall_ps: dict[str, int]
    busy_by: dict[int, int]
    stall_by: dict[int, dict[str, int]]


@dataclass(frozen=True)
class ComponentRecord:
    """One component instance. ``actions`` and ``ledger``: operator number -> name -> count (ledger carries no energy).

    ``channels``: of the units of a memory, what each channel counted over the run, by name. Of a link: its ``ports``, and
    the ``busiest`` of all its channels (:mod:`sim.hardware.noc.port_use`) over the run and by operator number.
    ``network``: of a routed fabric, where its routers are drawn and who hangs on them, and the routers of its links;
    None for copies on chips that another stands for.
    """

    path: str
    declared: str
    kind: str
    clock_hz: float | None
    lanes: tuple[LaneRecord, ...]
    actions: dict[int, dict[str, int]]
    ledger: dict[int, dict[str, int]]
    peak: float | None
    unit: str | None
    buffers: dict[str, dict[str, int]] = field(default_factory=dict)
    channels: tuple[dict[str, int], ...] = ()
    ports: tuple[PortUse, ...] = ()
    busiest: Busiest | None = None
    busiest_by: dict[int, Busiest] = field(default_factory=dict)
    network: dict[str, Any] | None = None


@dataclass(frozen=True)
class OperatorRecord:
    """One operator as written; ``count`` executions. ``region`` is the head it ran with; ``mapping`` that of its first run.

    ``active_ps``: time during which an execution was computing; ``span_ps``: from its first transfer, prefetches included.
    ``fusion_saved_bytes``: of the regions it heads, what passed between operators on chip instead of through memories.
    ``dispatch``: of its first execution, where engines could be chosen among: the strategy's rule, the time that each
    engine predicted, and why others declined.
    ``bytes``: tier -> {read, written}. ``demand_ps``: resource -> time its work alone would keep that resource busy.
    """

    name: str
    kind: str
    job: str
    count: int
    region: str
    fused: tuple[str, ...]
    engine: str
    dims: dict[str, Any]
    first_start_ps: int
    last_end_ps: int
    active_ps: int
    span_ps: int
    macs: int
    macs_executed: int
    peak_macs_per_s: float
    mapping: tuple[dict[str, Any], ...]
    bytes: dict[str, dict[str, int]]
    demand_ps: dict[str, int]
    fusion_saved_bytes: int = 0
    dispatch: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """A whole run. ``off_chip``: bytes to and from off-chip memory, compulsory and avoidable (:mod:`sim.run.off_chip`).

    ``architecture`` holds name, sha256 and the resolved document; ``trace`` name, sha256 and source. ``core_groups``: what
    each group of cores of a pipeline had to do, got and kept (:meth:`sim.run.stage_programs.StageRun.record`). ``alike``:
    chips that were not simulated -> the chip that stands for them (:mod:`sim.run.replicas`)."""

    architecture: dict[str, Any]
    trace: dict[str, Any]
    clock: dict[str, Any]
    elapsed_ps: int
    operators: tuple[OperatorRecord, ...]
    components: tuple[ComponentRecord, ...]
    traffic: tuple[dict[str, Any], ...]
    memory: dict[str, dict[str, int]]
    peak_macs_per_s: float
    warnings: tuple[str, ...]
    events: dict[str, int]
    off_chip: dict[str, int] = field(default_factory=dict)
    core_groups: tuple[dict[str, Any], ...] = ()
    alike: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def simulated(self, name: str) -> str:
        """The path or lane that was simulated for this one; itself unless it is on a chip that another stands for."""
        for chip, first in self.alike.items():
            if name.startswith(f"{chip}."):
                return name.replace(f"{chip}.", f"{first}.")
        return name

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able data (operator numbers become strings in JSON)."""
        return asdict(self)


def record_from_dict(data: dict[str, Any]) -> RunRecord:
    """The inverse of :meth:`RunRecord.to_dict`, also after a trip through JSON."""
    components = []
    for one in data["components"]:
        lanes = tuple(
            LaneRecord(**{**lane, "busy_by": _by_owner(lane["busy_by"]), "stall_by": _by_owner(lane["stall_by"])})
            for lane in one["lanes"]
        )
        components.append(ComponentRecord(**{
            **one, "lanes": lanes, "actions": _by_owner(one["actions"]), "ledger": _by_owner(one["ledger"]),
            "channels": tuple(one["channels"]), "ports": tuple(PortUse(**port) for port in one["ports"]),
            "busiest": Busiest(*one["busiest"]) if one["busiest"] else None,
            "busiest_by": {int(owner): Busiest(*found) for owner, found in one["busiest_by"].items()},
        }))  # fmt: skip
    operators = tuple(
        OperatorRecord(**{**one, "fused": tuple(one["fused"]), "mapping": tuple(one["mapping"])})
        for one in data["operators"]
    )
    return RunRecord(**{
        **data, "components": tuple(components), "operators": operators, "traffic": tuple(data["traffic"]),
        "warnings": tuple(data["warnings"]), "core_groups": tuple(data["core_groups"]),
    })  # fmt: skip


def _by_owner(table: dict[Any, Any]) -> dict[int, Any]:
    return {int(owner): value for owner, value in table.items()}
