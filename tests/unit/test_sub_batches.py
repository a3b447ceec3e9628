"""Splitting a batch in streams: nothing is lost, weights are shared, and streams take turns at every attention."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.decoder_block import decoder_block
from sim.trace.expand import OperatorInstance
from sim.trace.model import Trace
from sim.trace.sub_batches import deal, in_order, interleaved, merged, sub_batches
from sim.trace.summary import summarize

CONTEXTS = (100, 40, 30, 20, 10)


def _block(blocks: int = 1) -> Trace:
    return decoder_block("block", 64, 2, 32, 128, CONTEXTS, blocks)


def test_streams_do_the_work_of_the_whole() -> None:
    whole = _block(2)
    streams = sub_batches(whole, 2)
    assert sum(summarize(stream).macs for stream in streams) == summarize(whole).macs
    both = merged(whole, streams)
    assert summarize(both).macs == summarize(whole).macs
    names = [tensor.name for tensor, _ in both.tensors() if tensor.role in ("weight", "kv_cache")]
    assert sorted(names) == sorted(t.name for t, _ in whole.tensors() if t.role in ("weight", "kv_cache"))


def test_streams_take_turns_at_the_end_of_every_attention() -> None:
    order = [event.name for event in interleaved(sub_batches(_block(2), 2)) if isinstance(event, OperatorInstance)]
    streams = [name[-1] for name in order]
    turns = [streams[0]] + [now for before, now in pairwise(streams) if now != before]
    assert "".join(turns) == "010101"
    assert order.index("block1.qkv/0") < order.index("block0.proj/1") < order.index("block1.score/1")


def test_a_stage_is_the_attention_of_one_stream_beside_what_the_next_does_before_its_own() -> None:
    events = interleaved(sub_batches(_block(2), 2))
    stages = {event.name: event.stage for event in events if isinstance(event, OperatorInstance)}
    assert list(stages.values()) == sorted(stages.values())
    for stage, names in enumerate((
        ("block0.qkv/0",), ("block0.value/0", "block0.qkv/1"), ("block0.value/1", "block0.proj/0", "block1.qkv/0"),
        ("block1.value/0", "block0.proj/1", "block1.qkv/1"), ("block1.value/1", "block1.fc2/0"), ("block1.fc2/1",),
    )):  # fmt: skip
        assert {stages[name] for name in names} == {stage}


def test_in_lock_step_no_operator_begins_before_the_stage_before_has_ended() -> None:
    changes = {"policy.sub_batches": 2, "policy.scheduler": "lock_step", "policy.lookahead": 16}
    record = run_trace(_block(2), load_architecture("neupims", changes))
    times = {one.name: one for one in record.operators}
    ends = max(times[name].last_end_ps for name in ("block0.value/0", "block0.qkv/1"))
    assert min(times[name].first_start_ps for name in ("block0.score/1", "block0.proj/0")) >= ends


def test_requests_are_dealt_back_and_forth() -> None:
    assert deal([100, 40, 30, 20, 10], 2) == [[0, 3, 4], [1, 2]]
    assert in_order([100, 40, 30, 20, 10], 2) == [[0, 2, 4], [1, 3]]


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(InputError, match="as many requests"):
        sub_batches(_block(), 6)
    b = TraceBuilder("odd", dtype="fp16")
    requests = tuple((1, context) for context in CONTEXTS)
    dims = {"heads": 1, "kv_heads": 1, "head_dim": 8, "requests": requests}
    cache = b.tensor("k", (sum(CONTEXTS), 8), "kv_cache")
    score = b.activation("s", (sum(CONTEXTS),))
    b.op("score", "attention_score", dims, {"a": b.activation("q", (len(CONTEXTS), 8)), "b": cache}, score)
    y = b.activation("y", (7, 8))
    b.op("other", "gemm", {"m": 7, "n": 8, "k": 8}, {"a": b.activation("x", (7, 8)), "b": b.weight("w", (8, 8))}, y)
    with pytest.raises(InputError, match="other cannot be split by requests"):
        sub_batches(b.build(outputs=[y]), 2)
