"""What a recorder holds, as plain arrays: what timelines and series read, and how it travels in a run's folder.

``recording.npz`` (NumPy's archive of arrays; no pickled objects) holds the slices as differences of neighbouring rows,
which compress well, the executions, the levels, and the names they refer to. The same run gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sim.core.errors import InputError, Place, Problem
from sim.observe.recorder import FIELDS, Slices

VERSION = 1
Table = np.ndarray[Any, Any]


class Recorded(Protocol):
    """What timelines are drawn from: a recorder after its run, or a recording read from a folder."""

    @property
    def lanes(self) -> list[str]: ...
    @property
    def whats(self) -> list[str]: ...
    @property
    def window_ps(self) -> int: ...
    @property
    def dropped_executions(self) -> int: ...
    def slices(self) -> Slices: ...
    def executions(self) -> Table: ...
    def level_points(self) -> dict[str, tuple[Table, Table]]: ...


@dataclass(frozen=True)
class Recording:
    """A recording read back. ``table``: rows of the fields of ``Slices``, sorted by lane and start."""

    lanes: list[str]
    whats: list[str]
    window_ps: int
    dropped_executions: int
    table: Table
    execution_rows: Table
    levels: dict[str, tuple[Table, Table]]

    def slices(self) -> Slices:
        return Slices(*self.table.T)

    def executions(self) -> Table:
        return self.execution_rows

    def level_points(self) -> dict[str, tuple[Table, Table]]:
        return self.levels


def recording_bytes(recorded: Recorded) -> bytes:
    """The content of ``recording.npz``."""
    levels = recorded.level_points()
    head = {
        "version": VERSION, "lanes": recorded.lanes, "whats": recorded.whats, "window_ps": recorded.window_ps,
        "dropped_executions": recorded.dropped_executions, "levels": list(levels),
    }  # fmt: skip
    table = np.stack(recorded.slices(), axis=1).astype(np.int64)
    arrays = {
        "head": np.frombuffer(json.dumps(head, sort_keys=True).encode(), np.uint8),
        "slices": np.diff(table, axis=0, prepend=np.zeros((1, FIELDS), np.int64)).T.copy(),
        "executions": recorded.executions(),
    }
    for number, (times, values) in enumerate(levels.values()):
        arrays[f"level_{number}"] = np.stack((times, values))
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def read_recording(path: Path) -> Recording:
    """Read ``recording.npz``; raises InputError when it is missing or is something else."""
    try:
        with np.load(path, allow_pickle=False) as data:
            head = json.loads(data["head"].tobytes())
            return Recording(
                lanes=head["lanes"], whats=head["whats"], window_ps=head["window_ps"],
                dropped_executions=head["dropped_executions"],
                table=np.cumsum(data["slices"].T.reshape(-1, FIELDS), axis=0),
                execution_rows=data["executions"].reshape(-1, 3),
                levels={name: tuple(data[f"level_{number}"]) for number, name in enumerate(head["levels"])},
            )  # fmt: skip
    except OSError as error:
        message = f"no recording of a run here: {error.strerror or error}"
        raise InputError(
            [Problem(message, Place(str(path)), allowed="a folder written by `tilesim run -o`")]
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError([Problem(f"not the recording of a run ({type(error).__name__})", Place(str(path)))]) from error
