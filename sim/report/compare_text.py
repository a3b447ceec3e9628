"""The tables of ``tilesim compare``: totals, then every operator with its figures under each variant."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from sim.core.units import format_si
from sim.report.compare import Comparison
from sim.report.table_cells import percent, short, table

TOP = 60


def show_comparison(comparison: Comparison, console: Console, detail: bool = False) -> None:
    """Print totals and the operators, one line per operator and variant; ``*`` marks the fastest, and why."""
    data = comparison.to_dict()
    console.print(Text.assemble((comparison.trace, "bold"), f": {len(comparison.variants)} variants"))
    console.print(_totals(data))
    console.print()
    for against in data["why"]["against"].values():
        console.print(Text(against["text"]))
    console.print()
    rows = data["operators"]
    shown = rows if detail or len(rows) <= TOP else sorted(rows, key=_slowest_ps, reverse=True)[:TOP]
    console.print(_operators(shown))
    if len(shown) < len(rows):
        console.print(Text(f"{len(rows) - len(shown)} more operators (--detail shows all)", style="dim"))
    console.print()
    console.print(Text(_notes(data), style="dim"))


def _slowest_ps(row: dict[str, Any]) -> int:
    return max(int(one["time_ps"]) for one in row["variants"].values())


def _totals(data: dict[str, Any]) -> Any:
    made = table(
        ("variant", "left"), ("time", "right"), ("cycles", "right"), ("clock", "right"), ("util", "right"),
        ("energy", "right"), ("bytes", "right"), ("roofline", "left"),
    )  # fmt: skip
    fastest = min(data["variants"].values(), key=lambda one: one["time_ps"])["time_ps"]
    for name, one in data["variants"].items():
        moved = sum(amounts["read"] + amounts["written"] for amounts in one["bytes"].values())
        made.add_row(
            name + (" *" if one["time_ps"] == fastest else ""), format_si(one["time_s"], "s", 4), f"{one['cycles']:,}",
            format_si(one["clock"]["hz"], "Hz"), percent(one["utilization"]), _joules(one["energy_j"]),
            format_si(moved, "B"), short(one["bound_by"]),
        )  # fmt: skip
    return made


def _operators(rows: list[dict[str, Any]]) -> Any:
    made = table(
        ("operator", "left"), ("variant", "left"), ("cycles", "right"), ("util", "right"), ("bytes", "right"),
        ("energy", "right"), ("bound by", "left"), ("longer, mostly by", "left"), fold_first=True,
    )  # fmt: skip
    for row in rows:
        title = row["name"] + (f" x{row['count']}" if row["count"] > 1 else "")
        for name, one in row["variants"].items():
            moved = sum(amounts["read"] + amounts["written"] for amounts in one["bytes"].values())
            made.add_row(
                title, name + (" *" if name == row["best"] else ""), f"{one['cycles']:,}", percent(one["utilization"]),
                format_si(moved, "B"), _joules(one["energy_j"]), short(one["bound_by"]), _longer(row, name),
            )  # fmt: skip
            title = ""
    return made


def _longer(row: dict[str, Any], name: str) -> str:
    """How much longer it computes than in the best, and the term with the largest part in it: of waiting, what for."""
    against = row["why"]["against"].get(name)
    if not against or not against["slower_ps"]:
        return ""
    longer, largest = format_si(against["slower_ps"] / 1e12, "s"), against["largest"]
    if largest is None:
        return longer
    return f"{longer} {short(against['waiting_for']) if largest == 'waiting' else largest.replace('_', '/')}"


def _notes(data: dict[str, Any]) -> str:
    counts = data["best_of_each"]["operators_per_variant"]
    fastest = ", ".join(f"{name} {count}" for name, count in counts.items())
    return (
        f"fastest (ties: the first) for so many operators: {fastest}; an operator's cycles are those in which it computed, "
        "without the wait for its first operands, and operators overlap: the runs differ by what is said above"
    )


def _joules(value: float | None) -> str:
    return "-" if value is None else format_si(value, "J")
