"""Where output goes: tables to stdout, progress to stderr when it is a terminal, JSON to a file or alone to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHOWN_EVERY = 16
"""Regions between two updates of the progress line: more would cost more than the simulation of small regions."""


def write_json(data: Any, target: str) -> None:
    """Write JSON to a file (whole or not at all), or to stdout for ``-``."""
    from sim.core.atomic import write_files
    from sim.report.run_folder import report_text

    text = report_text(data)
    if target == "-":
        sys.stdout.write(text)
    else:
        write_files({Path(target): [text]})


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[int, str], None] | None]:
    """A callback (regions done, the last one's name) that shows a line on stderr; None when nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status(f"{escape(what)}: loading") as status:

        def show(done: int, last: str) -> None:
            if done % SHOWN_EVERY == 0:
                status.update(f"{escape(what)}: {done} regions done, last {escape(last)}")

        yield show
