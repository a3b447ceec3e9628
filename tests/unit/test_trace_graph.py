"""The graph of a trace, and its totals against the unrolled trace."""

from __future__ import annotations

import networkx
import pytest

from sim.trace.builder import TraceBuilder
from sim.trace.expand import OperatorInstance, expand
from sim.trace.graph import trace_graph
from sim.trace.load import lower
from sim.trace.summary import persistent_tensors, summarize
from sim.trace.work import MatrixWork


def branches() -> TraceBuilder:
    """x -> left, right -> join, then three layers of relu."""
    builder = TraceBuilder("t")
    for name in ("x", "l", "r", "j"):
        builder.activation(name, (4,))
    for name, x in (("left", "x"), ("right", "x")):
        builder.op(name, "elementwise", {"elements": 4}, {"x": x}, name[0], {"function": "relu"})
    builder.op("join", "elementwise", {"elements": 4}, {"x": "l", "y": "r"}, "j", {"function": "add"})
    with builder.repeat("layer", 3, carry={"j": "k"}):
        builder.activation("k", (4,))
        builder.op("deep", "elementwise", {"elements": 4}, {"x": "j"}, "k", {"function": "relu"})
    builder.activation("out", (4,))
    builder.op("last", "elementwise", {"elements": 4}, {"x": "j"}, "out", {"function": "relu"})
    return builder


def test_branches_join_and_a_block_passes_on_what_it_carries() -> None:
    graph = trace_graph(branches().build(["out"]))
    assert set(graph.edges) == {("left", "join"), ("right", "join"), ("join", "deep"), ("deep", "last")}
    assert graph.edges["left", "join"]["tensors"] == ("l",)
    assert graph.nodes["deep"] == {"kind": "elementwise", "count": 3, "blocks": ("layer",)}
    assert graph.graph["carried"] == (("deep", "deep", "j"),)


def test_a_generation_is_acyclic_and_says_what_steps_hand_on() -> None:
    graph = trace_graph(lower("configs/gpt2", phase="generate", prompt=8, generate=3))
    assert networkx.is_directed_acyclic_graph(graph)
    assert graph.has_edge("prefill.sample", "decode.embed_tokens")
    assert graph.has_edge("prefill.layers.append_k", "decode.layers.attention_score")
    carried = graph.graph["carried"]
    assert ("decode.sample", "decode.embed_tokens", "prefill.next_token") in carried
    assert ("decode.layers.append_k", "decode.layers.attention_score", "layers.k_cache") in carried


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("configs/gpt2", {"prompt": [3, 5]}),
        ("configs/gpt2", {"phase": "generate", "prompt": [3, 5], "generate": 4}),
        ("configs/mixtral_8x7b", {"phase": "generate", "prompt": 3, "generate": 2, "batch": 2}),
        ("configs/bert_base", {"prompt": 7}),
    ],
)
def test_totals_equal_those_of_the_unrolled_trace(model: str, options: dict[str, object]) -> None:
    trace = lower(model, **options)
    macs, count, persistent = 0, 0, {}
    for event in expand(trace):
        if isinstance(event, OperatorInstance):
            count += 1
            macs += event.work.macs if isinstance(event.work, MatrixWork) else 0
            slices = [*event.outputs, *(one for _, uses in event.inputs for one in uses)]
            persistent |= {one.tensor.key: one.tensor for one in slices if one.tensor.persistent}
    summary = summarize(trace)
    assert (summary.macs, summary.operators_executed) == (macs, count)
    sizes: dict[str, int] = {}
    for tensor in persistent.values():
        sizes[tensor.role] = sizes.get(tensor.role, 0) + tensor.size_bytes
    assert summary.persistent_bytes == dict(sorted(sizes.items()))
    assert sum(tensor.count for tensor in persistent_tensors(trace)) == len(persistent)
