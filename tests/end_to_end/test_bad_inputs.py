"""Bad inputs of every kind through the command line: code 2, the place, the nearest name, and nothing written.

The cases stand in ``tests/support/bad_*.py``. A case may not leave a traceback, print on stdout, or write a file.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bad_models import CONFIGS, TOPOLOGIES, TRACES
from bad_onnx import MODELS
from bad_rest import FLAGS, OUTPUTS, RESULTS, TABLES
from bad_texts import ARCHITECTURES, ENERGY, Bad

from sim.cli.main import run_command

CASES = [*ARCHITECTURES, *ENERGY, *TRACES, *CONFIGS, *TOPOLOGIES, *MODELS, *TABLES, *RESULTS, *FLAGS, *OUTPUTS]
LONGEST_MESSAGE = 1_000_000


def _make(folder: Path, bad: Bad) -> None:
    for name, content in bad.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif content.startswith("@"):
            path.symlink_to(content[1:])
        else:
            path.write_text(content, encoding="utf-8")


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {
        os.path.join(at, name): Path(at, name).read_bytes() if Path(at, name).is_file() else None
        for at, folders, files in os.walk(folder)
        for name in [*folders, *files]
    }


@pytest.mark.parametrize("bad", CASES, ids=[bad.name for bad in CASES])
def test_bad_input_is_refused(
    bad: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make(tmp_path, bad)
    monkeypatch.chdir(tmp_path)
    before = _contents(tmp_path)
    code = run_command(bad.line.split())
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "Traceback" not in err and "bug in tilesim" not in err and 0 < len(err) < LONGEST_MESSAGE
    assert [said for said in bad.said if said not in err] == [], err[:3000]
    assert _contents(tmp_path) == before


def test_there_are_enough_distinct_cases() -> None:
    assert len({(bad.line, repr(sorted(bad.files.items()))) for bad in CASES}) == len(CASES) >= 150
    assert len({bad.name for bad in CASES}) == len(CASES)
