"""``tilesim validate``: hold the models against reference figures."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sim.cli.errors import CHECK_FAILED
from sim.cli.options import Json, check_outputs
from sim.cli.output import write_json
from sim.core.errors import Problems, all_of


def validate(
    suite: Annotated[list[str] | None, typer.Argument(metavar="[SUITE]...", help="suites to run; default: all")] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", metavar="CSV", help="reference figures, one file per suite, in order")
    ] = None,
    json: Json = None,
    list_: Annotated[bool, typer.Option("--list", help="list the suites and stop")] = False,
) -> None:
    """Run validation suites; exit code 1 when one misses its threshold."""
    from sim.validate.suite import read_rows, run_suite, suite_names, suites

    if list_:
        for name in suite_names():
            typer.echo(f"{name}: {suites.get(name).compares}")
        return
    chosen = suite or [name for name in suite_names() if suites.get(name).data is not None]
    all_of(
        *(partial(suites.get, name) for name in chosen),
        lambda: _check_number(data or [], chosen),
        lambda: check_outputs(json),
    )
    files: list[Path | None] = [*data] if data else [None] * len(chosen)
    all_of(*(partial(read_rows, name, file) for name, file in zip(chosen, files, strict=True)))
    results = [run_suite(name, file) for name, file in zip(chosen, files, strict=True)]
    if json is not None:
        reports = [one.to_dict() for one in results]
        write_json(reports[0] if len(reports) == 1 else reports, json)
    if json != "-":
        from sim.cli.validation_text import show_suites

        show_suites(results)
    if not all(one.passed for one in results):
        sys.stdout.flush()
        raise typer.Exit(CHECK_FAILED)


def _check_number(data: list[Path], chosen: list[str]) -> None:
    problems = Problems()
    if data and len(data) != len(chosen):
        problems.add("--data: one file per suite", found=f"{len(data)} files for {len(chosen)} suites")
    problems.raise_if_any()


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim validate systolic --data my_measurements.csv")(validate)
