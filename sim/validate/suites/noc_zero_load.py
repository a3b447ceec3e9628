"""Suite ``noc_zero_load``: the latency of a packet alone in a network, against BookSim2; both models, every row exact.

A row gives a number of links; both models run the first, the middle and the last pair of terminals that far apart, and
the one furthest from the reference is scored. The reference counts one link for a crossbar, which has none between
routers: there the row stands for two different terminals.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.noc.fabric_topology import Topology
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.traffic_measure import MODELS, idle_latency
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.noc_table import ORIGIN, network_of, router_columns, router_of
from sim.validate.table import Column, Row

NO_PAIR = "no two terminals are that far apart"


@suites.register("noc_zero_load")
class NocZeroLoad(Suite):
    """Closed-form timing of an idle network."""

    name = "noc_zero_load"
    compares = "the latency of single packets in an idle network, by distance, packet size and router parameters"
    origin = ORIGIN
    data = "noc_zero_load.csv"
    columns = (
        Column("topology", "text"),
        Column("packet_size", "integer", at_least=1, at_most=4_096),
        *router_columns(),
        Column("use_noc_latency", "integer", at_least=0),
        Column("link_hops", "integer", at_least=0),
        Column("lat_min", "number", at_least=0),
    )
    metrics = tuple(Metric(f"{model}_latency", "cycles") for model in MODELS)
    primary = "flit_latency"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows, 1):
            wrapped = row.text("topology").startswith("torus") and row.integer("use_noc_latency") == 1
            topology, routes = network_of(row, link_latency=2 if wrapped else 1)
            pairs = pairs_apart(topology, routes, row.integer("link_hops"))
            if not pairs:
                scores.skip(row, NO_PAIR)
                continue
            spec, flits, reference = router_of(row), row.integer("packet_size"), row.number("lat_min")
            label = f"{row.text('topology')}, {row.integer('link_hops')} links, {flits} flits"
            for model in MODELS:
                found = [idle_latency(model, routes, spec, *pair, flits) for pair in pairs]
                worst = max(found, key=lambda cycles: abs(cycles - reference))
                scores.add(f"{model}_latency", row, reference, worst, label)
            progress(done, len(rows))


def pairs_apart(topology: Topology, routes: Routes, links: int) -> list[tuple[int, int]]:
    """The first, middle and last pair of terminals with ``links`` links between them."""
    every = [(one, other) for one in range(routes.terminals) for other in range(routes.terminals)]
    if len(routes.links) == 0:
        fit = [(one, other) for one, other in every if links == int(one != other)]
    else:
        fit = [pair for pair in every if len(routes.path(*pair)) == links]
    return [fit[0], fit[len(fit) // 2], fit[-1]] if fit else []
