"""A run as a native Perfetto trace (protobuf), which ui.perfetto.dev opens.

Tracks stand as the architecture does: groups within groups, a component below its group, its lanes below it, in the
order of their paths. A slice carries ``start_ps`` and ``duration_ps`` as exact integers, operator, tile, its stall's
cause, and how many slices were merged into it. Timestamps are in nanoseconds (or cycles of a clock, one for a nanosecond,
see :mod:`sim.observe.time_base`), both ends floored alike, so that abutting slices stay abutting; a slice that begins and
ends within one nanosecond has no displayed width. Counters: bandwidth (bytes per second, so that rate times width adds up
to the component's bytes), power (watts, dynamic plus static), and bytes taken of buffers. Flows join an operator's first
execution to load, compute and store of its first tiles.

Field numbers are those of perfetto.dev's ``protos/perfetto/trace``; the tests read the traces with the official ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.hardware.layout import natural_key
from sim.observe.counters import Amounts, rates
from sim.observe.flows import OPERATORS, Row, execution_lane, execution_rows, flow_points
from sim.observe.protobuf import double, fixed64, message, number, text
from sim.observe.recorder import STALL
from sim.observe.recording import Recorded
from sim.observe.time_base import SECONDS, TimeBase
from sim.run.record import ComponentRecord, RunRecord

PACKET, TIMESTAMP, SEQUENCE, EVENT, DESCRIPTOR, INTERNED, SEQUENCE_FLAGS = 1, 8, 10, 11, 60, 12, 13
CLEARED, NEEDS_STATE = 1, 2
UUID, NAME, PARENT, COUNTER, ORDERING, RANK, DESCRIPTION = 1, 2, 5, 8, 11, 12, 14
EXPLICIT = 3
EVENT_TYPE, TRACK, NAME_IID, CATEGORY, ANNOTATION, DOUBLE_VALUE, COUNT_VALUE, FLOW = 9, 11, 10, 22, 4, 44, 30, 47
BEGIN, END, COUNTED = 1, 2, 4
NOTE_IID, NOTE_INT, NOTE_TEXT_IID = 1, 4, 17
EVENT_NAMES, NOTE_NAMES, NOTE_TEXTS = 2, 3, 29
UNIT_BYTES, UNIT_NAME, COUNTER_UNIT = 3, 6, 3
ONE_SEQUENCE = 1


def perfetto_chunks(
    record: RunRecord, recorded: Recorded, amounts: Mapping[str, Amounts], base: TimeBase = SECONDS
) -> Iterator[bytes]:
    """The bytes of the trace; the same run gives the same bytes. ``amounts``: by path of component."""
    return _Trace(record, recorded, amounts, base).packets()


class _Trace:
    def __init__(self, record: RunRecord, recorded: Recorded, amounts: Mapping[str, Amounts], base: TimeBase) -> None:
        self.record, self.recorded, self.amounts, self.base = record, recorded, amounts, base
        self.components = sorted(record.components, key=lambda one: natural_key(one.path))
        merged = f"; slices merged within windows of {recorded.window_ps} ps" if recorded.window_ps else ""
        self.says = base.says + merged
        self.names = _Names()
        self.texts = _Names()
        self.notes = _Names()
        self.uuids: dict[tuple[str, ...], int] = {}
        self.ranks: dict[int, int] = {}

    def packets(self) -> Iterator[bytes]:
        yield _packet(number(SEQUENCE_FLAGS, CLEARED))
        rows = execution_rows(self.recorded.executions())
        flows = self._flows(rows)
        yield from self._executions(rows, flows)
        for component in self.components:
            yield from self._lanes(component, flows)
        yield from self._counters()
        yield from self._levels()

    def _track(self, path: tuple[str, ...], counter: bytes = b"") -> Iterator[bytes]:
        """Descriptors of a track and of the groups above it that have none yet."""
        for depth in range(1, len(path) + 1):
            here = path[:depth]
            if here in self.uuids:
                continue
            self.uuids[here] = len(self.uuids) + 1
            above = self.uuids[here[:-1]] if depth > 1 else 0
            rank = self.ranks[above] = self.ranks.get(above, 0) + 1
            parts = [
                number(UUID, self.uuids[here]),
                text(NAME, here[-1]),
                number(ORDERING, EXPLICIT),
                number(RANK, rank),
            ]
            parts += [number(PARENT, above)] if above else [text(DESCRIPTION, self.says)]
            parts += [message(COUNTER, counter)] if counter and depth == len(path) else []
            yield _packet(message(DESCRIPTOR, *parts))

    def _flows(self, rows: list[Row]) -> dict[tuple[str, int], list[int]]:
        """(lane or row of executions, start) -> numbers of the flows that touch the slice there."""
        found: dict[tuple[str, int], list[int]] = {}
        for flow, points in enumerate(flow_points(self.record, self.recorded, rows), start=1):
            for start, lane in points:
                found.setdefault((lane, start), []).append(flow)
        return found

    def _executions(self, rows: list[Row], flows: dict[tuple[str, int], list[int]]) -> Iterator[bytes]:
        for row, start, end, owner in rows:
            path = (OPERATORS, execution_lane(row))
            yield from self._track(path)
            title = self.record.operators[owner].name
            touched = flows.pop((execution_lane(row), start), [])
            yield from self._slice(path, start, end, title, "operator", {"operator": title}, touched)

    def _lanes(self, component: ComponentRecord, flows: dict[tuple[str, int], list[int]]) -> Iterator[bytes]:
        slices = self.recorded.slices()
        numbers = {name: place for place, name in enumerate(self.recorded.lanes)}
        for lane in component.lanes:
            path = (*_parts(component.path), lane.name.removeprefix(component.path) or "lane")
            yield from self._track(path)
            if lane.name not in numbers:
                continue
            first, last = (int(one) for one in slices.lane.searchsorted((numbers[lane.name], numbers[lane.name] + 1)))
            columns = (column[first:last].tolist() for column in slices[1:])
            for start, end, what, owner, tile, merged in zip(*columns, strict=True):
                title = self.recorded.whats[what]
                stalled = title.startswith(STALL)
                notes: dict[str, Any] = {}
                if owner >= 0:
                    notes["operator"] = self.record.operators[owner].name
                if tile >= 0:
                    notes["tile"] = tile
                if stalled:
                    notes["cause"] = title.removeprefix(STALL)
                if merged > 1:
                    notes["merged"] = merged
                touched = [] if stalled else flows.pop((lane.name, start), [])
                yield from self._slice(path, start, end, title, "stall" if stalled else "busy", notes, touched)

    def _slice(
        self,
        path: tuple[str, ...],
        start: int,
        end: int,
        title: str,
        category: str,
        notes: dict[str, Any],
        flows: list[int],
    ) -> Iterator[bytes]:
        track = number(TRACK, self.uuids[path])
        fresh: list[bytes] = []
        parts = [number(EVENT_TYPE, BEGIN), track, number(NAME_IID, self.names.of(title, EVENT_NAMES, fresh))]
        parts.append(text(CATEGORY, category))
        for name, value in {"start_ps": start, "duration_ps": end - start, **notes}.items():
            said = (
                number(NOTE_INT, value) if isinstance(value, int)
                else number(NOTE_TEXT_IID, self.texts.of(value, NOTE_TEXTS, fresh))
            )  # fmt: skip
            parts.append(message(ANNOTATION, number(NOTE_IID, self.notes.of(name, NOTE_NAMES, fresh)), said))
        parts += [fixed64(FLOW, flow) for flow in flows]
        interned = [message(INTERNED, *fresh)] if fresh else []
        yield _packet(number(TIMESTAMP, self.base.shown(start)), message(EVENT, *parts), *interned)
        yield _packet(number(TIMESTAMP, self.base.shown(end)), message(EVENT, number(EVENT_TYPE, END), track))

    def _counters(self) -> Iterator[bytes]:
        for one in rates(self.record, self.recorded, self.components, self.amounts):
            yield from self._counter((*_parts(one.component.path), one.name), one.unit, one.edges_ps, one.values)

    def _counter(self, path: tuple[str, ...], unit: str, edges: list[int], values: list[float]) -> Iterator[bytes]:
        """A value from each edge on; zero from the last."""
        yield from self._track(path, text(UNIT_NAME, unit))
        for time_ps, value in zip(edges, [*values, 0.0], strict=True):
            yield self._point(path, time_ps, double(DOUBLE_VALUE, value))

    def _point(self, path: tuple[str, ...], time_ps: int, value: bytes) -> bytes:
        fresh: list[bytes] = []
        note = message(
            ANNOTATION, number(NOTE_IID, self.notes.of("start_ps", NOTE_NAMES, fresh)), number(NOTE_INT, time_ps)
        )
        event = message(EVENT, number(EVENT_TYPE, COUNTED), number(TRACK, self.uuids[path]), value, note)
        return _packet(
            number(TIMESTAMP, self.base.shown(time_ps)), event, *([message(INTERNED, *fresh)] if fresh else [])
        )

    def _levels(self) -> Iterator[bytes]:
        for name, (times, values) in self.recorded.level_points().items():
            path = (*_parts(name), "bytes taken")
            yield from self._track(path, number(COUNTER_UNIT, UNIT_BYTES))
            for time_ps, value in zip(times.tolist(), values.tolist(), strict=True):
                yield self._point(path, time_ps, number(COUNT_VALUE, value))


class _Names:
    """Numbers for texts, told to the reader when they first occur."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, name: str, field: int, fresh: list[bytes]) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self._numbers) + 1
            fresh.append(message(field, number(1, found), text(2, name)))
        return found


def _packet(*parts: bytes) -> bytes:
    return message(PACKET, number(SEQUENCE, ONE_SEQUENCE), number(SEQUENCE_FLAGS, NEEDS_STATE), *parts)


def _parts(path: str) -> tuple[str, ...]:
    """ "chip.core[0].mxu" as its groups and itself; a link is written "links.0" and stays one part."""
    found: list[str] = []
    for part in path.split("."):
        if part.split("[")[0].isdigit() and found:
            found[-1] += f".{part}"
        else:
            found.append(part)
    return tuple(found)
