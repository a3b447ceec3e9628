"""``tilesim memory`` and the report behind it."""

from __future__ import annotations

import json

import pytest

from sim.cli.main import run_command
from sim.core.errors import InputError
from sim.hardware.memory.pattern_report import pattern_report


def test_a_report_adds_up() -> None:
    report = pattern_report("HBM2_8Gb_x128", "rand_mix21", 5000)
    assert report["achieved_bytes_per_s"] == pytest.approx(report["efficiency"] * report["peak_bytes_per_s"])
    assert report["time_s"] == pytest.approx(report["cycles"] / report["clock_hz"])
    counts = report["counts"]
    served = counts["reads"] + counts["joined_reads"] + counts["forwarded_reads"]
    written = counts["writes"] + counts["merged_writes"] + counts["buffered_writes"]
    assert served + written == 5000
    assert report["energy_pj"]["total"] == pytest.approx(sum(report["energy_pj"].values()) / 2)


def test_what_is_lost_is_what_binds() -> None:
    random = pattern_report("HBM2_8Gb_x128", "rand_rd", 5000)["time_lost"]
    assert random["activation window"] > 0.2
    assert random["turnaround"] == 0.0
    sequential = pattern_report("DDR4_3200", "seq_rd", 50_000)["time_lost"]
    assert sequential["refresh"] == pytest.approx(576 / 12480, abs=0.02)
    assert sequential["activation window"] < 0.01
    assert pattern_report("DDR4_3200", "seq_mix21", 5000)["time_lost"]["turnaround"] > 0.02


def test_bad_names_are_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'HBM3_6400'"):
        pattern_report("HBM3_640", "seq_rd", 10)
    with pytest.raises(InputError, match="address mapping"):
        pattern_report("HBM3_6400", "seq_rd", 10, mapping="rorabgch")
    with pytest.raises(InputError, match="did you mean 'fr_fcfs'"):
        pattern_report("HBM3_6400", "seq_rd", 10, policy="frfcfs")


def test_the_command_prints_or_gives_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["memory", "HBM3_6400", "--pattern", "seq_rd", "--requests", "2000"]) == 0
    assert "bandwidth" in capsys.readouterr().out
    assert run_command(["memory", "HBM3_6400", "--requests", "2000", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["device"] == "HBM3_6400"
    assert run_command(["memory", "HBM9"]) == 2
