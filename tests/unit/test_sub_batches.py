"""Splitting a batch in streams: nothing is lost, weights are shared, and streams take turns at every attention."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.decoder_block import decoder_block
from sim.trace.expand import OperatorInstance
from sim.trace.model import Trace
from sim.trace.sub_batches import deal, interleaved, merged, sub_batches
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


def test_requests_are_dealt_back_and_forth() -> None:
    assert deal([100, 40, 30, 20, 10], 2) == [[0, 3, 4], [1, 2]]


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
