"""``tilesim compare``: dataflows and architectures side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.options import Detail, Json, Model, Overrides, Quiet, check_outputs, load, with_model_options
from sim.cli.output import progress, write_json


@with_model_options
def compare(
    model: Model,
    arch: Annotated[list[str], typer.Option("-a", "--arch", metavar="ARCH", help="an architecture; may be repeated")],
    dataflow: Annotated[
        str | None, typer.Option("--dataflow", metavar="NAMES", help="dataflows to compare, such as os,ws,is,rs")
    ] = None,
    set_: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="folder for compare.json and report.html")
    ] = None,
    json: Json = None,
    detail: Detail = False,
    quiet: Quiet = False,
    lowering: dict[str, Any] = {},  # noqa: B006 (filled by the decorator)
) -> None:
    """Run MODEL on several architectures and dataflows and show operator by operator which is best."""
    from sim.core.errors import all_of
    from sim.report.compare import check_dataflows
    from sim.report.compare import compare as run_all
    from sim.trace.load import lower

    names = [name.strip() for name in dataflow.split(",")] if dataflow else [None]
    with progress(f"comparing {Path(model).stem}", quiet) as tell:
        trace, _, _, *architectures = all_of(
            lambda: lower(model, **lowering),
            lambda: check_dataflows(names),
            lambda: check_outputs(out and out / "compare.json", json),
            *(partial(load, one, set_) for one in arch),
        )
        found = run_all(trace, architectures, names, tell)
    if out is not None:
        found.save(out)
    if json is not None:
        write_json(found.to_dict(), json)
    if json != "-" and not quiet:
        from rich.console import Console

        from sim.report.compare_text import show_comparison

        show_comparison(found, Console(), detail)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim compare resnet50 -a scalesim_32x32 --dataflow os,ws,is")(compare)
