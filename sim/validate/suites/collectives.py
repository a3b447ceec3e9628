"""``collectives``: times of collectives of a GPU library on real machines, each one a run of a one-operator trace.

Scored are all-reduces and sends among GPUs of one node with at least a mebibyte or so (``LARGE``): smaller ones are latency,
of launches and of the measuring itself, and fabrics between nodes are not described by such tables. No table ships.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

NETWORKS = ("a100_dgx", "h100_dgx", "h100_pairwise_nvlink")
"""Networks of the table that are presets of the same name."""
COLLECTIVES = ("all_reduce", "send_recv")
LARGE = 1_000_000
"""Bytes from which on a row is scored."""


@suites.register("collectives")
class CollectivesSuite(Suite):
    name = "collectives"
    compares = "times of collectives among GPUs of one node with measured ones"
    origin = "a table of measured times, such as the profiles of the Vidur project (all_reduce and send_recv, NCCL)"
    data = None
    columns = (
        Column("network", "text"),
        Column("collective", "text", among=COLLECTIVES),
        Column("num_workers", "integer", at_least=2, at_most=65_536),
        Column("devices_per_node", "integer", at_least=1, at_most=65_536),
        Column("size_bytes", "integer", at_least=1, at_most=2**40),
        Column("median_ms", "number", at_least=0),
    )
    metrics = (
        Metric("time_us", "us", {"mean_abs_pct_error": 20.0}),
        Metric("all_reduce_us", "us", None),
        Metric("send_recv_us", "us", None),
    )
    primary = "time_us"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        machines: dict[str, Architecture] = {}
        for done, row in enumerate(rows):
            reason = skipped_because(row)
            if reason is not None:
                scores.skip(row, reason)
                continue
            network, function = row.text("network"), row.text("collective")
            machine = machines.setdefault(network, load_architecture(network))
            workers, size = row.integer("num_workers"), row.integer("size_bytes")
            found_us = time_ps(machine, function, workers, size) / 1e6
            label = f"{network} {function} {workers} GPUs {size} B"
            for metric in ("time_us", f"{function}_us"):
                scores.add(metric, row, row.number("median_ms") * 1e3, found_us, label)
            progress(done + 1, len(rows))


def skipped_because(row: Row) -> str | None:
    """Why a row is not scored; None when it is."""
    if row.text("network") not in NETWORKS:
        return "no preset of this network"
    if row.integer("devices_per_node") < row.integer("num_workers"):
        return "several nodes, whose fabric is not described"
    if row.integer("size_bytes") < LARGE:
        return "below 1 MB, where latency is measured"
    return None


def time_ps(machine: Architecture, function: str, workers: int, size_bytes: int) -> int:
    """Time of one collective of ``size_bytes`` among ``workers`` chips with nothing else to do."""
    builder = TraceBuilder(function, dtype="int8")
    x, y = builder.activation("x", (size_bytes,)), builder.activation("y", (size_bytes,))
    dims = {"elements": size_bytes, "ranks": workers}
    builder.op(function, "collective", dims, {"x": x}, y, {"function": function})
    return run_trace(builder.build([y]), machine).elapsed_ps
