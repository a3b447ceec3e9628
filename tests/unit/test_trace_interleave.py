"""Parts of a batch as one trace that alternates between them."""

from __future__ import annotations

import pytest

from sim.core.errors import InputError
from sim.trace.decoder_block import decoder_block
from sim.trace.interleave import interleave
from sim.trace.load import load_trace
from sim.trace.model import Operator, Tensor


def _part(*contexts: int, hidden: int = 64) -> object:
    return decoder_block("part", hidden, 2, 32, 128, contexts, blocks=2)


def test_parts_alternate_after_attention_and_share_weights() -> None:
    trace = interleave([_part(8, 16), _part(4)], "both")  # type: ignore[list-item]
    order = [item.name.split(".")[0] for item in trace.items if isinstance(item, Operator)]
    changes = [name for place, name in enumerate(order) if place == 0 or order[place - 1] != name]
    assert changes == ["s0", "s1", "s0", "s1", "s0", "s1"], "the last turn has no attention behind it"
    weights = [item.name for item in trace.items if isinstance(item, Tensor) and item.role == "weight"]
    assert len(weights) == len(set(weights)) == 8 and not any(name.startswith("s0.") for name in weights)
    assert len(trace.outputs) == 2


def test_parts_that_do_not_fit_together_are_refused_at_once() -> None:
    with pytest.raises(InputError) as caught:
        interleave([_part(8), _part(8, hidden=32), load_trace("llama2_7b_decode")], "x")  # type: ignore[list-item]
    text = str(caught.value)
    assert "weight block0.qkv.weight differs" in text and "cannot be interleaved" in text
