"""timeline.json: exact, complete, tidy, and the same bytes for the same run."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest
from report_toys import machine, network, toy_result

from sim.observe.counters import BINS
from sim.observe.recorder import Recorder
from sim.observe.series import Series
from sim.observe.timeline import timeline_chunks
from sim.report.power import amounts
from sim.report.simulation import simulate
from sim.run.simulate import run_trace

OPERATORS_PROCESS = 1


@cache
def events() -> list[dict[str, Any]]:
    result = toy_result()
    assert result.recorder is not None
    found: list[dict[str, Any]] = json.loads("".join(timeline_chunks(result.record, result.recorder, amounts(result))))[
        "traceEvents"
    ]
    return found


def lane_names(found: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
    return {(one["pid"], one["tid"]): one["args"]["name"] for one in found if one["name"] == "thread_name"}


def slices(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    names = lane_names(found)
    by_lane: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        if one["ph"] == "X" and one["pid"] != OPERATORS_PROCESS:
            by_lane[names[one["pid"], one["tid"]]].append(one)
    return by_lane


def check_totals(found: list[dict[str, Any]], components: Any) -> None:
    by_lane = slices(found)
    for component in components:
        for lane in component.lanes:
            busy = sum(one["args"]["duration_ps"] for one in by_lane[lane.name] if one["cat"] == "busy")
            stalls: Counter[str] = Counter()
            for one in by_lane[lane.name]:
                if one["cat"] == "stall":
                    stalls[one["args"]["cause"]] += one["args"]["duration_ps"]
            assert busy == lane.busy_ps, lane.name
            assert dict(stalls) == {cause: amount for cause, amount in lane.stall_ps.items() if amount}, lane.name


def test_busy_and_stalls_per_lane_equal_the_record_exactly() -> None:
    check_totals(events(), toy_result().record.components)


def test_totals_stay_exact_when_slices_are_merged() -> None:
    recorder = Recorder(limit=60)
    record = run_trace(network(), machine(), None, (recorder,))
    data = json.loads("".join(timeline_chunks(record, recorder, amounts(toy_result()))))
    assert recorder.window_ps > 0 and "merged" in data["otherData"]["slices"]
    check_totals(data["traceEvents"], record.components)


def test_lanes_never_overlap_in_picoseconds_nor_as_drawn() -> None:
    for lane in slices(events()).values():
        for before, after in itertools.pairwise(lane):
            end = before["args"]["start_ps"] + before["args"]["duration_ps"]
            assert end <= after["args"]["start_ps"]
            drawn_end = round(1000 * before["ts"]) + round(1000 * before["dur"])
            assert drawn_end <= round(1000 * after["ts"])
            if end == after["args"]["start_ps"]:
                assert drawn_end == round(1000 * after["ts"])


def test_slices_name_operator_tile_and_cause() -> None:
    names = {one.name for one in toy_result().record.operators}
    every = [one for lane in slices(events()).values() for one in lane]
    assert {one["args"]["operator"] for one in every} - {None} <= names
    arrays = [one for name, lane in slices(events()).items() if ".mxu" in name for one in lane if one["cat"] == "busy"]
    assert arrays and all(one["args"]["tile"] >= 0 and one["name"] == one["args"]["operator"] for one in arrays)
    stalled = [one for one in every if one["cat"] == "stall"]
    assert stalled and all(one["name"] == f"stall: {one['args']['cause']}" for one in stalled)


def test_one_process_per_group_and_one_thread_per_lane() -> None:
    processes = [one["args"]["name"] for one in events() if one["name"] == "process_name"]
    assert processes == ["operators", "chip", "chip.core[0]", "chip.core[1]"]
    lanes = {lane.name for component in toy_result().record.components for lane in component.lanes}
    assert lanes <= set(lane_names(events()).values())


def test_counters_show_bandwidth_and_occupancy() -> None:
    counters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in events():
        if one["ph"] == "C":
            counters[one["name"]].append(one)
    assert {"chip.hbm bandwidth (B/s)", "chip.xbar bandwidth (B/s)"} <= set(counters)
    peak = max(one["args"]["value"] for one in counters["chip.core[0].vmem.inputs taken (B)"])
    buffers = next(one.buffers for one in toy_result().record.components if one.path == "chip.core[0].vmem")
    assert peak == buffers["inputs"]["peak_bytes"]
    rates = [one["args"]["value"] for one in counters["chip.hbm bandwidth (B/s)"]]
    assert 0 < max(rates) <= 64e9 + 1


def integral(points: list[dict[str, Any]], edges_ps: list[int]) -> float:
    """A counter's value times time, in units times seconds; its points stand at some of ``edges_ps``."""
    by_us = {edge // 1000 / 1000: edge for edge in edges_ps}
    times = [by_us[one["ts"]] for one in points]
    return (
        sum(one["args"]["value"] * (end - start) for one, start, end in zip(points, times, times[1:], strict=False))
        / 1e12
    )


def test_counters_integrate_to_bytes_and_joules() -> None:
    result = toy_result()
    assert result.recorder is not None
    edges_ps = Series(result.record, result.recorder, BINS).edges_ps.tolist()
    counters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in events():
        if one["ph"] == "C":
            counters[one["name"]].append(one)
    for path, own in amounts(result).items():
        moved, energy = sum(own.bytes_by.values()), sum(own.attojoules_by.values()) + own.static_attojoules
        for name, whole in ((f"{path} bandwidth (B/s)", moved), (f"{path} power (W)", energy / 1e18)):
            assert (name in counters) == bool(whole), name
            if whole:
                assert integral(counters[name], edges_ps) == pytest.approx(whole, rel=1e-9), name


def test_arrows_start_end_and_lie_on_slices() -> None:
    starts = {(one["pid"], one["tid"], one["ts"]) for one in events() if one["ph"] == "X"}
    flows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in events():
        if one["ph"] in "stf":
            flows[one["id"]].append(one)
    assert flows
    for arrow in flows.values():
        assert [one["ph"] for one in arrow] == ["s", *["t"] * (len(arrow) - 2), "f"]
        assert [one["ts"] for one in arrow] == sorted(one["ts"] for one in arrow)
        assert all((one["pid"], one["tid"], one["ts"]) in starts for one in arrow)
        assert any(one["pid"] == OPERATORS_PROCESS for one in arrow)


def test_executions_of_a_repeated_operator_are_drawn_one_by_one() -> None:
    drawn = Counter(one["name"] for one in events() if one["ph"] == "X" and one["pid"] == OPERATORS_PROCESS)
    assert drawn == {"layer.up": 3, "layer.down": 3}


def test_two_runs_give_the_same_bytes() -> None:
    one, again = toy_result(), simulate(network(), machine())
    assert one.recorder is not None and again.recorder is not None
    texts = ["".join(timeline_chunks(each.record, each.recorder, amounts(each))) for each in (one, again)]
    assert texts[0] == texts[1]


def test_recording_changes_nothing() -> None:
    assert simulate(network(), machine(), timeline=False).to_dict() == toy_result().to_dict()
