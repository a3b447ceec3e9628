"""Attention of single tokens has one MAC per cached word and goes to the banks; a wide batch of products to the arrays."""

from __future__ import annotations

import pytest

from sim.config.load import load_architecture
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.decoder_block import decoder_block


def test_attention_goes_to_the_banks_and_a_batch_to_the_arrays() -> None:
    architecture = load_architecture("neupims", {"policy.dispatch": "by_intensity"})
    record = run_trace(decoder_block("block", 512, 4, 128, 1024, (300,) * 64), architecture)
    engines = {one.name.rpartition(".")[2]: one.engine for one in record.operators}
    assert (engines["score"], engines["value"], engines["qkv"], engines["fc1"]) == ("pim", "pim", "array", "array")


@pytest.mark.parametrize(("rows", "engine"), [(1, "pim"), (17, "pim"), (18, "array"), (64, "array")])
def test_both_sides_of_the_ridge(rows: int, engine: str) -> None:
    """8.192 T MAC/s in the banks over 948.4 GB/s: the ridge is at 8.64 MACs a byte, 17.3 vectors on weights of 2 bytes."""
    b = TraceBuilder("gemm", dtype="fp16")
    y = b.activation("y", (rows, 4096))
    x, weight = b.activation("x", (rows, 4096)), b.weight("w", (4096, 4096))
    b.op("gemm", "gemm", {"m": rows, "n": 4096, "k": 4096}, {"a": x, "b": weight}, y)
    record = run_trace(b.build(outputs=[y]), load_architecture("neupims", {"policy.dispatch": "by_intensity"}))
    assert record.operators[0].engine == engine
