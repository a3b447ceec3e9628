"""The tables of ``tilesim run`` in a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from sim.core.units import format_si
from sim.mapping.engines.stages import NAME as HAND_OVER
from sim.report.core_groups_text import group_words, pipeline_line
from sim.report.links_text import link_tables
from sim.report.memory_text import memory_rows
from sim.report.operators import LAUNCH
from sim.report.pim_text import SHOWN, channel_rows, energy_text, entry_lines
from sim.report.result_data import ResultData
from sim.report.table_cells import BUSY, STALLED, bar, percent, short, table

TOP = 15
UNEVEN = 2
CONTROLLERS = 8
WIDE = 110


def show(result: ResultData, console: Console | None = None, detail: bool = False) -> None:
    """Print header, operators (all of them with ``detail``), bounds, components, energy and warnings."""
    console = console or Console()
    blank = Text("")
    for part in _parts(result, detail, _can_draw(console), console.width >= WIDE):
        console.print(part)
        console.print(blank)
    for warning in result.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))


def _parts(result: ResultData, detail: bool, draw: bool, wide: bool) -> Iterable[RenderableType]:
    yield header(result)
    yield _operators(result, detail, wide)
    yield _bounds(result, draw)
    yield _components(result, draw, wide)
    if result.core_groups:
        yield _core_groups(result)
    yield from _memories(result)
    yield from (_pim(entry) for entry in result.pim)
    yield from link_tables(result, draw)
    if result.energy_j:
        yield _energy(result, draw)


def _can_draw(console: Console) -> bool:
    return "utf" in (console.encoding or "").lower()


def header(result: ResultData) -> RenderableType:
    """Two or three lines that say what was run and what came of it."""
    clock = result.clock
    lines = [
        Text.assemble((result.trace["name"], "bold"), " on ", (result.architecture["name"], "bold")),
        Text(
            f"time {format_si(result.time_s, 's', 4)}   {result.cycles:,} cycles of {clock['name'] or 'the clock'} "
            f"({format_si(clock['hz'], 'Hz')})"
        ),
        Text(
            f"utilization {percent(result.utilization)} of {format_si(result.peak_macs_per_s, 'MAC/s')}   "
            f"{format_si(result.macs_executed, 'MAC')}   roofline: {result.roofline['bound_by'] or 'none'}"
        ),
    ]
    if result.energy_j is not None and result.average_power_w is not None:
        lines.append(
            Text(
                f"energy {format_si(result.energy_j, 'J')}   average power {format_si(result.average_power_w, 'W')}   "
                f"prices: {result.energy_table}"
            )
        )
    else:
        lines.append(Text("energy not reported (no energy table)"))
    return Group(*lines)


def _operators(result: ResultData, detail: bool, wide: bool) -> RenderableType:
    working = [one for one in result.operators if one["engine"] != HAND_OVER]  # those wait; the groups' table says so
    heads = [one for one in working if one["time_ps"] or one["region"] == one["name"]]
    fused = len(working) - len(heads)
    whole = sum(one["time_ps"] for one in heads) or 1
    shown = heads if detail else sorted(heads, key=lambda one: -one["time_ps"])[:TOP]
    extra = [("imbal", "right"), ("kind", "left"), ("bytes", "right")] if wide else []
    made = table(
        ("operator", "left"), ("engine", "left"), ("time", "right"), ("share", "right"), ("cycles", "right"),
        ("util", "right"), ("energy", "right"), ("bound by", "left"), *extra, fold_first=True,
    )  # fmt: skip
    energy = _energy_by_region(result)
    for one in shown:
        joules = energy[one["job"], one["name"]]
        cells = [
            operator_title(one), one["dataflow"] or one["engine"], format_si(one["time_s"], "s"),
            percent(one["time_ps"] / whole), f"{one['cycles']:,}", percent(one["utilization"]),
            format_si(joules, "J") if one["energy_j"] is not None else "-", short(one["bound_by"]),
        ]  # fmt: skip
        moved = sum(tier["read"] + tier["written"] for tier in one["bytes"].values())
        made.add_row(*cells, *([_imbalance(one), one["kind"], format_si(moved, "B")] if wide else []))
    left = len(heads) - len(shown)
    notes = [f"{left} more operators (--detail shows all)"] if left else []
    notes += [f"{fused} more run fused into these (+n)"] if fused else []
    saved = result.fusion_saved_bytes
    notes += [f"fusion saved {format_si(saved, 'B')} of stores and loads"] if saved else []
    notes += uneven(result)
    notes += ["times are of execution, without prefetches, and may overlap; shares are of their sum"]
    return Group(made, Text("; ".join(notes), style="dim"))


def _imbalance(one: dict[str, Any]) -> str:
    return "-" if one["imbalance"] is None else f"{one['imbalance']:.2f}"


def uneven(result: ResultData) -> list[str]:
    """What uneven shares of the cores cost most: time times what the busiest core had above the mean."""
    if result.balance is None:
        return []
    lost = {one["name"]: (one["time_ps"] * (1 - 1 / one["imbalance"]), one["imbalance"])
            for one in result.operators if one["imbalance"]}  # fmt: skip
    worst = sorted(lost, key=lambda name: (-lost[name][0], name))[:UNEVEN]
    named = ", ".join(f"{name} {lost[name][1]:.2f}" for name in worst if lost[name][1] >= 1.05)
    return [f"busiest core over mean {result.balance['imbalance']:.2f}" + (f" (most lost: {named})" if named else "")]


def operator_title(one: dict[str, Any]) -> str:
    """Its stage, name, how many fused operators it carries, and how often it ran: "stage0: conv1 +2 x16"."""
    stage = f"{one['stage']}: " if one["stage"] else ""
    fused = f" +{len(one['fused'])}" if one["fused"] else ""
    repeated = f" x{one['count']}" if one["count"] > 1 else ""
    return f"{stage}{one['name']}{fused}{repeated}"


def _energy_by_region(result: ResultData) -> dict[tuple[str, str], float]:
    """(job, head operator) -> energy of it and of all that is fused into it."""
    found: dict[tuple[str, str], float] = {}
    for one in result.operators:
        key = (one["job"], one["region"])
        found[key] = found.get(key, 0.0) + (one["energy_j"] or 0.0)
    return found


def _bounds(result: ResultData, draw: bool) -> RenderableType:
    times: dict[str, int] = {}
    counts: dict[str, int] = {}
    for one in result.operators:
        if one["time_ps"] and one["bound_by"]:
            name = bound_title(one)
            times[name] = times.get(name, 0) + one["time_ps"]
            counts[name] = counts.get(name, 0) + 1
    whole = sum(times.values()) or 1
    made = table(
        ("bound by", "left"), ("operators", "right"), ("their time", "right"), ("share", "right"), ("", "left")
    )
    for name in sorted(times, key=lambda name: (-times[name], name)):
        share = times[name] / whole
        made.add_row(
            name, str(counts[name]),
            format_si(times[name] / 1e12, "s"), percent(share), bar([(share, BUSY)], draw),
        )  # fmt: skip
    return made


def bound_title(one: dict[str, Any]) -> str:
    """What bounds an operator; of a link, with the sort of channel that does: copies of an endpoint as one."""
    if one["bound_by"] == LAUNCH:
        return "launch of regions"
    title, channel = short(one["bound_by"]), one["bound_channel"]
    if not channel:
        return title
    return f"{title}, " + ("a link" if channel.startswith("link ") else short(re.sub(r"\[\d+\]", "", channel)))


def _components(result: ResultData, draw: bool, wide: bool) -> RenderableType:
    extra = [("achieved", "right")] if wide else []
    made = table(
        ("component", "left"), ("busy", "right"), ("stall", "right"), ("idle", "right"), ("busy/stall/idle", "left"),
        ("of peak", "right"), ("stalled by", "left"), *extra,
    )  # fmt: skip
    for path, one in result.components.items():
        whole = result.time_ps * one["lanes"] or 1
        shares = (one["busy_ps"] / whole, sum(one["stall_ps"].values()) / whole, one["idle_ps"] / whole)
        rate = format_si(one["achieved"], one["unit"]) if one["achieved"] else "-"
        made.add_row(
            short(path) + (f" x{one['count']}" if one["count"] > 1 else ""), *(percent(share) for share in shares),
            bar([(shares[0], BUSY), (shares[1], STALLED)], draw, 15),
            percent(one["utilization"]) if one["utilization_of"] == "peak" else "-", _causes(one["stall_ps"], whole),
            *([rate] if wide else []),
        )  # fmt: skip
    return made


def _core_groups(result: ResultData) -> RenderableType:
    """Groups of cores that are the stages of a pipeline."""
    made = table(
        ("cores", "left"), ("busy", "right"), ("stall", "right"), ("idle", "right"), ("weights", "right"),
        ("kept", "right"), ("gets", "right"), ("through", "left"),
    )  # fmt: skip
    for row in group_words(result):
        made.add_row(
            ", ".join(map(short, row.cores)), *(percent(share) for share in (row.busy, row.stalled, row.idle)), row.weights,
            row.kept, row.gets, ", ".join(row.through) or "-",
        )  # fmt: skip
    return Group(made, Text(pipeline_line(result), style="dim"))


def _memories(result: ResultData) -> Iterable[RenderableType]:
    """Channels, rows and lost bandwidth of the memories that have channels."""
    rows = memory_rows(result.components, result.time_ps)
    if rows:
        made = table(("memory", "left"), ("channels", "left"), ("achieved", "right"), ("of peak", "right"),
                     ("row hits", "right"), ("data bus", "left"))  # fmt: skip
        made.columns[-1].no_wrap, made.columns[-1].overflow = False, "fold"
        for row in rows:
            made.add_row(short(row.path), row.channels, row.achieved, row.share, row.hits, row.spent)
        yield made
    for path, one in result.components.items():
        if copies := one.get("controllers"):
            yield Text(f"{short(path)}: its {len(copies)} copies moved {_loads(copies)}")
        if found := one.get("cache"):
            yield Text(f"{short(path)}: {format_si(found['hit_bytes'], 'B')} hit, {format_si(found['miss_bytes'], 'B')} "
                       f"missed ({percent(found['hit_rate'])} hits)")  # fmt: skip


def _loads(copies: dict[str, dict[str, Any]]) -> str:
    """Bytes of each copy of a memory, and how uneven they are."""
    moved = [one["read_bytes"] + one["written_bytes"] for one in copies.values()]
    shares = ", ".join(format_si(size, "B", 3) for size in moved[:CONTROLLERS])
    more = ", ..." if len(moved) > CONTROLLERS else ""
    return f"{shares}{more}; the most over the mean {max(moved) * len(moved) / max(1, sum(moved)):.2f}"


def _pim(entry: dict[str, Any]) -> RenderableType:
    """Processing in memory: channels that are alike in a row, and what the units did."""
    made = table((f"units of {short(entry['path'].removesuffix('.pim'))}", "left"), ("busy", "right"), ("banks", "right"),
                 ("waits for", "left"))  # fmt: skip
    made.columns[0].no_wrap, made.columns[0].overflow = False, "fold"
    made.columns[-1].no_wrap, made.columns[-1].overflow = False, "fold"
    rows = channel_rows(entry)
    for row in rows[:SHOWN]:
        made.add_row(*row)
    more = [f"{len(rows) - SHOWN} more groups of channels in report.json"] if len(rows) > SHOWN else []
    lines = [*entry_lines(entry), *([f"energy: {energy_text(entry)}"] if entry["energy"] else []), *more]
    return Group(made, *(Text(line) for line in lines))


def _causes(stall_ps: dict[str, int], whole: int) -> str:
    """The causes that matter, largest first."""
    ranked = sorted(stall_ps.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(cause for cause, duration in ranked[:2] if duration * 200 >= whole) or "-"


def _energy(result: ResultData, draw: bool) -> RenderableType:
    made = table(("energy", "left"), ("dynamic", "right"), ("static", "right"), ("share", "right"), ("", "left"))
    total = result.energy_j or 1.0
    rows = [(path, one["energy_j"]["dynamic"] or 0.0, one["energy_j"]["static"] or 0.0)
            for path, one in result.components.items()]  # fmt: skip
    for path, dynamic, static in sorted(rows, key=lambda row: (-row[1] - row[2], row[0])):
        if dynamic or static:
            share = (dynamic + static) / total
            made.add_row(
                short(path), format_si(dynamic, "J"), format_si(static, "J"), percent(share), bar([(share, BUSY)], draw)
            )
    return made
