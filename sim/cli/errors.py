"""Exit codes, and what is said when tilesim itself has a bug."""

from __future__ import annotations

import os
import sys

CHECK_FAILED = 1
BUG = 3
INTERRUPTED = 130
DEBUG_VARIABLE = "TILESIM_DEBUG"


def report_bug(error: BaseException) -> None:
    """Say that this is our fault, with the traceback when TILESIM_DEBUG is set."""
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        traceback.print_exception(error)
    print(
        f"this is a bug in tilesim: {type(error).__name__}: {error}\n"
        f"(set {DEBUG_VARIABLE}=1 to see where, and please report it with the command you ran)",
        file=sys.stderr,
    )
