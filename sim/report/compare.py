"""Several dataflows and architectures side by side, operator by operator.

An operator's time is the time during which it computed. What it waited for before, while its first operands came, is not in
it, and operators overlap: neither their times nor the differences of these add up to those of the runs, so what is
concluded about runs is from the runs alone.

Why the best of each is best is told by :mod:`sim.report.compare_reasons`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.core.atomic import write_files
from sim.core.errors import InputError, Place, Problem, Problems
from sim.hardware.pe.dataflow import dataflows
from sim.report.compare_reasons import operator_text, reasons, run_text
from sim.report.result import Result
from sim.report.run_folder import PAGE, report_text
from sim.report.simulation import simulate
from sim.report.time_account import Account, added, operator_accounts, run_account
from sim.report.whole_operators import added_bytes, whole_operators
from sim.run.program import Progress
from sim.trace.load import load_trace
from sim.trace.model import Trace

SCHEMA_VERSION = 2
AUTO = "auto"
COMPARE = "compare.json"


@dataclass(frozen=True)
class Variant:
    """One run of a comparison. ``name`` is what it is called in tables."""

    name: str
    architecture: str
    dataflow: str | None
    result: Result


@dataclass(frozen=True)
class Comparison:
    """The runs, in the order asked for. ``to_dict`` is what ``tilesim compare --json`` writes."""

    trace: str
    variants: tuple[Variant, ...]

    def operator_rows(self) -> list[dict[str, Any]]:
        """Operators with a time of their own in some variant: name, kind, count, figures by variant, and the best one."""
        names: dict[tuple[str, str], dict[str, Any]] = {}
        for variant in self.variants:
            accounts = operator_accounts(variant.result.record)
            for key, whole in whole_operators(variant.result).items():
                one, account = whole.row, added(accounts[number] for number in whole.parts if number in accounts)
                entry = names.setdefault(
                    key, {"name": one["name"], "kind": one["kind"], "count": one["count"], "variants": {}}
                )
                entry["variants"][variant.name] = {
                    key: one[key]
                    for key in (
                        "time_s",
                        "time_ps",
                        "cycles",
                        "utilization",
                        "bytes",
                        "energy_j",
                        "dataflow",
                        "bound_by",
                    )
                } | ({"account": account.to_dict()} if account else {})
        rows = [row for row in names.values() if any(one["time_ps"] for one in row["variants"].values())]
        for row in rows:
            row["best"] = min(row["variants"], key=lambda name: row["variants"][name]["time_ps"])
            row["why"] = _why(row["best"], row["variants"])
        return rows

    def why(self) -> dict[str, Any]:
        """Why the fastest run is fastest, against each other one; with the sentence that says it."""
        best = min(self.variants, key=lambda one: one.result.time_ps)
        accounts = {one.name: run_account(one.result.record) for one in self.variants}
        moved = {one.name: _totals(one)["bytes"] for one in self.variants}
        found = reasons(best.name, accounts, moved)
        for name, against in found["against"].items():
            against["text"] = run_text(best.name, name, against, best.result.time_ps)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``variants`` (totals), ``why`` the fastest is, ``operators``, of how many each is ``best_of_each``."""
        rows = self.operator_rows()
        return {
            "schema_version": SCHEMA_VERSION,
            "trace": self.trace,
            "variants": {variant.name: _totals(variant) for variant in self.variants},
            "why": self.why(),
            "operators": rows,
            "best_of_each": {
                "operators_per_variant": {
                    variant.name: sum(row["best"] == variant.name for row in rows) for variant in self.variants
                },
            },
        }

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write ``compare.json`` and ``report.html`` to ``folder``, both or none; returns their paths."""
        from sim.report.page.compare_page import compare_page

        folder, data = Path(folder), self.to_dict()
        files = {folder / COMPARE: [report_text(data)], folder / PAGE: compare_page(data)}
        write_files(files)
        return tuple(files)


def compare(
    model: Trace | str | Path,
    architectures: Iterable[Architecture | str | Path],
    dataflow_names: Sequence[str | None] = (None,),
    progress: Progress | None = None,
) -> Comparison:
    """Run ``model`` on every architecture with every dataflow (None: the architecture's own).

    Raises InputError when an input cannot be used, before anything runs.
    """
    check_dataflows(dataflow_names)
    trace = model if isinstance(model, Trace) else load_trace(model)
    loaded = [one if isinstance(one, Architecture) else load_architecture(one) for one in architectures]
    if not loaded or not dataflow_names:
        raise InputError([Problem("nothing to compare: give at least one architecture and one dataflow")])
    names = _distinct([one.name for one in loaded])
    variants = []
    for name, architecture in zip(names, loaded, strict=True):
        for dataflow in dict.fromkeys(dataflow_names):
            label = dataflow if len(loaded) == 1 else f"{name} {dataflow}" if dataflow else name
            result = simulate(trace, architecture, dataflow, timeline=False, progress=progress)
            variants.append(Variant(label or name, architecture.name, dataflow, result))
    return Comparison(trace.name, tuple(variants))


def load_comparison(folder: Path) -> dict[str, Any]:
    """What ``compare -o`` wrote to ``compare.json`` in a folder; raises InputError."""
    path = folder / COMPARE
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"no comparison here: {error.strerror or error}"
        allowed = "a folder written by `tilesim compare -o`"
        raise InputError([Problem(message, Place(str(path)), allowed=allowed)]) from error
    except ValueError as error:
        raise InputError([Problem("not the result of a comparison", Place(str(path)))]) from error
    if not isinstance(data, dict) or not data.get("variants") or "operators" not in data:
        raise InputError([Problem("not the result of a comparison", Place(str(path)))])
    return data


def check_dataflows(names: Iterable[str | None]) -> None:
    """Raise InputError with every name that is no dataflow."""
    problems = Problems()
    known = (*dataflows.names(), AUTO)
    for name in names:
        if name is not None and name not in known:
            problems.add(
                "unknown dataflow", Place("--dataflow"), found=name or "nothing", allowed=known, suggest_for=name
            )
    problems.raise_if_any()


def _distinct(names: list[str]) -> list[str]:
    """Names with a number where one stands twice (the same preset with different overrides, say)."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def _why(best: str, variants: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Why an operator is fastest in ``best``, from the figures of its variants."""
    accounts = {name: Account(one["time_ps"], **one["account"]) for name, one in variants.items() if "account" in one}
    if best not in accounts:
        return {"best": best, "against": {}}
    found = reasons(best, accounts, {name: one["bytes"] for name, one in variants.items()})
    for name, against in found["against"].items():
        against["text"] = operator_text(best, name, against)
    return found


def _totals(variant: Variant) -> dict[str, Any]:
    result = variant.result
    return {
        "architecture": result.architecture,
        "dataflow": variant.dataflow,
        "cycles": result.cycles,
        "clock": result.clock,
        "time_s": result.time_s,
        "time_ps": result.time_ps,
        "utilization": result.utilization,
        "energy_j": result.energy_j,
        "bytes": added_bytes(one["bytes"] for one in result.operators),
        "bound_by": result.roofline["bound_by"],
    }
