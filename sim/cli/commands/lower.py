"""``tilesim lower``: a model as an operator trace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.options import Model, check_outputs, with_model_options


@with_model_options
def lower(
    model: Model,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="TRACE", help="trace file to write; default: to stdout")
    ] = None,
    lowering: dict[str, Any] = {},  # noqa: B006 (filled by the decorator)
) -> None:
    """Lower MODEL to a trace: operators with dimensions, data types and tensors, without any machine."""
    from sim.core.errors import all_of
    from sim.trace.load import lower as lower_model
    from sim.trace.writer import trace_lines, write_trace

    trace, _ = all_of(lambda: lower_model(model, **lowering), lambda: check_outputs(out))
    for note in trace.notes:
        typer.echo(f"note: {note}", err=True)
    if out is None:
        for line in trace_lines(trace):
            typer.echo(line)
    else:
        write_trace(trace, out)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim lower llama2_7b/config.json --phase decode --context 2048 -o decode.jsonl")(
        lower
    )
