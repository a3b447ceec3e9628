"""What a run gives: the fields of ``report.json`` as attributes.

Exact are the ``_ps`` fields and counts (integers); seconds, joules and rates are floats computed from them. A field is
None (``null``) where it is undefined: energy without an energy table, utilization where no array multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from sim.observe.recording import Recorded
from sim.run.record import RunRecord

SCHEMA_VERSION = 1
NOT_REPORTED = ("record", "prices", "recorder")


@dataclass(frozen=True)
class ResultData:
    """One run. ``operators`` (as written) and ``components`` (by declared path) are plain dictionaries; their fields
    are told in :mod:`sim.report.operators` and :mod:`sim.report.components`; ``chips`` in :mod:`sim.report.chips`,
    ``core_groups`` (stages of a pipeline on one chip) in :mod:`sim.report.core_groups`,
    ``balance`` (over cores) in :mod:`sim.report.balance`, ``pim`` in :mod:`sim.report.pim`.

    ``record`` is the exact record of the run, ``prices`` every energy price used; neither is part of the report.
    """

    schema_version: int
    tool: dict[str, str]
    architecture: dict[str, str]
    trace: dict[str, str]
    clock: dict[str, Any]
    cycles: int
    time_s: float
    time_ps: int
    energy_j: float | None
    unattributed_energy_j: float | None
    average_power_w: float | None
    energy_table: str | None
    macs: int
    macs_executed: int
    peak_macs_per_s: float
    utilization: float | None
    operators: tuple[dict[str, Any], ...]
    components: dict[str, dict[str, Any]]
    traffic: tuple[dict[str, Any], ...]
    fusion_saved_bytes: int
    memory: dict[str, dict[str, int]]
    off_chip: dict[str, int]
    roofline: dict[str, Any]
    events: dict[str, int]
    warnings: tuple[str, ...]
    chips: tuple[dict[str, Any], ...]
    core_groups: tuple[dict[str, Any], ...]
    balance: dict[str, Any] | None
    pim: tuple[dict[str, Any], ...]
    record: RunRecord = field(repr=False)
    prices: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    recorder: Recorded | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds, as plain data."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in NOT_REPORTED}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
