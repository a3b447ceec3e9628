"""The traces in ``traces/`` are what the frontends make of their sources, byte for byte."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make_traces() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_traces", ROOT / "scripts" / "make_traces.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = make_traces()


def test_the_table_has_every_shipped_trace() -> None:
    assert sorted(MAKE.TRACES) == sorted(path.stem for path in (ROOT / "traces").glob("*.jsonl"))


@pytest.mark.parametrize("name", sorted(MAKE.TRACES))
def test_a_shipped_trace_is_what_its_source_gives(name: str, tmp_path: Path) -> None:
    made = MAKE.make_trace(name, tmp_path)
    assert made.read_bytes() == (ROOT / "traces" / f"{name}.jsonl").read_bytes()
