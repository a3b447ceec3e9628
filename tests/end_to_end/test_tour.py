"""The tour of the documentation runs from an empty folder and shows what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.py"


def test_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(TOUR), run_name="__main__")
    text = capsys.readouterr().out
    for word in ("wrote tour/report.html", "folds = ", "600 GB/s", "ws: ", "####"):
        assert word in text
    shown = (tmp_path / "tour" / "notebook.html").read_text(encoding="utf-8")
    assert "<caption>resnet50 on tpu_v4</caption>" in shown and "<svg" in shown
    assert (tmp_path / "tour" / "compare" / "report.html").exists()
