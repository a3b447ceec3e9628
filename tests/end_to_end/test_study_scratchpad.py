"""On-chip allocation: no avoidable off-chip byte once the peak footprint fits, more the less there is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from sim.core.errors import InconsistencyError
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.planned import Life, peak_bytes, plan_addresses

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study() -> ModuleType:
    file = ROOT / "scripts" / "study_scratchpad.py"
    if not file.exists():
        pytest.skip("scripts are not part of the wheel")
    spec = importlib.util.spec_from_file_location("study_scratchpad", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["ResNet-50", "DenseNet-121", "attention block"])
def test_nothing_is_avoidable_once_the_peak_footprint_fits(study: ModuleType, name: str) -> None:
    trace = study.networks()[name]
    footprint = study.peak(trace)
    found = study.off_chip(trace, footprint)
    assert found["avoidable_bytes"] == 0 and found["compulsory_bytes"] > 0
    page = (ROOT / "docs" / "studies" / "scratchpad.md").read_text(encoding="utf-8")
    assert f"## {name}: peak footprint {footprint:,} bytes" in page
    assert f"| {footprint:,} | 1 x | {found['compulsory_bytes']:,} | 0 |" in page


def test_less_memory_avoids_less(study: ModuleType) -> None:
    trace = study.attention_block()
    footprint = study.peak(trace)
    avoidable = [
        study.off_chip(trace, int(footprint * share) // 64 * 64)["avoidable_bytes"] for share in (1, 0.75, 0.1)
    ]
    assert 0 == avoidable[0] < avoidable[1] < avoidable[2]


def test_a_plan_keeps_tensors_that_live_together_apart() -> None:
    some = [Life((f"t{place}", ()), place, place + 1 + place % 3, 64 * (1 + place * 7 % 5), 1) for place in range(40)]
    capacity = peak_bytes(some)
    plan = plan_addresses(some, capacity)
    kept = [life for life in some if life.key in plan]
    for place, one in enumerate(kept):
        for other in kept[:place]:
            if one.first <= other.last and other.first <= one.last:
                first, second = sorted((plan[life.key], life.size_bytes) for life in (one, other))
                assert first[0] + first[1] <= second[0]
    assert all(plan[life.key] + life.size_bytes <= capacity for life in some if life.key in plan)


def test_the_peak_is_that_of_the_worst_moment() -> None:
    chain = [Life((str(place), ()), place, place + 1, size, 1) for place, size in enumerate((64, 640, 128, 1000))]
    assert peak_bytes(chain) == 128 + 1024, "1000 bytes take 1024"


def test_a_claimed_place_must_be_free_and_comes_back_whole() -> None:
    arena = Arena(1024)
    arena.claim(256, 128)
    assert not arena.is_free(320, 64) and arena.is_free(384, 640) and arena.is_free(0, 256)
    with pytest.raises(InconsistencyError, match="claimed, but in use"):
        arena.claim(192, 128)
    arena.free(256, 128)
    assert arena.is_free(0, 1024) and arena.used == 0


def test_best_fit_takes_the_tightest_hole_and_first_fit_the_lowest() -> None:
    for fit, expected in (("first", 0), ("best", 512)):
        arena = Arena(1024, fit=fit)
        for size in (256, 256, 128, 384):
            arena.allocate(size)
        arena.free(0, 256)
        arena.free(512, 128)
        assert arena.allocate(100) == expected
