"""``tilesim diff``: what changed between two runs, from their folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.options import Detail, Json
from sim.cli.output import write_json


def diff(
    before: Annotated[Path, typer.Argument(metavar="DIR_A", help="a folder that `tilesim run -o DIR` wrote")],
    after: Annotated[Path, typer.Argument(metavar="DIR_B", help="another one")],
    json: Json = None,
    detail: Detail = False,
) -> None:
    """Show what changed from one run to another: architecture, trace and mapping, and what it did to time and energy."""
    from sim.core.errors import all_of
    from sim.report.diff import diff as compare_runs
    from sim.report.result import load_result

    old, new = all_of(lambda: load_result(before), lambda: load_result(after))
    found = compare_runs(old, new, (str(before), str(after)))
    if json is not None:
        write_json(found.to_dict(), json)
    if json != "-":
        from rich.console import Console

        from sim.report.diff_text import show_difference

        show_difference(found, Console(), detail)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim diff out/before out/after")(diff)
