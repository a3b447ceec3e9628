"""Utilization over time: exact bins of any width, and amounts that add up; a recording travels unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_toys import toy_result

from sim.core.errors import InputError
from sim.observe.recording import read_recording, recording_bytes
from sim.observe.series import Series, shares
from sim.report.power import attojoules_by_owner, bytes_by_owner, static_attojoules
from sim.report.result import load_result


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5_000_000))
def test_every_bin_is_fully_covered_at_any_width(width_ps: int) -> None:
    result = toy_result()
    assert result.recorder is not None
    series = Series(result.record, result.recorder, width_ps=max(width_ps, result.time_ps // 3000))
    assert series.edges_ps[0] == 0 and series.edges_ps[-1] == result.time_ps
    for component in result.record.components:
        one = series.component(component)
        stalled = sum(one.stall.values(), np.zeros(len(series.widths_ps), np.int64))
        assert (one.busy >= 0).all() and (one.idle >= 0).all() and (stalled >= 0).all()
        assert (one.busy + stalled + one.idle == series.widths_ps * len(component.lanes)).all()
        assert one.busy.sum() == sum(lane.busy_ps for lane in component.lanes)
        assert one.idle.sum() == sum(lane.idle_ps for lane in component.lanes)
        for cause, values in one.stall.items():
            assert values.sum() == sum(lane.stall_ps.get(cause, 0) for lane in component.lanes)


def test_bins_agree_with_the_slices_one_by_one() -> None:
    result = toy_result()
    assert result.recorder is not None
    series = Series(result.record, result.recorder, bins=7)
    component = next(one for one in result.record.components if one.kind == "systolic_array")
    expected = np.zeros(len(series.widths_ps), np.int64)
    slices = result.recorder.slices()
    names = {lane.name for lane in component.lanes}
    for lane, start, end, what, *_ in zip(*(column.tolist() for column in slices), strict=True):
        if result.recorder.lanes[lane] in names and not result.recorder.whats[what].startswith("stall:"):
            for place, (low, high) in enumerate(zip(series.edges_ps, series.edges_ps[1:], strict=False)):
                expected[place] += max(0, min(end, int(high)) - max(start, int(low)))
    assert (series.component(component).busy == expected).all()


def test_bytes_and_joules_spread_over_time_add_up() -> None:
    result = toy_result()
    assert result.recorder is not None and result.energy_j is not None
    series = Series(result.record, result.recorder, bins=93)
    atto = sum(static_attojoules(result).values())
    for component in result.record.components:
        one, moved = series.component(component), bytes_by_owner([component])
        assert one.spread(moved, series.widths_ps).sum() == sum(moved.values())
        atto += int(one.spread(attojoules_by_owner([component], result), series.widths_ps).sum())
    assert atto * 1e-18 == pytest.approx(result.energy_j, rel=1e-12)


@given(st.integers(0, 10**18), st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_shares_add_up_and_follow_the_weights(amount: int, weights: list[int]) -> None:
    found = shares(amount, np.array(weights, np.int64))
    if sum(weights):
        assert found.sum() == amount
        for share, weight in zip(found.tolist(), weights, strict=True):
            assert abs(share - amount * weight // sum(weights)) <= 1
    else:
        assert not found.any()


def test_a_recording_comes_back_as_it_was(tmp_path: Path) -> None:
    recorder = toy_result().recorder
    assert recorder is not None
    path = tmp_path / "recording.npz"
    path.write_bytes(recording_bytes(recorder))
    found = read_recording(path)
    assert all((one == other).all() for one, other in zip(found.slices(), recorder.slices(), strict=True))
    assert (found.executions() == recorder.executions()).all()
    assert found.lanes == recorder.lanes and found.whats == recorder.whats
    levels = recorder.level_points()
    assert levels and list(found.level_points()) == list(levels)
    for name, (times, values) in levels.items():
        assert (found.level_points()[name][0] == times).all() and (found.level_points()[name][1] == values).all()


def test_a_saved_result_comes_back_as_it_was(tmp_path: Path) -> None:
    result = toy_result()
    result.save(tmp_path)
    found = load_result(tmp_path)
    assert found.to_dict() == result.to_dict()
    assert found.record == result.record


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 half of one"])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recording.npz"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_recording(path)
