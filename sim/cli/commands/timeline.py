"""``tilesim timeline``: the timeline of a run's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

FORMATS = ("chrome",)


def timeline(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that `tilesim run -o DIR` wrote")],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="chrome (also opens in Perfetto)")
    ] = "chrome",
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="default: to stdout")] = None,
) -> None:
    """Write the timeline of a run as Chrome trace events, for ui.perfetto.dev or chrome://tracing."""
    from sim.core.atomic import write_files
    from sim.core.errors import InputError, Place, Problem, Problems
    from sim.report.files import TIMELINE

    problems = Problems()
    if format not in FORMATS:
        problems.add(
            "--format: this timeline format is not there yet", found=format, allowed=FORMATS, suggest_for=format
        )
    problems.raise_if_any()
    source = folder / TIMELINE
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        message = f"no timeline here: {error.strerror or error}"
        raise InputError(
            [Problem(message, Place(str(source)), allowed="a folder written by `tilesim run -o`")]
        ) from error
    if out is None:
        sys.stdout.write(text)
    else:
        write_files({out: [text]})


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim timeline out/resnet50 -o resnet50.trace.json")(timeline)
