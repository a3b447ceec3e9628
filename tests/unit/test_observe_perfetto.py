"""Native Perfetto traces, read with the official protos: exact, in order, and counters that add up."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos
from report_toys import machine, network, toy_result

from sim.core.errors import InputError
from sim.hardware.layout import natural_key
from sim.observe.perfetto import perfetto_chunks
from sim.observe.recorder import Recorder
from sim.observe.time_base import time_base
from sim.observe.timeline import timeline_chunks
from sim.report.build import build_result
from sim.report.energy import energy_table
from sim.report.power import amounts, bytes_by_owner
from sim.report.result import Result
from sim.report.simulation import simulate
from sim.run.simulate import run_trace

BEGIN, END, COUNTED = (
    protos.TrackEvent.TYPE_SLICE_BEGIN,
    protos.TrackEvent.TYPE_SLICE_END,
    protos.TrackEvent.TYPE_COUNTER,
)


class Slice(NamedTuple):
    name: str
    begin_ns: int
    end_ns: int
    notes: dict[str, Any]
    category: str
    flows: tuple[int, ...]


class Read(NamedTuple):
    """A trace: descriptors by uuid, slices and counter points (start_ps, value) by uuid, uuids in order of appearance."""

    tracks: dict[int, Any]
    slices: dict[int, list[Slice]]
    counters: dict[int, list[tuple[int, float]]]

    def path(self, uuid: int) -> tuple[str, ...]:
        one = self.tracks[uuid]
        return (*(self.path(one.parent_uuid) if one.parent_uuid else ()), one.name)


def read(data: bytes) -> Read:
    trace = protos.Trace()
    trace.ParseFromString(data)
    found = Read({}, defaultdict(list), defaultdict(list))
    names: dict[str, dict[int, str]] = defaultdict(dict)
    open_slices: dict[int, Any] = {}
    for packet in trace.packet:
        for kind in ("event_names", "debug_annotation_names", "debug_annotation_string_values"):
            for one in getattr(packet.interned_data, kind):
                names[kind][one.iid] = one.str.decode() if kind.endswith("values") else one.name
        if packet.HasField("track_descriptor"):
            found.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if not packet.HasField("track_event"):
            continue
        event, uuid = packet.track_event, packet.track_event.track_uuid
        assert uuid in found.tracks
        notes = {
            names["debug_annotation_names"][one.name_iid]: one.int_value
            if one.HasField("int_value")
            else names["debug_annotation_string_values"][one.string_value_iid]
            for one in event.debug_annotations
        }
        if event.type == COUNTED:
            value = event.double_counter_value if event.HasField("double_counter_value") else event.counter_value
            found.counters[uuid].append((notes["start_ps"], value))
        elif event.type == BEGIN:
            assert uuid not in open_slices, "slices of a lane nest"
            name = names["event_names"][event.name_iid]
            open_slices[uuid] = (name, packet.timestamp, notes, event.categories[0], tuple(event.flow_ids))
        else:
            assert event.type == END
            name, begin, notes, category, flows = open_slices.pop(uuid)
            found.slices[uuid].append(Slice(name, begin, packet.timestamp, notes, category, flows))
    assert not open_slices
    return found


def trace_of(result: Result) -> Read:
    assert result.recorder is not None
    return read(b"".join(perfetto_chunks(result.record, result.recorder, amounts(result))))


@cache
def toy_trace() -> Read:
    return trace_of(toy_result())


def by_lane(trace: Read, result: Result) -> dict[str, list[Slice]]:
    """Slices by the recorder's name of the lane: the path of its track, put together again."""
    lanes = {}
    for component in result.record.components:
        for lane in component.lanes:
            last = lane.name.removeprefix(component.path) or "lane"
            lanes[f"{component.path}/{last}"] = lane.name
    paths = {uuid: trace.path(uuid) for uuid in trace.slices}
    return {
        lanes[f"{'.'.join(path[:-1])}/{path[-1]}"]: trace.slices[uuid]
        for uuid, path in paths.items() if path[0] != "operators"
    }  # fmt: skip


def check_totals(trace: Read, result: Result) -> None:
    slices = by_lane(trace, result)
    for component in result.record.components:
        for lane in component.lanes:
            busy, stalls = 0, Counter[str]()
            for one in slices.get(lane.name, []):
                if one.category == "busy":
                    busy += one.notes["duration_ps"]
                else:
                    stalls[one.notes["cause"]] += one.notes["duration_ps"]
            assert busy == lane.busy_ps, lane.name
            assert dict(stalls) == {cause: amount for cause, amount in lane.stall_ps.items() if amount}, lane.name


def test_busy_and_stalls_of_every_lane_are_those_of_the_record() -> None:
    check_totals(toy_trace(), toy_result())


def test_report_is_the_sum_of_the_lanes() -> None:
    result, slices = toy_result(), by_lane(toy_trace(), toy_result())
    for path, row in result.components.items():
        lanes = [lane.name for one in result.record.components if one.declared == path for lane in one.lanes]
        busy = sum(one.notes["duration_ps"] for name in lanes for one in slices.get(name, []) if one.category == "busy")
        assert busy == row["busy_ps"], path


def test_totals_stay_exact_when_slices_are_merged() -> None:
    recorder = Recorder(limit=64)
    record = run_trace(network(), machine(), listeners=(recorder,))
    assert recorder.window_ps
    result = build_result(record, machine(), energy_table(machine()), recorder)
    check_totals(trace_of(result), result)


def test_displayed_times_floor_both_ends_and_lanes_never_overlap() -> None:
    for slices in toy_trace().slices.values():
        ends = [0]
        for one in slices:
            start = one.notes["start_ps"]
            assert one.begin_ns == start // 1000
            assert one.end_ns == (start + one.notes["duration_ps"]) // 1000
            assert one.begin_ns >= ends[-1]
            ends.append(one.end_ns)


def test_tracks_stand_as_the_architecture_does() -> None:
    trace = toy_trace()
    children: dict[int, list[Any]] = defaultdict(list)
    for one in trace.tracks.values():
        children[one.parent_uuid].append(one)
    for siblings in children.values():
        assert [one.sibling_order_rank for one in siblings] == list(range(1, len(siblings) + 1))
    chip = next(one for one in trace.tracks.values() if one.name == "chip")
    inside = [one.name for one in children[chip.uuid]]
    assert inside == sorted(inside, key=natural_key)
    assert {"core[0]", "core[1]", "hbm", "cmem", "host"} <= set(inside)
    assert all(one.child_ordering == protos.TrackDescriptor.EXPLICIT for one in trace.tracks.values())


def test_counters_integrate_to_bytes_and_joules() -> None:
    trace, result = toy_trace(), toy_result()
    joules, moved = 0.0, Counter[str]()
    for uuid, points in trace.counters.items():
        *path, name = trace.path(uuid)
        whole = sum(value * (after - start) * 1e-12 for (start, value), (after, _) in pairwise(points))
        if name == "power":
            assert trace.tracks[uuid].counter.unit_name == "W"
            joules += whole
        elif name == "bandwidth":
            assert trace.tracks[uuid].counter.unit_name == "B/s"
            moved[".".join(path)] = round(whole)
    assert result.energy_j is not None
    assert abs(joules / result.energy_j - 1) < 1e-9
    expected = {one.path: sum(bytes_by_owner([one]).values()) for one in result.record.components}
    assert dict(moved) == {path: amount for path, amount in expected.items() if amount}


def test_flows_lead_from_operators_through_their_tiles() -> None:
    trace = toy_trace()
    names: dict[int, set[str]] = defaultdict(set)
    operators = {one.name for one in toy_result().record.operators}
    for slices in trace.slices.values():
        for one in slices:
            for flow in one.flows:
                names[flow].add("operator" if one.name in operators else one.name)
    assert names
    assert all("operator" in found and len(found) > 1 for found in names.values())
    assert any(found == {"operator", "load", "compute", "store"} for found in names.values())


def test_same_run_same_bytes() -> None:
    result = toy_result()
    assert result.recorder is not None
    one, other = (b"".join(perfetto_chunks(result.record, result.recorder, amounts(result))) for _ in range(2))
    assert one == other


def test_time_in_cycles_of_a_clock() -> None:
    result = simulate(network(), machine(clocks__core="1.5 GHz"))
    assert result.recorder is not None
    base = time_base(result.record, "core")
    trace = read(b"".join(perfetto_chunks(result.record, result.recorder, amounts(result), base)))
    shown = [(one.begin_ns, one.notes["start_ps"]) for slices in trace.slices.values() for one in slices]
    assert shown and all(cycles == start * 3 // 2000 for cycles, start in shown)
    assert "cycle of clock core (1.5 GHz)" in next(iter(trace.tracks.values())).description
    chrome = json.loads("".join(timeline_chunks(result.record, result.recorder, amounts(result), base)))
    assert "cycle of clock core" in chrome["otherData"]["time"]
    found = [(one["ts"], one["args"]["start_ps"]) for one in chrome["traceEvents"] if one["ph"] == "X"]
    assert found and all(round(1000 * ts) == start * 3 // 2000 for ts, start in found)


def test_an_unknown_clock_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        time_base(toy_result().record, "cor")
    assert caught.value.problems[0].nearest == "core"
