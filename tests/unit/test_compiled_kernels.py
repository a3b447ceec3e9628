"""Where compiled kernels are kept, and what makes a fresh folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from sim.core.errors import InputError
from sim.hardware import compiled


def test_the_cache_folder_is_the_user_s_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(compiled.CACHE_VARIABLE, str(tmp_path / "mine"))
    assert compiled.cache_folder() == tmp_path / "mine" / f"kernels-{compiled.kernel_digest()}"
    assert compiled.cache_folder().is_dir()


def test_an_unwritable_choice_falls_back_and_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv(compiled.CACHE_VARIABLE, str(blocked))
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert compiled.cache_folder().is_relative_to(tmp_path / "temporary")
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(blocked))
    with pytest.raises(InputError, match="TILESIM_CACHE"):
        compiled.cache_folder()


def test_an_edit_of_any_kernel_source_opens_a_fresh_folder(tmp_path: Path) -> None:
    package = Path(sim.__file__).parent
    shutil.copytree(package / "hardware", tmp_path / "sim" / "hardware", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package / "core", tmp_path / "sim" / "core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sim" / "__init__.py").write_text("")
    code = "from sim.hardware.compiled import kernel_digest; print(kernel_digest())"

    def digest() -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    before = digest()
    callee = tmp_path / "sim" / "hardware" / "memory" / "_bank_layout.py"
    callee.write_text(callee.read_text().replace("FILTER = 1024", "FILTER = 2048"))
    assert digest() != before
