"""A run's folder: how its files are called, and what is read back from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sim.core.errors import InputError, Place, Problem
from sim.run.record import SCHEMA_VERSION, RunRecord, record_from_dict

REPORT, RESULT, TIMELINE = "report.json", "result.json", "timeline.json"
RECORDING, PAGE = "recording.npz", "report.html"
OPERATORS, COMPONENTS = "operators.csv", "components.csv"


def report_text(data: Any) -> str:
    """JSON text with a line per entry of the second level; refuses NaN."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def load_run(folder: Path) -> tuple[RunRecord, dict[str, Any]]:
    """The record and the rest (``prices``, ``report``) of a folder that :func:`save` wrote; raises InputError."""
    path = folder / RESULT
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        written = data["record"]["schema_version"]
        if written == SCHEMA_VERSION:
            return record_from_dict(data.pop("record")), data
    except OSError as error:
        message = f"no result of a run here: {error.strerror or error}"
        raise InputError(
            [Problem(message, Place(str(path)), allowed="a folder written by `tilesim run -o`")]
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError([Problem(f"not the result of a run ({type(error).__name__})", Place(str(path)))]) from error
    message = "the result of another version of tilesim: simulate again"
    raise InputError(
        [Problem(message, Place(str(path)), found=f"schema_version {written}", allowed=str(SCHEMA_VERSION))]
    )
