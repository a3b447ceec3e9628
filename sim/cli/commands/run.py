"""``tilesim run``: simulate a model on an architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.options import Arch, Detail, Json, Model, Overrides, Quiet, check_outputs, load, with_model_options
from sim.cli.output import progress, write_json


@with_model_options
def run(
    model: Model,
    arch: Arch,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="folder for report, tables and timeline")
    ] = None,
    dataflow: Annotated[
        str | None,
        typer.Option("--dataflow", metavar="NAME", help="os, ws, is, rs or auto, instead of the arrays' own"),
    ] = None,
    set_: Overrides = None,
    json: Json = None,
    detail: Detail = False,
    quiet: Quiet = False,
    lowering: dict[str, Any] = {},  # noqa: B006 (filled by the decorator)
) -> None:
    """Simulate MODEL on an architecture: cycles, time, utilization, energy, and what bounds it.

    With -o DIR, writes report.html (open it in a browser), report.json, operators.csv, components.csv, timeline.json
    (open it in ui.perfetto.dev), and result.json and recording.npz (for `tilesim explain`, `timeline` and `diff`).
    """
    from sim.core.errors import all_of
    from sim.report.compare import check_dataflows
    from sim.report.simulation import simulate
    from sim.trace.load import lower

    with progress(f"{Path(model).stem} on {Path(arch).stem}", quiet) as tell:
        trace, architecture, *_ = all_of(
            lambda: lower(model, **lowering),
            lambda: load(arch, set_),
            lambda: check_dataflows([dataflow]),
            lambda: check_outputs(out and out / "report.json", json),
        )
        result = simulate(trace, architecture, dataflow, timeline=out is not None, progress=tell)
    files = result.save(out) if out is not None else ()
    if json is not None:
        write_json(result.to_dict(), json)
    if json == "-" or quiet:
        _warn(result.warnings)
        return
    result.show(detail=detail)
    for path in files:
        typer.echo(str(path))


def _warn(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    example = "Example: tilesim run resnet50 -a tpu_v4 -o out/resnet50 --set chip.hbm.bandwidth='600 GB/s'"
    app.command(epilog=example)(run)
