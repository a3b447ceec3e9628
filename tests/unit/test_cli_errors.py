"""The command line's exit codes and messages: every problem at once, no traceback, nothing half written."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_toys import MACHINE, NETWORK

from sim.cli import main
from sim.core.errors import InconsistencyError

RUN = ["run", "toy_net.jsonl", "-a", "toy.yaml"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "toy.yaml").write_text(MACHINE)
    (tmp_path / "toy_net.jsonl").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run nosuch -a toy.yaml", "nosuch"),
        ("run toy_net.jsonl -a nosuch", "nosuch"),
        ("run toy_net.jsonl -a toy.yaml --dataflow wx", "allowed: auto, is, os, rs, ws"),
        ("run toy_net.jsonl -a toy.yaml --set chip.hbm.bandwith=3", "did you mean 'bandwidth'"),
        ("run toy_net.jsonl -a toy.yaml --set nonsense", "PATH=VALUE"),
        ("run toy_net.jsonl -a toy.yaml --batch 0", "--batch"),
        ("run toy_net.jsonl -a toy.yaml --shape seq=4 --phase decode", "--shape"),
        ("run toy_net.jsonl", "--arch"),
        ("run --frobnicate", "--frobnicate"),
        ("lower toy.yaml", "toy.yaml"),
        ("explain .", "result.json"),
        ("timeline . --format gif", "gif"),
        ("arch show nosuch", "nosuch"),
        ("trace check toy.yaml", "toy.yaml"),
        ("validate nosuch", "nosuch"),
    ],
)
def test_bad_input_is_told_on_stderr_with_code_2(
    files: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    assert main.run_command(line.split()) == 2
    out, err = capsys.readouterr()
    assert said in err and "Traceback" not in err and out == ""
    assert sorted(path.name for path in files.iterdir()) == ["toy.yaml", "toy_net.jsonl"]


def test_all_options_that_a_model_cannot_use_are_told_at_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_command([*RUN, "--batch", "2", "--phase", "decode", "--dtype", "int8"]) == 2
    err = capsys.readouterr().err
    assert all(option in err for option in ("--batch", "--phase", "--dtype"))


def raises(error: BaseException) -> object:
    def simulate(*args: object, **kwargs: object) -> object:
        raise error

    return simulate


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InconsistencyError("bytes", "7 against 8"), 3, "inconsistent"),
        (ZeroDivisionError("a"), 3, "this is a bug in tilesim: ZeroDivisionError: a"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_is_not_the_users_fault(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int,
    said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("sim.report.simulation.simulate", raises(error))
    monkeypatch.delenv("TILESIM_DEBUG", raising=False)
    assert main.run_command([*RUN, "-o", "out"]) == code
    out, err = capsys.readouterr()
    assert said in err and "Traceback" not in err and out == ""
    assert not (files / "out").exists()


def test_a_bug_shows_its_traceback_when_asked(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.report.simulation.simulate", raises(ZeroDivisionError("a")))
    monkeypatch.setenv("TILESIM_DEBUG", "1")
    assert main.run_command(RUN) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["", "run", "compare", "lower", "explain", "timeline", "validate", "trace", "arch", "trace list", "trace show",
     "trace check", "trace schema", "arch list", "arch show", "arch check", "arch schema"],
)  # fmt: skip
def test_every_help_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main.run_command([*command.split(), "--help"]) == 0
    assert "Example: tilesim" in capsys.readouterr().out
