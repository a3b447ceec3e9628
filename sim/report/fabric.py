"""What a routed fabric reports besides its lanes: load of links and routers, waiting, and how long messages took.

A link is a lane of its own, in the account of the fabric's clock: busy while it carries flits, stalled while it is free
but the next packet waits for buffers behind it, else idle; busy + stall + idle = elapsed (times the copies of the fabric)
exactly. ``waited_s`` adds up what all packets waited for the link, so it can exceed the run. A router's utilization is
the mean of the links that leave it. Only the packet model keeps stalls and waits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sim.config.architecture import Architecture
from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED
from sim.hardware.layout import Layout
from sim.hardware.noc.fabric_link import FabricLinkKeys, terminals_of
from sim.run.record import ComponentRecord

HOTTEST = 8
PERCENTILES = (50, 95)


def fabric_row(instances: list[ComponentRecord], elapsed_ps: int, architecture: Architecture) -> dict[str, Any]:
    """``links``, ``routers``, ``hottest_links`` and ``messages`` of all copies of a fabric; {} for what is not one."""
    counts: Counter[str] = Counter()
    for one in instances:
        counts.update(one.ledger.get(UNATTRIBUTED, {}))
    if not _named(counts, "flits ") or not elapsed_ps:
        return {}
    links = _links(counts, elapsed_ps * len(instances), instances[0].clock_hz or 0.0)
    hottest = sorted(links, key=lambda name: (-links[name]["utilization"], name))[:HOTTEST]
    return {
        "links": links,
        "routers": _routers(links, instances[0], architecture),
        "hottest_links": hottest,
        "messages": _messages(instances),
    }


def _named(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}


def _links(counts: Counter[str], whole_ps: int, hz: float) -> dict[str, dict[str, Any]]:
    flits, stalled, waited = (_named(counts, prefix) for prefix in ("flits ", "stalled ", "waited "))
    found: dict[str, dict[str, Any]] = {}
    for name, count in flits.items():
        busy, stall = (int(cycles * PS_PER_S / hz) for cycles in (count, stalled.get(name, 0)))
        found[name] = {
            "flits": count, "utilization": busy / whole_ps, "busy_ps": busy, "stall_ps": stall,
            "idle_ps": whole_ps - busy - stall, "waited_s": waited.get(name, 0) / hz,
        }  # fmt: skip
    return found


def _routers(
    links: dict[str, dict[str, Any]], instance: ComponentRecord, architecture: Architecture
) -> dict[str, dict[str, Any]]:
    """By number: ``utilization``, where it is drawn (``x``, ``y``), who hangs on it, and where its links lead."""
    layout = Layout(architecture)
    view = next(one for one in (*layout.links, *layout.chip_links) if one.path == instance.path)
    spec = view.node.spec
    assert isinstance(spec, FabricLinkKeys)
    routes, places = spec.routes(), spec.build().positions()
    homes: dict[int, list[str]] = {}
    for name, terminal in terminals_of(spec, view.endpoints, None).items():
        homes.setdefault(int(routes.terminal_router[terminal]), []).append(name)
    names = [routes.links.name(link) for link in range(len(routes.links))]
    found: dict[str, dict[str, Any]] = {}
    for router, (x, y) in enumerate(places):
        own = [link for link in range(len(routes.links)) if routes.links.source[link] == router]
        shares = [links[names[link]]["utilization"] if names[link] in links else 0.0 for link in own]
        found[str(router)] = {
            "utilization": sum(shares) / len(shares) if shares else 0.0, "x": x, "y": y,
            "endpoints": homes.get(router, []), "to": {names[link]: int(routes.links.target[link]) for link in own},
        }  # fmt: skip
    return found


def _messages(instances: list[ComponentRecord]) -> dict[str, Any]:
    """Latencies from submission to the last arrival; ``waiting_share``: of their sum, what an idle fabric would not take.

    Percentiles are of bins a sixteenth wide; they name the lower edge."""
    counts: Counter[str] = Counter()
    for one in instances:
        counts.update(one.ledger.get(UNATTRIBUTED, {}))
    bins = {int(name): count for name, count in _named(counts, "latency_ps ").items()}
    number, total, idle = (counts[f"message_{name}"] for name in ("count", "ps", "idle_ps"))
    if not number:
        return {"count": 0}
    latency: dict[str, float] = {"mean": total / number / PS_PER_S, "max": max(bins) / PS_PER_S}
    for percent in PERCENTILES:
        latency[f"p{percent}"] = _percentile(bins, number, percent) / PS_PER_S
    return {
        "count": number, "latency_s": latency, "idle_latency_s": idle / number / PS_PER_S,
        "waiting_share": 1 - idle / total if total else 0.0,
    }  # fmt: skip


def _percentile(bins: dict[int, int], number: int, percent: int) -> int:
    seen = 0
    for edge in sorted(bins):
        seen += bins[edge]
        if seen * 100 >= number * percent:
            return edge
    return 0
