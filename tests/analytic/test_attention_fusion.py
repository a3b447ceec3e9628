"""Fused attention against closed forms: what it moves, what it executes, and that the scores stay in the core."""

from __future__ import annotations

from math import ceil

import pytest
from machines import small

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

HEADS, DIM = 4, 64


def attention(queries: int, context: int, requests: int = 1) -> Trace:
    """One attention layer: Q, K and V are inputs of the model in bf16."""
    build = TraceBuilder("attention")
    pairs = tuple((queries, context) for _ in range(requests))
    rows, keys = requests * queries, requests * context
    q = build.activation("q", (rows, HEADS * DIM))
    k = build.activation("k", (keys, HEADS * DIM))
    v = build.activation("v", (keys, HEADS * DIM))
    scores = build.activation("scores", (HEADS, rows, context))
    soft = build.activation("soft", (HEADS, rows, context))
    out = build.activation("out", (rows, HEADS * DIM))
    heads = {"heads": HEADS, "kv_heads": HEADS, "head_dim": DIM, "requests": pairs}
    build.op("score", "attention_score", heads, {"a": [q], "b": [k]}, [scores])
    build.op("softmax", "attention_softmax", {"heads": HEADS, "requests": pairs}, {"x": [scores]}, [soft])
    build.op("value", "attention_value", heads, {"a": [soft], "b": [v]}, [out])
    return build.build(outputs=("out",))


def run(trace: Trace, fusion: str, vmem: str = "2 MiB") -> RunRecord:
    """On one tpu_v4 core without shared on-chip memory, so that what does not stay in the core goes to HBM."""
    document = {"policy.fusion": fusion, "chip.core.count": 1, "chip.core.vmem.capacity": vmem, "chip.cmem.capacity": 64,
                "chip.core.vmem.resident_share": "1/1000000"}  # fmt: skip
    return run_trace(trace, load_architecture("tpu_v4", document))


def moved(record: RunRecord) -> tuple[int, int]:
    """(read, written) bytes of HBM."""
    found = [one.bytes.get("chip.hbm", {"read": 0, "written": 0}) for one in record.operators]
    return sum(one["read"] for one in found), sum(one["written"] for one in found)


@pytest.mark.parametrize("queries,context", [(512, 512), (1024, 512), (1000, 777)])
@pytest.mark.parametrize("vmem", ["1 MiB", "4 MiB"])
def test_bytes_follow_the_closed_form_of_the_chosen_tile(queries: int, context: int, vmem: str) -> None:
    record = run(attention(queries, context), "attention", vmem)
    tile = record.operators[0].mapping[0]["tile"]
    one_pass = HEADS * context * DIM * 2
    once = HEADS * queries * DIM * 2
    assert moved(record) == (once + 2 * one_pass * ceil(queries / tile["m"]), once)


def test_reads_of_keys_and_values_follow_n2_d2_over_m() -> None:
    """Halving the scratchpad or doubling the length or the width of a head has its exact effect where tiles divide."""

    def again(length: int, dim: int, kib: int) -> float:
        machine = small(rows=8, cols=8, lanes=64, capacity=f"{kib} KiB", bandwidth="10 MB/s", output_share="3/4",
                        fusion="attention")  # fmt: skip
        build = TraceBuilder("one_head", dtype="int8")
        q, k, v = (build.activation(name, (length, dim)) for name in "qkv")
        scores, soft = (build.activation(name, (1, length, length)) for name in ("scores", "soft"))
        out = build.activation("out", (length, dim))
        sizes = {"heads": 1, "requests": ((length, length),)}
        head = sizes | {"kv_heads": 1, "head_dim": dim}
        build.op("score", "attention_score", head, {"a": [q], "b": [k]}, [scores])
        build.op("softmax", "attention_softmax", sizes, {"x": [scores]}, [soft])
        build.op("value", "attention_value", head, {"a": [soft], "b": [v]}, [out])
        record = run_trace(build.build(outputs=("out",)), machine)
        return (
            sum(one.bytes["chip.dram"]["read"] for one in record.operators if "chip.dram" in one.bytes) - length * dim
        )

    base = again(512, 32, 16)
    for length, dim, kib in ((1024, 32, 16), (512, 64, 16), (512, 32, 8), (512, 32, 32), (1024, 64, 64)):
        expected = base * (length / 512) ** 2 * (dim / 32) ** 2 * 16 / kib
        assert again(length, dim, kib) == pytest.approx(expected, rel=0.03)


def test_scores_stay_in_the_core() -> None:
    trace = attention(1024, 1024)
    scores = HEADS * 1024 * 1024 * 2
    read, written = moved(run(trace, "elementwise"))
    assert read >= 2 * scores and written >= 2 * scores
    assert sum(moved(run(trace, "attention"))) < scores


def test_a_larger_scratchpad_reads_keys_and_values_less_often() -> None:
    reads = [moved(run(attention(2048, 2048), "attention", size))[0] for size in ("512 KiB", "2 MiB", "8 MiB")]
    assert reads == sorted(reads, reverse=True) and reads[0] > 1.5 * reads[-1]


def test_products_are_those_of_the_operators_and_rescaling_is_counted() -> None:
    record = run(attention(300, 700, requests=2), "attention")
    assert [one.macs for one in record.operators] == [2 * HEADS * 300 * 700 * DIM, 0, 2 * HEADS * 300 * 700 * DIM]
    assert record.operators[0].macs == record.operators[0].macs_executed
    tile = record.operators[0].mapping[0]["tile"]
    operations: dict[str, int] = {}
    for component in record.components:
        for counts in component.actions.values():
            for name, count in counts.items():
                operations[name] = operations.get(name, 0) + count
    elements, rows = 2 * HEADS * 300 * 700, 2 * HEADS * 300
    assert operations["op_exp"] == elements + rows * (ceil(700 / tile["n"]) - 1)
    assert operations["op_div"] == rows


def test_uneven_requests_are_each_done_once() -> None:
    build = TraceBuilder("uneven")
    pairs = ((1, 100), (1, 900), (1, 17))
    context = sum(length for _, length in pairs)
    q = build.activation("q", (3, HEADS * DIM))
    k, v = (build.activation(name, (context, HEADS * DIM)) for name in ("k", "v"))
    scores, soft = (build.activation(name, (HEADS, context)) for name in ("scores", "soft"))
    out = build.activation("out", (3, HEADS * DIM))
    heads = {"heads": HEADS, "kv_heads": HEADS, "head_dim": DIM, "requests": pairs}
    build.op("score", "attention_score", heads, {"a": [q], "b": [k]}, [scores])
    build.op("softmax", "attention_softmax", {"heads": HEADS, "requests": pairs}, {"x": [scores]}, [soft])
    build.op("value", "attention_value", heads, {"a": [soft], "b": [v]}, [out])
    read, written = moved(run(build.build(outputs=("out",)), "attention"))
    assert (read, written) == ((3 + 2 * context) * HEADS * DIM * 2, 3 * HEADS * DIM * 2)
