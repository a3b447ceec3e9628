"""How a result shows itself in a notebook: one small HTML table and, when it was recorded, utilization over time."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sim.core.units import format_si

if TYPE_CHECKING:
    from sim.report.result_data import ResultData


def summary_html(result: ResultData) -> str:
    """Time, cycles, utilization, energy and power of a run as an HTML table, with a picture of a recorded run."""
    energy, power, used = result.energy_j, result.average_power_w, result.utilization
    rows = [
        ("time", format_si(result.time_s, "s", 4)),
        ("cycles", f"{result.cycles:,} of {result.clock['name']} ({format_si(result.clock['hz'], 'Hz')})"),
        ("utilization", "-" if used is None else f"{100 * used:.1f} %"),
        ("energy", "-" if energy is None else format_si(energy, "J")),
        ("average power", "-" if power is None else format_si(power, "W")),
        ("roofline bound", str(result.roofline["bound_by"] or "-")),
        *(("warning", warning) for warning in result.warnings),
    ]
    title = f"{escape(result.trace['name'])} on {escape(result.architecture['name'])}"
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{title}</caption>{body}</table>{_picture(result)}"


def _picture(result: ResultData) -> str:
    """Utilization over time as SVG, which stands in the page itself."""
    if result.recorder is None or not result.time_ps:
        return ""
    from sim.report.pictures.draw import picture

    text = picture(result, "utilization", "svg").decode()
    return text[text.index("<svg") :]
