"""What links report besides their lanes: load of ports, and of a routed fabric its links and routers, and its messages.

A port is a lane in which bytes pass one after the other: ``utilization`` is the share of the run in which it carried
data, ``waited_s`` adds up what messages (in a fabric, packets) waited for it behind others. Of several copies of a link,
ports are those of the copy with the busiest.

A link of a fabric is a lane of its own, in the account of the fabric's clock: busy while it carries flits, stalled while it
is free but the next packet waits for buffers behind it, else idle; busy + stall + idle = elapsed (times the copies of the
fabric) exactly. ``waited_s`` adds up what all packets waited for the link, so it can exceed the run. A router's utilization
is the mean of the links that leave it. Only the packet model keeps stalls and waits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED
from sim.hardware.noc.fabric_account import bin_of
from sim.run.record import ComponentRecord

HOTTEST = 8
PERCENTILES = (50, 95)


def link_part(instances: list[ComponentRecord], elapsed_ps: int) -> dict[str, Any]:
    """``ports`` and ``hottest_ports`` of a link; ``links``, ``routers``, ``hottest_links`` and ``messages`` of a fabric."""
    if not instances[0].ports or not elapsed_ps:
        return {}
    ports = _ports(instances, elapsed_ps)
    found: dict[str, Any] = {"ports": ports, "hottest_ports": _hottest(ports)}
    if instances[0].network is None:
        return found
    counts: Counter[str] = Counter()
    for one in instances:
        counts.update(one.ledger.get(UNATTRIBUTED, {}))
    links = _links(counts, elapsed_ps * len(instances), instances[0].clock_hz or 0.0)
    return found | {
        "links": links,
        "routers": _routers(links, instances[0].network),
        "hottest_links": _hottest(links),
        "messages": _messages(instances, counts),
    }


def _hottest(rows: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(rows, key=lambda name: -rows[name]["utilization"])[:HOTTEST]


def _ports(instances: list[ComponentRecord], elapsed_ps: int) -> dict[str, dict[str, Any]]:
    """By name, of the copy that has the busiest one."""
    hottest = max(instances, key=lambda one: max(port.busy_ps for port in one.ports))
    return {
        port.name: {
            "bytes": port.bytes, "utilization": port.busy_ps / elapsed_ps, "busy_ps": port.busy_ps,
            "waited_s": None if port.waited_ps is None else port.waited_ps / PS_PER_S,
        }
        for port in hottest.ports
    }  # fmt: skip


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


def _routers(links: dict[str, dict[str, Any]], network: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By number: ``utilization``, where it is drawn (``x``, ``y``), who hangs on it, and where its links lead."""
    found: dict[str, dict[str, Any]] = {}
    for router, one in enumerate(network["routers"]):
        to = {name: target for name, (source, target) in network["links"].items() if source == router}
        shares = [links[name]["utilization"] if name in links else 0.0 for name in to]
        found[str(router)] = {"utilization": sum(shares) / len(shares) if shares else 0.0, **one, "to": to}
    return found


def _messages(instances: list[ComponentRecord], counts: Counter[str]) -> dict[str, Any]:
    """Latencies from submission to the last arrival; ``waiting_share``: of their sum, what an idle fabric would not take.

    Mean and max are exact. A percentile names a time within which at least so many were: they are counted in bins a
    sixteenth wide, so it is up to that much too long."""
    number, total, idle = (counts[f"message_{name}"] for name in ("count", "ps", "idle_ps"))
    if not number:
        return {"count": 0}
    longest = max(one.ledger.get(UNATTRIBUTED, {}).get("message_max_ps", 0) for one in instances)
    latency: dict[str, float] = {"mean": total / number / PS_PER_S, "max": longest / PS_PER_S}
    bins = {int(name): count for name, count in _named(counts, "latency_ps ").items()}
    for percent in PERCENTILES:
        latency[f"p{percent}"] = min(longest, _percentile(bins, number, percent)) / PS_PER_S
    return {
        "count": number, "latency_s": latency, "idle_latency_s": idle / number / PS_PER_S,
        "waiting_share": 1 - idle / total if total else 0.0,
    }  # fmt: skip


def _percentile(bins: dict[int, int], number: int, percent: int) -> int:
    """The upper edge of the first bin up to which there are so many; ``bins``: how many by their lower edge."""
    seen = 0
    for least in sorted(bins):
        seen += bins[least]
        if seen * 100 >= number * percent:
            return bin_of(least)[1]
    return 0
