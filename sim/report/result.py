"""The result of a run: the fields of ``report.json`` as attributes, and the files of a run's folder.

Exact are the ``_ps`` fields and counts (integers); seconds, joules and rates are floats computed from them. A field is
None (``null``) where it is undefined: energy without an energy table, utilization where no array multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.observe.recording import Recorded
from sim.run.record import RunRecord

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
NOT_REPORTED = ("record", "prices", "recorder")


@dataclass(frozen=True)
class Result:
    """One run. ``operators`` (as written) and ``components`` (by declared path) are plain dictionaries; their fields
    are told in :mod:`sim.report.operators` and :mod:`sim.report.components`; ``chips`` in :mod:`sim.report.chips`.

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
    record: RunRecord = field(repr=False)
    prices: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    recorder: Recorded | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds, as plain data."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in NOT_REPORTED}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def to_pandas(self) -> Any:
        """The operators as a pandas DataFrame, one row each; ImportError when pandas is not installed."""
        import pandas  # type: ignore[import-untyped,unused-ignore]

        from sim.report.files import flat_operators

        return pandas.DataFrame(flat_operators(self))

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write the files of a run to ``folder`` (made when missing), all or none; returns their paths.

        ``timeline.json`` is among them when the run was recorded. Raises InputError when they cannot be written.
        """
        from sim.report.files import save

        return save(self, Path(folder))

    def show(self, console: Console | None = None, detail: bool = False) -> None:
        """Print the tables of ``tilesim run``."""
        from sim.report.text import show

        show(self, console, detail)

    def _repr_html_(self) -> str:
        from sim.report.notebook import summary_html

        return summary_html(self)
