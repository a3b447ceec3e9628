"""``tilesim trace``: list, show and check operator traces; print the schema of their format."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sim.cli.options import Detail

app = typer.Typer(
    help="List, show and check operator traces; print the schema of their format.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: tilesim trace show resnet50",
)
Name = Annotated[str, typer.Argument(metavar="TRACE", help="a trace file or a name in traces/")]
SHOWN = 40


@app.command("list", epilog="Example: tilesim trace list")
def list_() -> None:
    """List the traces that ship with tilesim and those in $TILESIM_PATH, and the model configurations to lower."""
    from sim.core.data_files import list_data, package_folder
    from sim.trace.load import FOLDER

    for name, path in list_data(FOLDER, (".jsonl",)).items():
        typer.echo(f"{name:24} {path}")
    configs = sorted((package_folder(FOLDER) / "configs").glob("*/config.json"))
    for path in [*configs, *sorted((package_folder(FOLDER) / "configs").glob("*.json"))]:
        typer.echo(f"{'(configuration)':24} {path}")


@app.command(epilog="Example: tilesim trace show llama2_7b_decode --detail")
def show(trace: Name, detail: Detail = False) -> None:
    """Show what a trace holds: totals and its operators as written."""
    from rich.console import Console
    from rich.text import Text

    from sim.core.units import format_bytes, format_si
    from sim.report.table_cells import table
    from sim.trace.load import load_trace
    from sim.trace.summary import operator_macs, summarize

    loaded, console = load_trace(trace), Console()
    total = summarize(loaded)
    console.print(Text.assemble((loaded.name, "bold"), f"  {loaded.description}"))
    persistent = ", ".join(f"{role} {format_bytes(size)}" for role, size in total.persistent_bytes.items())
    console.print(Text(
        f"{total.operators_written} operators written, {total.operators_executed} executed; "
        f"{format_si(total.macs, 'MAC')}; {format_si(total.parameters, 'parameters')}; {persistent or 'no weights'}"
    ))  # fmt: skip
    for note in loaded.notes:
        console.print(Text(f"note: {note}"))
    made = table(("operator", "left"), ("kind", "left"), ("MACs", "right"), ("dimensions", "left"))
    made.columns[3].no_wrap, made.columns[3].overflow = False, "fold"
    operators = list(loaded.operators())
    for operator, blocks in operators if detail else operators[:SHOWN]:
        repeats = "".join(f" x{block.count}" for block in blocks)
        macs = operator_macs(operator, blocks)
        made.add_row(operator.name + repeats, operator.kind, format_si(macs, "") if macs else "-", _dims(operator.dims))
    console.print(made)
    if len(operators) > SHOWN and not detail:
        console.print(Text(f"{len(operators) - SHOWN} more operators (--detail shows all)", style="dim"))


def _dims(dims: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in dims.items())


@app.command(epilog="Example: tilesim trace check my_trace.jsonl")
def check(trace: Name) -> None:
    """Check a trace; exit code 2 with every problem and its place when it is not well formed."""
    from sim.trace.check import check_trace
    from sim.trace.load import load_trace

    loaded = load_trace(trace)
    check_trace(loaded)
    typer.echo(f"{loaded.name}: well formed, {sum(1 for _ in loaded.operators())} operators written")


@app.command(epilog="Example: tilesim trace schema > trace.schema.json")
def schema() -> None:
    """Print the JSON Schema of one line of a trace file."""
    from sim.cli.output import write_json
    from sim.trace.schema import trace_schema

    write_json(trace_schema(), "-")
