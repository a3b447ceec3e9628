"""The tables of ``tilesim diff``: inputs that changed, totals, then the operators and components that changed most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from sim.core.clock import PS_PER_S
from sim.core.units import format_si
from sim.report.diff import Difference
from sim.report.table_cells import percent, short, table

TOP = 15


def show_difference(found: Difference, console: Console, detail: bool = False) -> None:
    """Print everything that changed; without ``detail`` the operators that changed most."""
    console.print(Text.assemble((found.before, "bold"), " -> ", (found.after, "bold")))
    if found.same:
        console.print(Text("nothing changed: same architecture, trace, mapping, times and energies"))
        return
    _inputs(found, console, detail)
    _totals(found, console)
    _operators(found, console, detail)
    _components(found, console)


def change(before: float | None, after: float | None) -> str:
    """The change as a signed percentage; "new" and "gone" where one side has nothing."""
    if before is None or after is None:
        return "-" if before is after else "new" if before is None else "gone"
    if before == 0:
        return "-" if after == 0 else "new"
    return f"{100 * (after / before - 1):+.1f} %"


def _inputs(found: Difference, console: Console, detail: bool) -> None:
    for title, changes in (("architecture", found.architecture), ("trace", found.trace)):
        console.print(Text(f"{title}: {len(changes) or 'no'} changes", style="bold"))
        shown = list(changes.items())[: None if detail else TOP]
        for path, (old, new) in shown:
            console.print(Text(f"  {path}: {_said(old)} -> {_said(new)}"))
        _rest(len(changes) - len(shown), console)
    console.print(Text(f"mapping: {len(found.mapping) or 'no'} operators mapped otherwise", style="bold"))
    kept = found.mapping[: None if detail else TOP]
    for row in kept:
        parts = [f"{path} {_said(one['before'])} -> {_said(one['after'])}" for path, one in row["changes"].items()]
        console.print(Text(f"  {row['name']}: {', '.join(parts)}"))
    _rest(len(found.mapping) - len(kept), console)
    console.print()


def _said(value: Any) -> str:
    """A value in words; those of several stages that share an operator are separated by bars."""
    if isinstance(value, list):
        return " | ".join(map(_said, value))
    return "(none)" if value is None else str(value)


def _rest(left: int, console: Console) -> None:
    if left > 0:
        console.print(Text(f"  {left} more (--detail shows all)", style="dim"))


def _totals(found: Difference, console: Console) -> None:
    made = table(("total", "left"), ("before", "right"), ("after", "right"), ("change", "right"))
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("time", "time_s", lambda value: format_si(value, "s", 4)), ("cycles", "cycles", lambda value: f"{value:,}"),
        ("energy", "energy_j", lambda value: format_si(value, "J", 4)), ("utilization", "utilization", percent),
    ]  # fmt: skip
    for title, name, say in shown:
        old, new = found.totals[name]
        cells = ["-" if value is None else say(value) for value in (old, new)]
        made.add_row(title, *cells, change(old, new))
    console.print(made)
    console.print()


def _operators(found: Difference, console: Console, detail: bool) -> None:
    made = table(
        ("operator", "left"), ("time", "right"), ("->", "right"), ("waited", "right"), ("->", "right"), ("energy", "right"),
        ("->", "right"), ("bound by", "left"), fold_first=True,
    )  # fmt: skip
    rows = sorted(found.operators, key=_weight, reverse=True)
    shown = rows[: None if detail else TOP]
    for row in shown:
        bounds = [short(row["bound_by"][side]) for side in ("before", "after")]
        made.add_row(
            row["name"], *(_time(row[field][side]) for field in ("time_ps", "waited_ps") for side in ("before", "after")),
            *(_energy(row["energy_j"][side]) for side in ("before", "after")),
            bounds[0] if bounds[0] == bounds[1] else " -> ".join(bounds),
        )  # fmt: skip
    if rows:
        console.print(made)
        _rest(len(rows) - len(shown), console)
        note = "waited: mean stall of the engine's lanes before work of this operator, mostly outside its own time"
        console.print(Text(note, style="dim"))
        console.print()


def _weight(row: dict[str, Any]) -> int:
    """How much of an operator's time changed, for the order of the table."""
    return sum(abs((row[field]["after"] or 0) - (row[field]["before"] or 0)) for field in ("time_ps", "waited_ps"))


def _time(duration_ps: int | None) -> str:
    return "-" if duration_ps is None else format_si(duration_ps / PS_PER_S, "s")


def _energy(joules: float | None) -> str:
    return "-" if joules is None else format_si(joules, "J")


def _components(found: Difference, console: Console) -> None:
    made = table(
        ("component", "left"), ("busy", "right"), ("->", "right"), ("stalled", "right"), ("->", "right"),
        ("energy", "right"), ("->", "right"), ("change", "right"),
    )  # fmt: skip
    for row in found.components:
        cells = [
            "-" if row[field][side] is None else format_si(row[field][side], "s")
            for field in ("busy_s", "stall_s") for side in ("before", "after")
        ]  # fmt: skip
        joules = row["energy_j"]
        made.add_row(
            short(row["path"]), *cells, *(_energy(joules[side]) for side in ("before", "after")),
            change(joules["before"], joules["after"]),
        )  # fmt: skip
    if found.components:
        console.print(made)
        console.print(Text("times are means over a component's lanes", style="dim"))
