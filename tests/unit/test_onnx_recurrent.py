"""LSTM, GRU and RNN: MACs of the textbook formula, the recurrence as a real dependency, states and sequence in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx_toys import lowered, node, operators

import sim
from sim.core.errors import InputError
from sim.trace.check import check_trace
from sim.trace.graph import trace_graph
from sim.trace.model import Repeat, Trace
from sim.trace.reader import read_trace
from sim.trace.summary import summarize
from sim.trace.writer import write_trace

STEPS, BATCH, WIDTH, HIDDEN = 7, 2, 5, 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _trace(
    folder: Path, op: str, directions: int = 1, outputs: str = "y", inputs: str = "x w r b", **rest: Any
) -> Trace:
    gates = GATES[op] * HIDDEN
    weights = {
        "w": (directions, gates, WIDTH), "r": (directions, gates, HIDDEN), "b": (directions, 2 * gates),
        "h0": (directions, BATCH, HIDDEN), "c0": (directions, BATCH, HIDDEN), "p": (directions, 3 * HIDDEN),
    }  # fmt: skip
    used = {name: shape for name, shape in weights.items() if name in inputs.split()}
    if directions == 2:
        rest["direction"] = "bidirectional"
    shape = rest.pop("shape", (STEPS, BATCH, WIDTH))
    nodes = [node(op, inputs, outputs, hidden_size=HIDDEN, name="cell", **rest)]
    trace = lowered(folder, nodes, {"x": shape}, outputs.replace("_ ", ""), used, opset=14)
    check_trace(trace)
    return trace


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("op", GATES)
def test_macs_and_parameters(tmp_path: Path, op: str, directions: int) -> None:
    found = summarize(_trace(tmp_path, op, directions))
    gates = GATES[op] * HIDDEN
    assert found.macs == directions * STEPS * BATCH * gates * (WIDTH + HIDDEN)
    assert found.parameters == directions * gates * (WIDTH + HIDDEN + 2)


@pytest.mark.parametrize(("op", "reset"), [("LSTM", 0), ("GRU", 0), ("GRU", 1), ("RNN", 0)])
def test_a_step_waits_for_the_one_before(tmp_path: Path, op: str, reset: int) -> None:
    trace = _trace(tmp_path, op, **({"linear_before_reset": 1} if reset else {}))
    (block,) = [item for item in trace.items if isinstance(item, Repeat)]
    assert (block.count, block.over) == (STEPS, "steps")
    graph = trace_graph(trace)
    carried = {(producer, consumer) for producer, consumer, _ in graph.graph["carried"]}
    assert ("cell.hidden", "cell.recurrent") in carried
    assert summarize(trace).macs == STEPS * BATCH * GATES[op] * HIDDEN * (WIDTH + HIDDEN)


def test_states_sequence_and_peepholes(tmp_path: Path) -> None:
    trace = _trace(tmp_path, "LSTM", 2, "y y_h y_c", "x w r b _ h0 c0 p", clip=3.0)
    named = {operator.name: operator for operator in operators(trace)}
    assert {"cell.initial_h_0", "cell.initial_c_1", "cell.peepholes_0", "cell.clipped_1"} <= set(named)
    assert set(trace.outputs) == {"y", "y.h_0", "y.h_1", "y.c_0", "y.c_1"}
    (append,) = named["cell.append_1"].outputs
    assert (append.tensor, append.elements) == ("y", BATCH * HIDDEN)


def test_batch_first_is_the_same_work(tmp_path: Path) -> None:
    one = summarize(_trace(tmp_path, "LSTM", shape=(BATCH, STEPS, WIDTH), layout=1))
    assert one == summarize(_trace(tmp_path, "LSTM"))


def test_the_trace_survives_its_file(tmp_path: Path) -> None:
    trace = _trace(tmp_path, "GRU", 2, "y y_h")
    write_trace(trace, tmp_path / "gru.jsonl")
    assert read_trace(tmp_path / "gru.jsonl") == trace


def test_time_grows_with_the_steps_however_many_arrays(tmp_path: Path) -> None:
    """A chain of dependent steps: on a large machine the time per step is latency, and no step is free."""
    times = []
    for steps in (4, 8, 12):
        trace = _trace(tmp_path, "LSTM", shape=(steps, BATCH, WIDTH))
        times.append(sim.simulate(trace, sim.load_architecture("tpu_v4")).time_ps)
    assert times[2] - times[1] == pytest.approx(times[1] - times[0], rel=0.05)
    assert times[2] > 2 * times[0]


def test_activations_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"LSTM.*activations wobble"):
        _trace(tmp_path, "LSTM", activations=["Wobble", "Tanh", "Tanh"])
