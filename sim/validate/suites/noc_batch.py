"""Suite ``noc_batch``: cycles until a batch of packets at every source has arrived, against BookSim2.

Traffic is deterministic when each source has one destination and one route to it. Otherwise destinations or routes are
drawn, and the mean over five seeds is scored against the reference's single one: the model and the reference draw
differently, and 64 packets of 16 flits leave more to chance than 1000 of one flit.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.traffic import Pattern
from sim.hardware.noc.traffic_measure import batch_cycles
from sim.validate.scores import EXACT, Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.noc_table import ORIGIN, SEEDS, network_of
from sim.validate.table import Column, Row

LONG_PACKET_FLITS = 16


@suites.register("noc_batch")
class NocBatch(Suite):
    """All nodes start at cycle 0 with a fixed batch."""

    name = "noc_batch"
    compares = "cycles to deliver a fixed batch of packets from every source"
    origin = ORIGIN
    data = "noc_batch.csv"
    columns = (
        Column("topology", "text"),
        Column("traffic", "text"),
        Column("packet_size", "integer", at_least=1, at_most=4_096),
        Column("packets_per_node", "integer", at_least=1, at_most=100_000),
        Column("num_vcs", "integer", at_least=1, at_most=64),
        Column("vc_buf_size", "integer", at_least=1, at_most=65_536),
        Column("batch_cycles", "integer", at_least=1),
    )
    metrics = (
        Metric("flit_deterministic", "cycles", EXACT),
        Metric("flit_drawn", "cycles", {"max_abs_pct_error": 5.0}),
        Metric("flit_drawn_long_packets", "cycles", {"max_abs_pct_error": 10.0}),
        Metric("packet_deterministic", "cycles", {"max_abs_pct_error": 3.0}),
        Metric("packet_drawn_routes", "cycles", {"max_abs_pct_error": 8.0}),
    )
    primary = "flit_deterministic"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows, 1):
            topology, routes = network_of(row)
            pattern = Pattern(row.text("traffic"), topology.shape(), row.place("traffic"))
            fixed = pattern.deterministic and one_route_each(pattern, routes)
            long = row.integer("packet_size") >= LONG_PACKET_FLITS
            kind = "deterministic" if fixed else "drawn_long_packets" if long else "drawn"
            self._add(scores, f"flit_{kind}", row, pattern, routes)
            if pattern.deterministic:
                self._add(scores, "packet_deterministic" if fixed else "packet_drawn_routes", row, pattern, routes)
            else:
                scores.leave_out(
                    row, "packet_deterministic", "uniform batches saturate, which this model does not claim"
                )
            progress(done, len(rows))

    def _add(self, scores: Scores, metric: str, row: Row, pattern: Pattern, routes: Routes) -> None:
        spec = RouterSpec(virtual_channels=row.integer("num_vcs"), buffer_flits=row.integer("vc_buf_size"))
        seeds = SEEDS[:1] if metric.endswith("deterministic") else SEEDS
        flits, count = row.integer("packet_size"), row.integer("packets_per_node")
        model = metric.partition("_")[0]
        cycles = [batch_cycles(model, routes, spec, pattern, flits, count, seed) for seed in seeds]
        label = f"{row.text('topology')} {row.text('traffic')}, {flits} flits"
        scores.add(metric, row, row.integer("batch_cycles"), sum(cycles) / len(cycles), label)


def one_route_each(pattern: Pattern, routes: Routes) -> bool:
    """Do all route sets agree on every pair that ``pattern`` uses?"""
    pairs = [(source, pattern.destination(source)) for source in range(routes.terminals)]
    return all(
        routes.path(*pair, variant) == routes.path(*pair) for pair in pairs for variant in range(1, routes.variants)
    )
