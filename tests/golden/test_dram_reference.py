"""The bank engine against runs of DRAMsim3: every row, every figure."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sim.hardware.memory import patterns
from sim.validate.suite import DATA, run_suite

PATTERNS = Path(__file__).resolve().parent.parent / "data" / "dram" / "dram_patterns.csv"


def pattern_rows() -> list[dict[str, str]]:
    with PATTERNS.open() as lines:
        next(lines)
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("row", pattern_rows(), ids=lambda row: f"{row['pattern']}-{row['granule_bytes']}")
def test_a_pattern_is_the_reference_s_request_for_request(row: dict[str, str]) -> None:
    requests = patterns.make(row["pattern"], int(row["N"]), int(row["granule_bytes"]))
    assert f"{patterns.checksum(requests):016x}" == row["fnv64_word"]


@pytest.mark.parametrize("suite", ["dram_idle", "dram_load_latency"])
def test_idle_and_loaded_latency_are_exact(suite: str) -> None:
    result = run_suite(suite)
    assert result.passed
    assert result.scored == result.rows > 0
    assert all(metric.exact == metric.rows for metric in result.metrics.values())


def assert_exact(path: Path) -> None:
    result = run_suite("dram", path)
    assert result.passed
    assert result.scored == result.rows > 0
    for metric in result.metrics.values():
        assert metric.exact == metric.rows > 0, metric.metric.name


@pytest.mark.slow
def test_every_request_stream_is_exact() -> None:
    assert_exact(DATA / "dram.csv")


def test_short_request_streams_are_exact(tmp_path: Path) -> None:
    lines = (DATA / "dram.csv").read_text().splitlines()
    column = lines[1].split(",").index("N")
    kept = lines[:2] + [line for line in lines[2:] if int(line.split(",")[column]) <= 50000][::3]
    path = tmp_path / "dram.csv"
    path.write_text("\n".join(kept) + "\n")
    assert_exact(path)


@pytest.mark.slow
def test_a_second_simulator_agrees_within_a_tenth() -> None:
    result = run_suite("dram_ramulator")
    assert result.passed
    assert result.scored == result.rows > 0
    beyond = [one for one in result.worst if one.metric == "bandwidth" and one.error_pct > 15]
    assert len(beyond) <= 9, "docs/deviations.md explains nine"
