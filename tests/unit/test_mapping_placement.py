"""Where tensors live: outputs of the model in backing memory, what fits on chip on chip."""

from __future__ import annotations

from machines import operator, small

from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.expand import OperatorInstance, expand, output_keys
from sim.trace.model import Trace


def carried() -> Trace:
    """x -> first -> three layers that carry ``h``; the output of the model is what the last layer makes of it."""
    b = TraceBuilder("carried", dtype="int8")
    for name in ("x", "h"):
        b.activation(name, (64,))
    b.op("first", "elementwise", {"elements": 64}, {"x": "x"}, "h", {"function": "relu"})
    with b.repeat("layer", 3, carry={"h": "next"}):
        b.activation("next", (64,))
        b.op("deep", "elementwise", {"elements": 64}, {"x": "h"}, "next", {"function": "relu"})
    return b.build(["h"])


def test_the_output_of_a_carried_name_is_what_the_last_iteration_made() -> None:
    trace = carried()
    assert output_keys(trace) == {("next", (("layer", 2),))}
    last = [event for event in expand(trace) if isinstance(event, OperatorInstance)][-1]
    assert {one.tensor.key for one in last.outputs} == output_keys(trace)


def test_an_output_passed_through_is_the_instance_of_the_outer_block() -> None:
    b = TraceBuilder("nested", dtype="int8")
    b.activation("h", (4,))
    b.op("first", "elementwise", {"elements": 4}, {"x": b.activation("x", (4,))}, "h", {"function": "relu"})
    with b.repeat("step", 2, over="steps", carry={"h": "mid"}):
        b.activation("mid", (4,))
        b.op("into", "elementwise", {"elements": 4}, {"x": "h"}, "mid", {"function": "relu"})
        with b.repeat("layer", 5, carry={"mid": "inner"}):
            b.activation("inner", (4,))
            b.op("deep", "elementwise", {"elements": 4}, {"x": "mid"}, "inner", {"function": "relu"})
    assert output_keys(b.build(["h"])) == {("inner", (("step", 1), ("layer", 4)))}


def test_only_the_final_value_of_a_carried_output_leaves_the_chip() -> None:
    shared = "shared: {kind: scratchpad, capacity: 64 KiB, width: 64 B, clock: core}"
    record = run_trace(carried(), small(cores=2, fusion="none", extra=shared))
    assert operator(record, "first").bytes["chip.shared"]["written"] == 64
    deep = operator(record, "deep").bytes
    assert (deep["chip.shared"]["written"], deep["chip.dram"]["written"]) == (2 * 64, 64)
