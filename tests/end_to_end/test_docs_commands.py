"""Every command and every Python example shown in README.md and docs/chips.md runs, in order, in one empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sim.cli.main import run_command

README = Path(__file__).resolve().parents[2] / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _fences(page: Path = README) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def test_readme_has_commands() -> None:
    assert sum(language == "sh" for language, _ in _fences()) >= 5


@pytest.mark.parametrize("page", [README, README.parent / "docs" / "chips.md"], ids=["README", "chips"])
def test_commands_of_a_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for language, text in _fences(page):
        if language == "yaml":
            name = text.splitlines()[0].removeprefix("#").strip()
            Path(name).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, "README.md", "exec"), {})
        else:
            assert language == "sh"
            for line in text.strip().splitlines():
                program, *arguments = shlex.split(line)
                assert program == "tilesim"
                code = run_command(arguments)
                assert code == 0, f"{line}: exit code {code}\n{capsys.readouterr().err}"
