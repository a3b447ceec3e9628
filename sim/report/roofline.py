"""The roofline of a run: what its MACs and its bytes allow at best, against what it reached.

Arithmetic intensity is executed MACs per byte moved to or from the backing tiers (where model data live). Attainable is
the least of the machine's peak, for every memory tier its intensity times its sustained bandwidth, and for every link the
same of the channel that carried most (:mod:`sim.hardware.noc.port_use`). What it leaves out: launches and latencies (see
the operators' bounds for those).
"""

from __future__ import annotations

from typing import Any

from sim.core.clock import PS_PER_S
from sim.hardware.layout import Layout
from sim.run.record import RunRecord

COMPUTE = "compute"


def roofline(record: RunRecord, layout: Layout) -> dict[str, Any]:
    """``arithmetic_intensity`` (MAC/B), ``attainable_macs_per_s``, ``achieved_macs_per_s``, ``bound_by``; by ``tiers`` and
    ``links``.

    None stands for what is undefined: no MACs, or no bytes moved.
    """
    macs = executed_macs(record)
    moved = _bytes_by_tier(record)
    backing = sum(moved.get(tier.path, 0) for tier in layout.backing)
    tiers = {}
    for tier in layout.tiers:
        size = moved.get(tier.path, 0)
        if tier.core is None and size:
            rate = float(tier.limit_bytes_per_s)
            tiers[tier.path] = {
                "bytes": size, "bytes_per_s": rate, "arithmetic_intensity": macs / size,
                "attainable_macs_per_s": macs / size * rate,
            }  # fmt: skip
    links = _links(record, layout, macs)
    limits = {COMPUTE: record.peak_macs_per_s} if record.peak_macs_per_s else {}
    limits |= {path: one["attainable_macs_per_s"] for path, one in (tiers | links).items()} if macs else {}
    bound = min(limits, key=lambda name: (limits[name], name in links, name)) if limits else None
    return {
        "arithmetic_intensity": macs / backing if backing else None,
        "attainable_macs_per_s": limits[bound] if bound else None,
        "achieved_macs_per_s": macs * PS_PER_S / record.elapsed_ps if record.elapsed_ps else 0.0,
        "bound_by": bound,
        "tiers": tiers,
        "links": links,
    }


def _links(record: RunRecord, layout: Layout, macs: int) -> dict[str, dict[str, Any]]:
    """By instance path: its busiest channel, and what that allows."""
    rates = {link.node.path: float(link.model.bytes_per_s) for link in (*layout.links, *layout.chip_links)}
    return {
        one.path: {
            "channel": one.busiest.channel, "bytes": one.busiest.bytes, "bytes_per_s": rates[one.declared],
            "arithmetic_intensity": macs / one.busiest.bytes,
            "attainable_macs_per_s": macs / one.busiest.bytes * rates[one.declared],
        }
        for one in record.components if one.busiest is not None
    }  # fmt: skip


def executed_macs(record: RunRecord) -> int:
    """MACs that arrays and vector units executed (after sparsity)."""
    return sum(one.macs_executed for one in record.operators)


def _bytes_by_tier(record: RunRecord) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in record.operators:
        for path, amounts in one.bytes.items():
            found[path] = found.get(path, 0) + amounts["read"] + amounts["written"]
    return found
