"""What is shared is shared fairly, and what is not shared runs side by side."""

from __future__ import annotations

import pytest
from machines import NS, add_gemm, elapsed, executor, small

from sim.config.architecture import Architecture
from sim.run.executor import run_together
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


class Spans:
    """Keeps every busy span by lane."""

    def __init__(self) -> None:
        self.busy: dict[str, list[tuple[int, int]]] = {}
        self.levels: list[tuple[str, int, int]] = []

    def span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        if not what.startswith("stall:"):
            self.busy.setdefault(lane, []).append((start_ps, end_ps))

    def level(self, name: str, time_ps: int, value: int) -> None:
        self.levels.append((name, time_ps, value))


def branches(shapes: list[tuple[int, int, int]]) -> Trace:
    """Independent GEMMs, each with an input of its own."""
    b = TraceBuilder("branches", dtype="int8")
    outputs = [add_gemm(b, f"g{i}", b.activation(f"x{i}", (m, k)), m, n, k) for i, (m, n, k) in enumerate(shapes)]
    return b.build(outputs=outputs)


def spans(trace: Trace, architecture: Architecture) -> tuple[int, dict[str, list[tuple[int, int]]]]:
    heard = Spans()
    return run_together([executor(trace, architecture, heard)]), heard.busy


PINS = "{'g*': {cores: {m: 1}, tile: {m: 512, n: 512, k: 512}, engine: array}}"


@pytest.mark.parametrize("first_k", [64, 128, 400])
def test_two_dma_streams_share_a_channel_quantum_by_quantum(first_k: int) -> None:
    """Two cores load s0 and s1 bytes from one byte-a-cycle channel, in turn.

    The shorter one ends in its last turn, 2*s - 1 or 2*s bytes after the start, the other after all s0 + s1 and the
    16 bytes of results that the shorter one's core stores meanwhile.
    """
    second_k = 128
    sizes = [8 * first_k, 8 * second_k]  # 4 rows of A and 4 columns of B
    _, busy = spans(
        branches([(4, 4, first_k), (4, 4, second_k)]),
        small(cores=2, dataflow="os", bandwidth="1 GB/s", pins=PINS, lanes=1),
    )
    ends = [busy[f"chip.core[{core}].dma.load"][0][1] for core in (0, 1)]
    stored = 0 if sizes[0] == sizes[1] else 4 * 4
    if sizes[0] <= sizes[1]:
        assert ends == [(2 * sizes[0] - 1) * NS, (sum(sizes) + stored) * NS]
    else:
        assert ends == [(sum(sizes) + stored) * NS, 2 * sizes[1] * NS]


def test_one_stream_alone_has_the_whole_channel() -> None:
    _, busy = spans(branches([(4, 4, 128)]), small(cores=2, dataflow="os", bandwidth="1 GB/s", pins=PINS))
    assert busy["chip.core[0].dma.load"] == [(0, 8 * 128 * NS)]


def test_branches_on_two_cores_take_the_maximum_plus_contention() -> None:
    """Loads of 1600 and 1280 bytes share 16 B a cycle, then both arrays compute at once, then each stores 16 bytes."""
    long, short = (4, 4, 200), (4, 4, 160)
    machine = small(cores=2, dataflow="os", bandwidth="16 GB/s", burst="16 B", pins=PINS)
    compute_long, compute_short = 4 + 4 + 200 - 2, 4 + 4 + 160 - 2
    quanta_long, quanta_short = 1600 // 16, 1280 // 16
    end_long = quanta_long + quanta_short + compute_long + 1
    end_short = 2 * quanta_short + compute_short + 1
    assert elapsed(branches([long, short]), machine) == max(end_long, end_short) * NS
    alone = elapsed(branches([long]), machine) + elapsed(branches([short]), machine)
    assert alone == (quanta_long + compute_long + 1 + quanta_short + compute_short + 1) * NS
    assert elapsed(branches([long, short]), machine) < alone


def test_branches_on_two_arrays_of_one_core_take_the_maximum_plus_contention() -> None:
    """One DMA loads the first, then the second; each computes on an array of its own."""
    shapes = [(4, 4, 300), (4, 4, 220)]
    machine = small(arrays=2, dataflow="os", bandwidth="16 GB/s", burst="16 B", pins=PINS)
    loads = [8 * k // 16 for _, _, k in shapes]
    computes = [4 + 4 + k - 2 for _, _, k in shapes]
    ends = [loads[0] + computes[0] + 1, sum(loads) + computes[1] + 1]
    assert elapsed(branches(shapes), machine) == max(ends) * NS
    assert max(ends) < sum(loads) + sum(computes)


def test_branches_on_one_array_take_turns() -> None:
    """The counter-example: with one array the computes add up (the second load hides behind the first compute)."""
    shapes = [(4, 4, 300), (4, 4, 200)]
    machine = small(arrays=1, dataflow="os", bandwidth="16 GB/s", burst="16 B", pins=PINS)
    assert elapsed(branches(shapes), machine) == (150 + 306 + 206 + 1) * NS


def test_dependent_operators_take_turns_even_on_two_cores() -> None:
    """The second loads its weights early, and its input when the first has stored it."""
    b = TraceBuilder("chain", dtype="int8")
    first = add_gemm(b, "g0", b.activation("x", (4, 200)), 4, 4, 200)
    trace = b.build(outputs=[add_gemm(b, "g1", first, 4, 4, 4)])
    machine = small(cores=2, dataflow="os", bandwidth="16 GB/s", burst="16 B", pins=PINS)
    weights_of_second = 1  # 16 bytes, its turn comes second
    first_stored = 100 + weights_of_second + 206 + 1
    assert elapsed(trace, machine) == (first_stored + 1 + (4 + 4 + 4 - 2) + 1) * NS
