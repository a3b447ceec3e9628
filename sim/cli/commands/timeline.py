"""``tilesim timeline``: the timeline of a run's folder, or a picture of the run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sim.report.result import Result

CLOCKED = ("chrome", "perfetto")
TRACES = ("chrome", "perfetto", "html")
PICTURES = ("png", "svg", "pdf")
COMPARISON = "comparison"
WHATS = ("timeline", "utilization", "roofline", "energy", "topology", COMPARISON)


def timeline(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that `tilesim run -o DIR` wrote")],
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="chrome or perfetto (for ui.perfetto.dev), html, png, svg, pdf"
        ),
    ] = "chrome",
    what: Annotated[
        str,
        typer.Option("--what", metavar="WHAT", help="of a picture: timeline, utilization, roofline, energy, topology"),
    ] = "timeline",
    clock: Annotated[
        str | None,
        typer.Option("--clock", metavar="NAME", help="chrome, perfetto: count time in cycles of this clock [seconds]"),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="default: to stdout")] = None,
) -> None:
    """Write the timeline of a run as a trace, a page that a browser opens from disk, or a picture for a paper."""
    from sim.core.atomic import write_files
    from sim.core.errors import Problems
    from sim.report.result import load_result

    problems = Problems()
    if format not in (*TRACES, *PICTURES):
        problems.add("--format: unknown", found=format, allowed=(*TRACES, *PICTURES), suggest_for=format)
    if what not in WHATS:
        problems.add("--what: unknown", found=what, allowed=WHATS, suggest_for=what)
    elif what != "timeline" and format in TRACES:
        problems.add(f"--what {what}: only a picture shows this alone", found=f"--format {format}", allowed=PICTURES)
    if clock is not None and format not in CLOCKED:
        problems.add("--clock: only a trace counts in cycles", found=f"--format {format}", allowed=CLOCKED)
    problems.raise_if_any()
    chunks = _comparison(folder, format) if what == COMPARISON else _chunks(load_result(folder), format, what, clock)
    if out is not None:
        write_files({out: chunks})
        return
    for chunk in chunks:
        sys.stdout.buffer.write(chunk.encode() if isinstance(chunk, str) else chunk)


def _comparison(folder: Path, format: str) -> Iterable[str | bytes]:
    from sim.report.compare import load_comparison
    from sim.report.pictures.draw import comparison_picture

    return [comparison_picture(load_comparison(folder), format)]


def _chunks(result: Result, format: str, what: str, clock: str | None) -> Iterable[str | bytes]:
    from sim.core.errors import InputError, Problem

    if format in PICTURES:
        from sim.report.pictures.draw import picture

        return [picture(result, what, format)]
    if format == "html":
        from sim.report.page.run_page import run_page

        return run_page(result)
    if result.recorder is None:
        message = "the folder holds no recording of the run, so it has no timeline"
        raise InputError([Problem(message, allowed="a folder written by `tilesim run -o`")])
    from sim.observe.time_base import time_base
    from sim.report.power import amounts

    base = time_base(result.record, clock)
    if format == "chrome":
        from sim.observe.timeline import timeline_chunks

        return timeline_chunks(result.record, result.recorder, amounts(result), base)
    from sim.observe.perfetto import perfetto_chunks

    return perfetto_chunks(result.record, result.recorder, amounts(result), base)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim timeline out/resnet50 --format svg --what roofline -o roofline.svg")(timeline)
