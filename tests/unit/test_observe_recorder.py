"""The recorder: totals of every lane are exact however much is merged, lanes never overlap, memory is bounded."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.observe.recorder import Recorder

piece = st.tuples(
    st.integers(0, 50),  # gap before
    st.integers(1, 1000),  # duration
    st.sampled_from(["compute", "stall:operand", "stall:bank"]),
    st.integers(-1, 3),  # owner
)
lanes = st.lists(st.lists(piece, max_size=60), min_size=1, max_size=4)


def play(recorder: Recorder, content: list[list[tuple[int, int, str, int]]]) -> Counter[tuple[str, str, int]]:
    """Tell the recorder each lane in time order; returns the durations told by lane, what and owner."""
    told: Counter[tuple[str, str, int]] = Counter()
    for number, pieces in enumerate(content):
        now = 0
        for gap, duration, what, owner in pieces:
            start = now + gap
            now = start + duration
            recorder.span(f"lane{number}", start, now, what, owner, 7)
            told[f"lane{number}", what, owner] += duration
    return told


@settings(max_examples=60, deadline=None)
@given(lanes, st.sampled_from([8, 20, 1000]))
def test_durations_survive_merging_and_lanes_never_overlap(
    content: list[list[tuple[int, int, str, int]]], limit: int
) -> None:
    recorder = Recorder(limit=limit)
    told = play(recorder, content)
    slices = recorder.slices()
    kept: Counter[tuple[str, str, int]] = Counter()
    ends: dict[int, int] = {}
    for lane, start, end, what, owner, _, _ in zip(*(column.tolist() for column in slices), strict=True):
        assert start >= ends.get(lane, 0)
        ends[lane] = end
        kept[recorder.lanes[lane], recorder.whats[what], owner] += end - start
    assert kept == told
    assert int(slices.merged.sum()) == sum(len(pieces) for pieces in content)


def test_memory_does_not_grow_with_the_run() -> None:
    recorder = Recorder(limit=1000)
    for index in range(50_000):
        recorder.span("lane", 10 * index, 10 * index + 9, "compute", index % 5, index)
    assert len(recorder.slices().start) <= 1000
    assert recorder.window_ps > 0
    assert int((recorder.slices().end - recorder.slices().start).sum()) == 50_000 * 9


def test_short_runs_are_kept_slice_by_slice() -> None:
    recorder = Recorder()
    recorder.span("lane", 0, 4, "compute", 1, 9)
    recorder.span("lane", 4, 9, "compute", 1, 10)
    slices = recorder.slices()
    assert recorder.window_ps == 0
    assert slices.tile.tolist() == [9, 10] and slices.end.tolist() == [4, 9]


def test_levels_keep_the_last_value_of_an_instant_and_peaks_when_coarsened() -> None:
    recorder = Recorder(level_limit=10)
    for time_ps in range(1000):
        recorder.level("pool", time_ps, 0)
        recorder.level("pool", time_ps, 100 if time_ps == 517 else time_ps % 3)
    times, values = recorder.level_points()["pool"]
    assert len(times) <= 11 and values.max() == 100
