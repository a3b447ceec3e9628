"""``tilesim arch``: list, show and check architectures; print the schema of their format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.options import Overrides, load

if TYPE_CHECKING:
    from sim.config.architecture import Architecture, Node

app = typer.Typer(
    help="List, show and check architectures; print the schema of their format.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: tilesim arch show tpu_v4 --energy",
)
Name = Annotated[str, typer.Argument(metavar="ARCH", help="a YAML file or a name in arch/")]
NOT_SETTINGS = ("kind", "count", "source", "notes", "name")


@app.command("list", epilog="Example: tilesim arch list")
def list_() -> None:
    """List the architectures that ship with tilesim and those in $TILESIM_PATH."""
    from sim.config.load import list_architectures, load_architecture

    for name, path in list_architectures().items():
        typer.echo(f"{name:18} {load_architecture(path).description}")


@app.command(epilog="Example: tilesim arch show tpu_v4 --energy")
def show(
    arch: Name,
    energy: Annotated[bool, typer.Option("--energy", help="every energy price with its source and standing")] = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="print the resolved YAML instead (extends and --set applied)")
    ] = False,
    set_: Overrides = None,
) -> None:
    """Show an architecture: its components, what they can do at most, and where the figures come from."""
    from sim.config.architecture import to_yaml

    architecture = load(arch, set_)
    if yaml:
        typer.echo(to_yaml(architecture), nl=False)
    elif energy:
        _show_prices(architecture)
    else:
        _show_components(architecture)


@app.command(epilog="Example: tilesim arch check my_accelerator.yaml")
def check(arch: Name, set_: Overrides = None) -> None:
    """Check an architecture: its file, that its parts make a machine, and that every action has a price."""
    from sim.core.errors import all_of
    from sim.hardware.core_groups import check_groups
    from sim.hardware.layout import Layout
    from sim.hardware.link_use import untaken
    from sim.mapping.check_policy import check_policy
    from sim.mapping.planner import Planner
    from sim.report.energy import energy_table

    architecture = load(arch, set_)

    def laid_out() -> Layout:
        layout = Layout(architecture)
        check_groups(architecture, layout)
        return layout

    layout, table, _ = all_of(laid_out, lambda: energy_table(architecture), lambda: check_policy(architecture))
    Planner(layout)  # engines, and what pins ask of them
    for warning in untaken(layout):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(
        f"{architecture.name}: well formed, {len(layout.cores)} cores, {len(layout.tiers)} memory tiers, "
        f"energy table {table.name}"
    )


@app.command(epilog="Example: tilesim arch schema > arch.schema.json")
def schema() -> None:
    """Print the JSON Schema of architecture files, with every registered kind."""
    from sim.cli.output import write_json
    from sim.config.schema import architecture_schema

    write_json(architecture_schema(), "-")


def _show_components(architecture: Architecture) -> None:
    from rich.console import Console
    from rich.text import Text

    from sim.core.units import format_si
    from sim.report.table_cells import table

    console = Console()
    console.print(Text.assemble((architecture.name, "bold"), f"  {architecture.description}"))
    clocks = ", ".join(f"{name} {format_si(float(hz), 'Hz')}" for name, hz in architecture.clocks.items())
    console.print(Text(f"technology {architecture.technology or 'not stated'}; clocks: {clocks or 'none'}"))
    made = table(("component", "left"), ("kind", "left"), ("copies", "right"), ("settings", "left"))
    made.columns[3].no_wrap, made.columns[3].overflow = False, "fold"
    nodes: list[Node] = [*architecture.components, *architecture.links]
    for node in nodes:
        given = _as_written(architecture.document, node.path)
        settings = ", ".join(f"{name} {_shown(value)}" for name, value in given.items() if name not in NOT_SETTINGS)
        made.add_row(node.path, node.kind, str(node.total), settings)
    console.print(made)
    for source in architecture.sources:
        console.print(Text(f"source: {source}"))


def _as_written(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The keys of a component as the file has them, with their units; links are found by place or name."""
    here: Any = document
    for step in path.split("."):
        if isinstance(here, list):
            here = here[int(step)]
        elif step in here:
            here = here[step]
        else:
            here = next(link for link in here["links"] if link.get("name") == step)
    return dict(here)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {entry}" for name, entry in value.items()) + "}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_prices(architecture: Architecture) -> None:
    from rich.console import Console
    from rich.text import Text

    from sim.core.units import format_si
    from sim.energy.of_architecture import static_power_of, table_for, uses_of
    from sim.energy.price import describe

    console, table = Console(), table_for(architecture)
    console.print(Text.assemble(("energy table ", ""), (table.name, "bold"), f"  {table.description}"))
    path = ""
    for row in describe(table, uses_of(architecture)):
        if row.path != path:
            path = row.path
            console.print(Text(f"{path} ({row.kind})", style="bold"))
        price = format_si(row.joules_per_unit, f"J/{row.per}")
        console.print(Text(f"  {row.action:24} {price:20} {row.confidence}"))
        for line in (f"= {row.entry}", row.source, row.note):
            if line:
                console.print(Text(f"      {line}", style="dim"))
    for path, watts in static_power_of(architecture, table).items():
        if watts is not None:
            console.print(Text(f"{path}: static power {format_si(float(watts), 'W')} per copy"))
