"""``timeline.json``: a run as Chrome trace events, which ui.perfetto.dev and chrome://tracing open.

One process per group of the architecture and one thread per lane, both in order of their paths; a process ``operators``
with each execution of a region. A slice's ``args`` hold ``start_ps`` and ``duration_ps`` as exact integers; ``ts`` and
``dur`` (microseconds) are floored to whole nanoseconds at both ends alike, so that abutting slices stay abutting.
Stalls are slices named by their cause; where nothing is drawn a lane is idle. Counters: bandwidth and power
of components (:mod:`sim.observe.counters`) and bytes taken of each buffer. Flows: between the
first execution of an operator and the load, compute and store of its first tiles on each core, in order of time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim.hardware.layout import natural_key
from sim.observe.counters import Amounts, rates
from sim.observe.flows import FLOW_TILES, OPERATORS, Row, execution_lane, execution_rows, flow_points, group_of
from sim.observe.recorder import STALL
from sim.observe.recording import Recorded
from sim.observe.time_base import SECONDS, TimeBase
from sim.run.record import ComponentRecord, RunRecord


@dataclass
class _Track:
    """Where a lane is drawn."""

    pid: int
    tid: int
    component: ComponentRecord


def timeline_chunks(
    record: RunRecord, recorder: Recorded, amounts: Mapping[str, Amounts], base: TimeBase = SECONDS
) -> Iterator[str]:
    """The text of ``timeline.json``; the same run gives the same bytes.

    ``amounts``: bytes and joules by path of component; ``base``: what displayed times stand for.
    """
    head = {
        "elapsed_ps": record.elapsed_ps,
        "trace": record.trace["name"],
        "architecture": record.architecture["name"],
        "slices": "exact" if not recorder.window_ps else f"merged within windows of {recorder.window_ps} ps",
        "flows": f"first {FLOW_TILES} tiles of each operator on each core",
        "time": base.says,
        "executions_left_out": recorder.dropped_executions,
    }
    yield f'{{"displayTimeUnit":"ns","otherData":{_json(head)},"traceEvents":[\n'
    first = True
    for event in _Timeline(record, recorder, amounts, base).events():
        yield event if first else f",\n{event}"
        first = False
    yield "\n]}\n"


class _Timeline:
    def __init__(self, record: RunRecord, recorder: Recorded, amounts: Mapping[str, Amounts], base: TimeBase) -> None:
        self.record, self.base, self.amounts = record, base, amounts
        self.recorder = recorder
        components = sorted(record.components, key=lambda one: natural_key(one.path))
        groups = sorted({group_of(one.path) for one in components}, key=natural_key)
        self.pids = {group: number for number, group in enumerate(groups, start=2)}
        self.components = components
        self.tracks: dict[str, _Track] = {}
        for component in components:
            for lane in component.lanes:
                pid = self.pids[group_of(component.path)]
                self.tracks[lane.name] = _Track(pid, 100 + len(self.tracks), component)
        self.operator_names = [_json(one.name) for one in record.operators]
        self.slices = recorder.slices()

    def events(self) -> Iterator[str]:
        yield from self._names()
        executions = execution_rows(self.recorder.executions())
        yield from self._executions(executions)
        yield from self._slices()
        yield from self._rates()
        yield from self._levels()
        yield from self._flows(executions)

    def _names(self) -> Iterator[str]:
        yield _metadata("process_name", 1, 0, name=OPERATORS)
        yield _metadata("process_sort_index", 1, 0, sort_index=1)
        for group, pid in self.pids.items():
            yield _metadata("process_name", pid, 0, name=group or self.record.architecture["name"])
            yield _metadata("process_sort_index", pid, 0, sort_index=pid)
        for name, track in self.tracks.items():
            yield _metadata("thread_name", track.pid, track.tid, name=name)
            yield _metadata("thread_sort_index", track.pid, track.tid, sort_index=track.tid)

    def _executions(self, rows: list[Row]) -> Iterator[str]:
        for row in range(max((row for row, *_ in rows), default=-1) + 1):
            yield _metadata("thread_name", 1, row + 1, name=f"operators in flight {row + 1}")
            yield _metadata("thread_sort_index", 1, row + 1, sort_index=row + 1)
        for row, start, end, owner in rows:
            name = self.operator_names[owner]
            yield f'{{"ph":"X","pid":1,"tid":{row + 1},{_times(self.base, start, end)},"cat":"operator","name":{name},"args":{{"start_ps":{start},"duration_ps":{end - start},"operator":{name}}}}}'  # noqa: E501

    def _slices(self) -> Iterator[str]:
        whats = self.recorder.whats
        names = [_json(what) for what in whats]
        causes = [_json(what.removeprefix(STALL)) if what.startswith(STALL) else "" for what in whats]
        stalls = [_json(f"stall: {what.removeprefix(STALL)}") for what in whats]
        places = [f'"pid":{track.pid},"tid":{track.tid}' for track in (self.tracks[n] for n in self.recorder.lanes)]
        for lane, start, end, what, owner, tile, merged in zip(*(c.tolist() for c in self.slices), strict=True):
            operator = self.operator_names[owner] if owner >= 0 else "null"
            cause = causes[what]
            title = stalls[what] if cause else operator if owner >= 0 else names[what]
            rest = f',"cause":{cause}' if cause else f',"what":{names[what]}'
            rest += f',"tile":{tile}' if merged == 1 else f',"merged":{merged}'
            kind = '"stall"' if cause else '"busy"'
            yield f'{{"ph":"X",{places[lane]},{_times(self.base, start, end)},"cat":{kind},"name":{title},"args":{{"start_ps":{start},"duration_ps":{end - start},"operator":{operator}{rest}}}}}'  # noqa: E501

    def _rates(self) -> Iterator[str]:
        for one in rates(self.record, self.recorder, self.components, self.amounts):
            pid = self.pids[group_of(one.component.path)]
            label = _json(f"{one.component.path} {one.name} ({one.unit})")
            yield from _counter(self.base, pid, label, one.edges_ps, [*one.values, 0.0])

    def _levels(self) -> Iterator[str]:
        for name, (times, values) in self.recorder.level_points().items():
            group = group_of(name.rpartition(".")[0])
            label = _json(f"{name} taken (B)")
            ends = [*times.tolist(), self.record.elapsed_ps]
            yield from _counter(self.base, self.pids.get(group, 1), label, ends, [*values.tolist(), values[-1].item()])

    def _flows(self, executions: list[Row]) -> Iterator[str]:
        """Arrows operator -> load -> compute -> store."""
        places = {name: (track.pid, track.tid) for name, track in self.tracks.items()}
        places |= {execution_lane(row): (1, row + 1) for row, *_ in executions}
        for number, points in enumerate(flow_points(self.record, self.recorder, executions), start=1):
            for place, (time_ps, lane) in enumerate(points):
                phase = "t" if 0 < place < len(points) - 1 else "f" if place else "s"
                yield _flow(self.base, phase, number, *places[lane], time_ps)


def _times(base: TimeBase, start_ps: int, end_ps: int) -> str:
    begin, end = base.shown(start_ps), base.shown(end_ps)
    length = end - begin
    return f'"ts":{begin // 1000}.{begin % 1000:03d},"dur":{length // 1000}.{length % 1000:03d}'


def _at(base: TimeBase, time_ps: int) -> str:
    return f'"ts":{base.shown(time_ps) // 1000}.{base.shown(time_ps) % 1000:03d}'


def _metadata(what: str, pid: int, tid: int, **args: object) -> str:
    return _json({"ph": "M", "pid": pid, "tid": tid, "name": what, "args": args})


def _counter(base: TimeBase, pid: int, name: str, times_ps: Sequence[int], values: Sequence[float]) -> Iterator[str]:
    """Points of a counter, leaving out those between the first and the last that change nothing."""
    shown: float | None = None
    for place, (time_ps, value) in enumerate(zip(times_ps, values, strict=True)):
        if value != shown or place == len(values) - 1:
            yield f'{{"ph":"C","pid":{pid},{_at(base, time_ps)},"name":{name},"args":{{"value":{value}}}}}'
        shown = value


def _flow(base: TimeBase, phase: str, number: int, pid: int, tid: int, time_ps: int) -> str:
    end = ',"bp":"e"' if phase == "f" else ""
    return (
        f'{{"ph":"{phase}","id":{number},"pid":{pid},"tid":{tid},{_at(base, time_ps)},"cat":"tile","name":"tile"{end}}}'
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
