"""What changed between two runs, and what it did to time and energy.

Compared are the resolved architectures (value by value), the traces (by hash, and the operators as written), the mapper's
choices, and the figures of operators and components. Nothing is guessed about causes: changes of inputs and of figures
stand side by side. Operators are matched by job and name, those of one trace by name however it is cut into stages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sim.report.core_groups import own_cores, within
from sim.report.result_data import ResultData
from sim.report.whole_operators import WholeOperator, whole_operators

SCHEMA_VERSION = 1
ENGINES = {"array": "systolic_array", "vector": "vector_unit"}
CHOSEN = ("engine", "dataflow", "tile", "order", "split", "buffers", "tiles")


@dataclass(frozen=True)
class Difference:
    """Plain data; ``to_dict`` is what ``tilesim diff --json`` writes. Values are pairs (before, after)."""

    before: str
    after: str
    totals: dict[str, tuple[Any, Any]]
    architecture: dict[str, tuple[Any, Any]]
    trace: dict[str, tuple[Any, Any]]
    mapping: tuple[dict[str, Any], ...]
    operators: tuple[dict[str, Any], ...]
    components: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        def pairs(found: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
            return {name: {"before": old, "after": new} for name, (old, new) in found.items()}

        return {
            "schema_version": SCHEMA_VERSION, "before": self.before, "after": self.after, "totals": pairs(self.totals),
            "architecture": pairs(self.architecture), "trace": pairs(self.trace), "mapping": list(self.mapping),
            "operators": list(self.operators), "components": list(self.components),
        }  # fmt: skip

    @property
    def same(self) -> bool:
        """Did nothing change at all?"""
        return not (self.architecture or self.trace or self.mapping or self.operators or self.components)


def diff(before: ResultData, after: ResultData, names: tuple[str, str] = ("before", "after")) -> Difference:
    """The difference from ``before`` to ``after``; equal parts are left out."""
    totals = ("time_s", "time_ps", "cycles", "energy_j", "unattributed_energy_j", "utilization", "macs_executed")
    return Difference(
        before=names[0],
        after=names[1],
        totals={name: (getattr(before, name), getattr(after, name)) for name in totals},
        architecture=_changed(
            _flat(before.record.architecture["document"]), _flat(after.record.architecture["document"])
        ),
        trace=_traces(before, after),
        mapping=tuple(_mappings(before, after)),
        operators=tuple(_operators(before, after)),
        components=tuple(_components(before, after)),
    )


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """A document as path -> value; entries of lists that have a name or a kind go by it."""
    if isinstance(value, dict):
        pairs = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list):
        pairs = [(str(number), entry) for number, entry in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, entry in pairs:
        found |= _flat(entry, f"{path}.{key}" if path else key)
    return found


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Path -> (old, new); None stands for what is not there."""
    return {
        path: (before.get(path), after.get(path))
        for path in sorted({*before, *after}) if before.get(path) != after.get(path)
    }  # fmt: skip


def _traces(before: ResultData, after: ResultData) -> dict[str, tuple[Any, Any]]:
    found = _changed(
        {key: before.record.trace.get(key) for key in ("name", "sha256")},
        {key: after.record.trace.get(key) for key in ("name", "sha256")},
    )
    for key, old, new in _matched(before, after):
        name = "/".join(key)
        if old is None or new is None:
            found[name] = ("there" if old else None, "there" if new else None)
            continue
        one = {"kind": old.longest.kind, "count": old.row["count"], **_flat(old.longest.dims)}
        other = {"kind": new.longest.kind, "count": new.row["count"], **_flat(new.longest.dims)}
        found |= {f"{name}: {path}": pair for path, pair in _changed(one, other).items()}
    return found


def _matched(
    before: ResultData, after: ResultData
) -> Iterator[tuple[tuple[str, ...], WholeOperator | None, WholeOperator | None]]:
    """Operators of both runs by (job, name), in order of the first run, then those only in the second.

    With one job on each side the job's name does not matter.
    """
    both = [whole_operators(one) for one in (before, after)]
    single = all(len({job for job, _ in one}) <= 1 for one in both)
    old, new = ({("" if single else job, name): one for (job, name), one in found.items()} for found in both)
    for key in dict.fromkeys([*old, *new]):
        yield key[1:] if single else key, old.get(key), new.get(key)


def _mappings(before: ResultData, after: ResultData) -> Iterator[dict[str, Any]]:
    for key, old, new in _matched(before, after):
        if old is None or new is None:
            continue
        changes = _changed(_chosen(old), _chosen(new))
        if changes:
            yield {
                "name": key[-1],
                "changes": {path.lstrip("."): {"before": a, "after": b} for path, (a, b) in changes.items()},
            }


def _chosen(whole: WholeOperator) -> dict[str, Any]:
    """What the mapper chose, as path -> value; where stages that share an operator differ, the list of their values, in
    order of the stages."""
    each = []
    for record in whole.records:
        parts = enumerate(record.mapping)
        chosen = {f"part {n + 1}" if n else "": {name: one[name] for name in CHOSEN} for n, one in parts}
        each.append(_flat(chosen) | {"region": record.region})
    paths = dict.fromkeys(path for one in each for path in one)
    values = {path: list(dict.fromkeys(one.get(path) for one in each)) for path in paths}
    return {path: found[0] if len(found) == 1 else found for path, found in values.items()}


def _operators(before: ResultData, after: ResultData) -> Iterator[dict[str, Any]]:
    """Operators whose time, waiting, energy, bytes or bound changed.

    ``waited_ps``: how long the lanes of its engine stalled before work of this operator, mean over those lanes. It is
    no part of ``time_ps`` where an operator waits before its first work.
    """
    waits = [_waits(result) for result in (before, after)]
    for key, old, new in _matched(before, after):
        one, other = (whole.row if whole else None for whole in (old, new))
        row: dict[str, Any] = {"name": key[-1]}
        for field in ("time_ps", "cycles", "energy_j", "utilization", "bound_by"):
            row[field] = {"before": one[field] if one else None, "after": other[field] if other else None}
        row["waited_ps"] = {
            "before": sum(waits[0][number] for number in old.parts) if old else None,
            "after": sum(waits[1][number] for number in new.parts) if new else None,
        }
        row["moved_bytes"] = {"before": _moved(one), "after": _moved(other)}
        if any(pair["before"] != pair["after"] for pair in row.values() if isinstance(pair, dict)):
            yield row


def _waits(result: ResultData) -> list[int]:
    """By operator: mean stall of its engine's lanes before its work, in picoseconds, rounded down."""
    lanes = {
        engine: [(unit.path, lane) for unit in result.record.components if unit.kind == kind for lane in unit.lanes]
        for engine, kind in ENGINES.items()
    }
    found = []
    for number, one in enumerate(result.record.operators):
        cores = own_cores(result.record, one.job)
        own = [lane for path, lane in lanes.get(one.engine, []) if within(path, cores)]
        stalled = sum(sum(lane.stall_by.get(number, {}).values()) for lane in own)
        found.append(stalled // len(own) if own else 0)
    return found


def _moved(one: dict[str, Any] | None) -> int | None:
    return None if one is None else sum(way["read"] + way["written"] for way in one["bytes"].values())


def _components(before: ResultData, after: ResultData) -> Iterator[dict[str, Any]]:
    """Components whose account of time or energy changed; times are means over their lanes."""
    for path in dict.fromkeys([*before.components, *after.components]):
        one, other = before.components.get(path), after.components.get(path)
        row: dict[str, Any] = {"path": path}
        for field in ("busy_s", "idle_s", "utilization"):
            row[field] = {"before": one[field] if one else None, "after": other[field] if other else None}
        row["stall_s"] = {"before": _stalled(one), "after": _stalled(other)}
        row["energy_j"] = {"before": _joules(one), "after": _joules(other)}
        if any(pair["before"] != pair["after"] for pair in row.values() if isinstance(pair, dict)):
            yield row


def _stalled(one: dict[str, Any] | None) -> float | None:
    return None if one is None else sum(one["stall_s"].values())


def _joules(one: dict[str, Any] | None) -> float | None:
    if one is None or one["energy_j"]["dynamic"] is None:
        return None
    return float(one["energy_j"]["dynamic"] + (one["energy_j"]["static"] or 0.0))
