"""``tilesim``: the command line. What a command raises is turned into a message and an exit code here.

Exit codes: 0 done, 1 a check failed, 2 bad input, 3 the simulator found itself inconsistent (or has a bug), 130
interrupted. With ``TILESIM_DEBUG=1`` a bug shows its traceback.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sim.cli.commands import arch, compare, diff, explain, lower, memory, network, run, timeline, trace, validate
from sim.cli.errors import BUG, INTERRUPTED, report_bug
from sim.core.errors import TilesimError

app = typer.Typer(
    name="tilesim",
    help="Simulate machine-learning models on accelerator architectures described in YAML.",
    epilog="Example: tilesim run resnet50 -a tpu_v4 -o out/resnet50",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, compare, lower, explain, diff, timeline, validate, memory, network):
    module.add_to(app)
app.add_typer(trace.app, name="trace")
app.add_typer(arch.app, name="arch")


def _print_version(asked: bool) -> None:
    if asked:
        from sim.report.build import tool_version

        typer.echo(f"tilesim {tool_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command line; returns its exit code."""
    try:
        found = app(arguments, prog_name="tilesim", standalone_mode=False)
        if found == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        return found if isinstance(found, int) else 0
    except TilesimError as error:
        print(_told(error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # the reader of a pipe has gone; the option parser turns that into an exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _usage_error(error)


def _usage_error(error: Exception) -> int:
    """Show what the option parser complains of; anything else is a bug of ours."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    if type(error).__name__ == "Abort":
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    report_bug(error)
    return BUG


def _told(error: TilesimError) -> str:
    if error.exit_code == BUG:
        return f"tilesim found itself inconsistent; no result is reported\n{error}"
    return str(error)
