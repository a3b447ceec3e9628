"""The result of a run as the public interface gives it: its fields, and what can be done with them.

What only some uses need is imported when it is asked for: a run that writes nothing loads no page and no picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.core.errors import InputError, Place, Problem
from sim.observe.recording import read_recording
from sim.report.result_data import ResultData
from sim.report.run_folder import RECORDING, RESULT, load_run

if TYPE_CHECKING:
    from rich.console import Console


class Result(ResultData):
    """One run, which can be saved, shown and turned into a table."""

    def to_pandas(self) -> Any:
        """The operators as a pandas DataFrame, one row each; ImportError when pandas is not installed."""
        import pandas  # type: ignore[import-untyped,unused-ignore]

        from sim.report.files import flat_operators

        return pandas.DataFrame(flat_operators(self))

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write the files of a run to ``folder`` (made when missing), all or none; returns their paths.

        ``timeline.json`` is among them when the run was recorded. Raises InputError when they cannot be written.
        """
        from sim.report.files import save

        return save(self, Path(folder))

    def show(self, console: Console | None = None, detail: bool = False) -> None:
        """Print the tables of ``tilesim run``."""
        from sim.report.text import show

        show(self, console, detail)

    def _repr_html_(self) -> str:
        from sim.report.notebook import summary_html

        return summary_html(self)


def load_result(folder: Path) -> Result:
    """The result of a folder that :func:`save` wrote, with its recording when there is one; raises InputError."""
    record, data = load_run(folder)
    recording = folder / RECORDING
    recorder = read_recording(recording) if recording.exists() else None
    try:
        report: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data["report"].items()
        }
        return Result(**report, record=record, prices=tuple(data["prices"]), recorder=recorder)
    except (KeyError, TypeError, AttributeError) as error:
        message = f"not the result of a run of this version ({type(error).__name__})"
        raise InputError([Problem(message, Place(str(folder / RESULT)))]) from error
