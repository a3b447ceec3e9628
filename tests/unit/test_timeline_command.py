"""tilesim timeline, diff and compare -o: every format from a folder alone, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_toys import machine, network, toy_result

import sim
from sim.cli.main import run_command

MAGIC = {
    "chrome": b"{",
    "perfetto": b"\n",
    "html": b"<!doctype html>",
    "png": b"\x89PNG",
    "svg": b"<?xml",
    "pdf": b"%PDF",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    toy_result().save(path)
    return path


@pytest.mark.parametrize("format", MAGIC)
def test_every_format_comes_from_the_folder(folder: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "new" / "out"
    assert run_command(["timeline", str(folder), "--format", format, "-o", str(out)]) == 0
    assert out.read_bytes().startswith(MAGIC[format])


def test_the_folder_gives_the_bytes_that_the_run_wrote(folder: Path, tmp_path: Path) -> None:
    for format, name in (("chrome", "timeline.json"), ("html", "report.html")):
        out = tmp_path / name
        assert run_command(["timeline", str(folder), "--format", format, "-o", str(out)]) == 0
        assert out.read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("arguments", [
    ["--format", "pgn"], ["--what", "rooflin"], ["--what", "energy"], ["--format", "svg", "--clock", "core"],
    ["--format", "chrome", "--clock", "cor"], ["--format", "svg", "--what", "comparison"],
])  # fmt: skip
def test_what_cannot_be_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run_command(["timeline", str(folder), *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_without_a_recording_only_the_timeline_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sim.simulate(network(), machine(), timeline=False).save(tmp_path)
    assert not (tmp_path / "recording.npz").exists()
    assert (
        run_command(["timeline", str(tmp_path), "--format", "svg", "--what", "energy", "-o", str(tmp_path / "e")]) == 0
    )
    assert run_command(["timeline", str(tmp_path), "--format", "perfetto"]) == 2
    assert "recording" in capsys.readouterr().err


def test_diff_prints_and_writes_json(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sim.simulate(network(), machine(chip__hbm__bandwidth="32 GB/s")).save(tmp_path)
    assert run_command(["diff", str(folder), str(tmp_path)]) == 0
    assert "chip.hbm.bandwidth: 64 GB/s -> 32 GB/s" in capsys.readouterr().out
    assert run_command(["diff", str(folder), str(tmp_path), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["architecture"] == {"chip.hbm.bandwidth": {"before": "64 GB/s", "after": "32 GB/s"}}
    assert run_command(["diff", str(folder), str(tmp_path / "nowhere")]) == 2


def test_a_comparison_has_a_page_and_a_picture(tmp_path: Path) -> None:
    sim.compare(network(), [machine()], ("os", "ws")).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.json", "report.html"]
    out = tmp_path / "picture.pdf"
    assert run_command(["timeline", str(tmp_path), "--format", "pdf", "--what", "comparison", "-o", str(out)]) == 0
    assert out.read_bytes().startswith(b"%PDF")
