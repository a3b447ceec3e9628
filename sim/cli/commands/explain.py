"""``tilesim explain``: why a run took as long as it did, from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explain(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that `tilesim run -o DIR` wrote")],
    operator: Annotated[
        list[str] | None, typer.Option("--operator", metavar="NAME", help="an operator; may be repeated [the slowest]")
    ] = None,
) -> None:
    """Explain operators of a run: mapping, formulas with their numbers, bounds, stalls, bytes and energy."""
    from sim.report.explain import explain_run

    for line in explain_run(folder, operator or []):
        typer.echo(line)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim explain out/resnet50 --operator gpu_0/conv1")(explain)
