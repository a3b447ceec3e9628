"""From a result to the bytes of a picture: ``what`` is drawn, in which ``format``."""

from __future__ import annotations

from typing import Any

from sim.core.errors import InputError, Problem
from sim.report.pictures import bars, over_time, roofline, topology
from sim.report.pictures.style import figure, file_bytes
from sim.report.result_data import ResultData

WHATS = ("timeline", "utilization", "roofline", "energy", "topology")
OVER_TIME = ("timeline", "utilization")


def picture(result: ResultData, what: str, format: str) -> bytes:
    """One of :data:`WHATS` as png, svg or pdf. Raises InputError when it needs a recording and there is none."""
    recorded = result.recorder
    if what in OVER_TIME:
        if recorded is None:
            raise InputError([Problem(f"a picture of the {what} needs the recording of the run, which is missing")])
        draw, height = {
            "timeline": (over_time.draw_timeline, over_time.timeline_height_in),
            "utilization": (over_time.draw_utilization, over_time.utilization_height_in),
        }[what]
        with figure(height(result)) as made:
            draw(made, result, recorded)
            return file_bytes(made, format)
    if what == "roofline":
        with figure(roofline.HEIGHT_IN) as made:
            roofline.draw_roofline(made, result)
            return file_bytes(made, format)
    draw_plain, height = {
        "energy": (bars.draw_energy, bars.energy_height_in),
        "topology": (topology.draw_topology, topology.topology_height_in),
    }[what]
    with figure(height(result)) as made:
        draw_plain(made, result)
        return file_bytes(made, format)


def comparison_picture(data: dict[str, Any], format: str) -> bytes:
    """Times of a comparison, operator by operator. ``data``: what ``compare.json`` holds."""
    with figure(bars.comparison_height_in(data)) as made:
        bars.draw_comparison(made, data)
        return file_bytes(made, format)
