"""The study of PIM systems: its page has all tables, and its cheapest figures come out of runs as they stand there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study() -> ModuleType:
    file = ROOT / "scripts" / "study_pim.py"
    if not file.exists():
        pytest.skip("scripts are not part of the wheel")
    spec = importlib.util.spec_from_file_location("study_pim", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["study_pim"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_has_every_section_with_a_table(study: ModuleType) -> None:
    page = study.PAGE.read_text(encoding="utf-8")
    for name in study.SECTIONS:
        table = page.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end {name} -->")[0]
        assert table.count("\n|") >= 4, name


def test_a_row_of_the_page_is_what_a_run_gives(study: ModuleType) -> None:
    own, gpu = (study.gpt_point("GPT-2 small", name) for name in ("pim_gpt", "t4"))
    row = next(
        line for line in study.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| GPT-2 small |")
    )
    assert own.ms == pytest.approx(float(row.split("|")[2]), rel=0.01)
    assert 1 < gpu.ms / own.ms < 41, "below what is published against a measured T4"


def test_a_point_of_batched_decode_is_what_a_run_gives(study: ModuleType) -> None:
    rows = [
        line.split("|") for line in study.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| GPT3-")
    ]
    assert [(row[1].strip(), int(row[2])) for row in rows] == study.NEUPIMS_POINTS
    turns, dual = (64 / study.block_ms("GPT3-7B", 64, mode) for mode in ("turns", "dual"))
    assert (turns, dual) == (pytest.approx(float(rows[0][4]), rel=0.01), pytest.approx(float(rows[0][5]), rel=0.01))


def test_regenerating_replaces_one_table_only(study: ModuleType) -> None:
    study.SECTIONS["short"] = lambda: ["| x |"]
    try:
        page = "a\n<!-- short -->\nold\n<!-- end short -->\nb\n"
        assert study.regenerate(page, ["short"]) == "a\n<!-- short -->\n\n| x |\n<!-- end short -->\nb\n"
    finally:
        del study.SECTIONS["short"]


def test_contexts_are_seeded_and_short_of_the_longest(study: ModuleType) -> None:
    found = study.share_gpt(256)
    assert found == study.share_gpt(256) and max(found) <= 1024
    assert 150 < sum(found) / 256 < 320, "inputs of mean 80 and half of outputs of mean 296"
