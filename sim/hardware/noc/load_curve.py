"""The latency-load curve of a fabric: what packets wait, what the network accepts and which links are hottest, by load.

Sources create packets by independent coin tosses, whatever the network accepts (open loop), and queue without bound. A
point is *saturated* when the network accepts less than 95 % of what is offered in the window, or when the packets created
in it do not all arrive within two more windows; its latency, which would grow with the window, is then not reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.core.errors import Place, Problems, all_of
from sim.hardware.noc.fabric_keys import FabricKeys
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.traffic import Pattern, check_name
from sim.hardware.noc.traffic_measure import Load, LoadPoint, latency_at

SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Rates of a curve for which none are given; it ends at the first that saturates."""
HOTTEST = 5
ACCEPTED_WHEN_STABLE = 0.95
"""Share of the offered flits that a network below saturation accepts; the rest is what a finite window leaves open."""


@dataclass(frozen=True)
class Measurement:
    """How a curve is measured. ``rates`` in flits per cycle and source; empty: :data:`SWEEP` until saturation."""

    traffic: str = "uniform"
    rates: tuple[float, ...] = ()
    packet_flits: int = 1
    warmup: int = 2_000
    window: int = 10_000
    seed: int = 0

    def check(self) -> None:
        """Raise InputError naming every rate that a source cannot offer, one packet per cycle at most, and traffic that no
        network knows."""
        problems = Problems()
        check_name(self.traffic, problems)
        for rate in self.rates:
            if not 0 < rate <= self.packet_flits:
                allowed = f"more than 0, at most {self.packet_flits} (a packet per cycle)"
                problems.add("injection rate, in flits per cycle and source", found=f"{rate:g}", allowed=allowed)
        problems.raise_if_any()


def load_curve(
    fabric: FabricKeys, measured: Measurement, place: Place | None = None, endpoints: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """The curve as plain data, ``endpoints`` beside the numbers of their terminals. Raises InputError for traffic or routes
    that do not fit, all at once."""
    topology = fabric.build()
    _, pattern, routes = all_of(
        measured.check, lambda: Pattern(measured.traffic, topology.shape()), lambda: fabric.routes(place)
    )
    called = {one: f"terminal {one}" for one in range(routes.terminals)}
    called |= {terminal: f"terminal {terminal} ({name})" for terminal, name in (endpoints or {}).items()}
    points, warnings = [], dict[str, None]()
    for rate in measured.rates or SWEEP:
        load = Load(pattern, measured.packet_flits, rate, measured.warmup, measured.window)
        found = latency_at(fabric.model, routes, fabric.router, load, measured.seed, called)
        points.append(_point(rate, found, routes, called))
        warnings |= dict.fromkeys(f"at rate {rate:g}: {text}" for text in found.warnings)
        if not measured.rates and points[-1]["saturated"]:
            break
    return {
        "topology": fabric.topology,
        "keys": fabric.topology_spec().model_dump(mode="json"),
        "router": fabric.router.model_dump(mode="json"),
        "model": fabric.model,
        "routers": routes.routers,
        "terminals": routes.terminals,
        "links": len(routes.links),
        "traffic": measured.traffic,
        "packet_flits": measured.packet_flits,
        "warmup_cycles": measured.warmup,
        "window_cycles": measured.window,
        "seed": measured.seed,
        "points": points,
        "highest_stable_rate": max((one["rate"] for one in points if not one["saturated"]), default=None),
        "warnings": list(warnings),
    }


def _point(rate: float, found: LoadPoint, routes: Routes, called: Mapping[int, str]) -> dict[str, Any]:
    stable = found.latency is not None and found.accepted >= ACCEPTED_WHEN_STABLE * found.offered
    spread: Sequence[float | None] = (None, None, None)
    if stable:
        spread = np.percentile(found.waits, (50, 95, 99)).tolist()
    names = [routes.links.name(link) for link in range(len(routes.links))]
    return {
        "rate": rate,
        "saturated": not stable,
        "latency_cycles": {
            "mean": found.latency if stable else None,
            **dict(zip(("p50", "p95", "p99"), spread, strict=True)),
        },
        "offered_flits_per_cycle": found.offered,
        "accepted_flits_per_cycle": found.accepted,
        "packets": len(found.waits),
        "hottest_links": _hottest("link", names, found.link_load),
        "hottest_ports": _hottest(
            "port", [f"{way} {called[one]}" for way in ("out of", "into") for one in range(routes.terminals)],
            np.concatenate([found.out_load, found.in_load]),
        ),
    }  # fmt: skip


def _hottest(what: str, names: Sequence[str], load: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    order = np.argsort(-load, kind="stable")[:HOTTEST]
    return [{what: names[int(one)], "flits_per_cycle": float(load[one])} for one in order]
