"""Tables of links in a terminal: their busiest ports, and of a routed fabric its busiest links and its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from sim.core.units import format_si
from sim.report.labels import labels
from sim.report.result_data import ResultData
from sim.report.table_cells import BUSY, STALLED, bar, percent, short, table

BUSIEST = 4
WIDTH = 15


def link_tables(result: ResultData, draw: bool) -> Iterator[RenderableType]:
    """Ports of the simple links together, then each fabric."""
    links = {path: one for path, one in result.components.items() if one.get("ports")}
    simple = {path: one for path, one in links.items() if "links" not in one}
    if any(one["bytes"] for link in simple.values() for one in link["ports"].values()):
        yield _simple(simple, draw)
    yield from (_fabric(path, one, draw) for path, one in links.items() if path not in simple)


def _simple(links: dict[str, dict[str, Any]], draw: bool) -> RenderableType:
    rows = [
        (path, label, link["ports"][name])
        for path, link in links.items()
        for name, label in labels(link["ports"]).items()
    ]
    rows.sort(key=lambda row: -row[2]["utilization"])
    made = table(("port", "left"), ("busy", "right"), ("waited", "right"), ("", "left"), ("of link", "left"))
    shown = [row for row in rows if row[2]["bytes"]][:BUSIEST]
    for path, name, one in shown:
        made.add_row(name, percent(one["utilization"]), _time(one["waited_s"]),
                     bar([(one["utilization"], BUSY)], draw, WIDTH), short(path))  # fmt: skip
    return Group(
        made, _note(f"the busiest {len(shown)} of {len(rows)} ports; waited: messages behind others, added up")
    )


def _fabric(path: str, one: dict[str, Any], draw: bool) -> RenderableType:
    """The busiest ports and links of a routed fabric, and how long its messages took."""
    made = table(
        (f"{short(path)}", "left"), ("busy", "right"), ("no buffer", "right"), ("waited", "right"), ("", "left")
    )
    called = labels(one["ports"])
    rows: list[tuple[str, dict[str, Any], float | None]] = [
        *((f"port {called[name]}", one["ports"][name], None) for name in one["hottest_ports"]),
        *((f"link {name}", one["links"][name], _stalled(one["links"][name])) for name in one["hottest_links"]),
    ]
    rows = [row for row in sorted(rows, key=lambda row: -row[1]["utilization"])[:BUSIEST] if row[1]["busy_ps"]]
    for name, found, stalled in rows:
        shares = [(found["utilization"], BUSY)] + ([(stalled, STALLED)] if stalled is not None else [])
        made.add_row(name, percent(found["utilization"]), percent(stalled), _time(found["waited_s"]),
                     bar(shares, draw, WIDTH))  # fmt: skip
    links = sum(len(router["to"]) for router in one["routers"].values())
    note = (
        f"the busiest {len(rows)} of {len(one['ports'])} ports and {links} links; no buffer: free, but what comes next "
        "finds no room behind it; waited: messages for the port out of an endpoint, packets for others, added up"
    )
    return Group(made, _note(note), *(_note(line) for line in _messages(one["messages"])))


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_si(seconds, "s")


def _stalled(link: dict[str, Any]) -> float:
    return float(link["stall_ps"] / (link["busy_ps"] + link["stall_ps"] + link["idle_ps"]))


def _messages(sent: dict[str, Any]) -> Iterator[str]:
    if sent["count"]:
        latency = sent["latency_s"]
        yield (f"{sent['count']:,} messages: mean {format_si(latency['mean'], 's')}, half within "
               f"{format_si(latency['p50'], 's')}, 95 % within {format_si(latency['p95'], 's')}, the longest "
               f"{format_si(latency['max'], 's')}; {percent(sent['waiting_share'])} of all that time they would not take in "
               "an idle network")  # fmt: skip


def _note(text: str) -> Text:
    return Text(text, style="dim")
