"""LSTM, GRU and RNN as one call: a recurrent ONNX node per layer, in PyTorch's order of parameters.

Order per layer and direction: weight_ih [gates*H, I], weight_hh [gates*H, H], and, with biases, bias_ih, bias_hh. The
gates stand in another order than ONNX's, which changes no cost. Source: torch.nn.LSTM, "Variables".
"""

from __future__ import annotations

from typing import Any

from sim.trace.frontends.torch_export.program import Call, Ref
from sim.trace.frontends.torch_export.writer import GraphWriter, NotTranslated, translations

OPS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


@translations.register("aten.lstm")
@translations.register("aten.gru")
@translations.register("aten.rnn_tanh")
@translations.register("aten.rnn_relu")
def recurrent(call: Call, graph: GraphWriter) -> None:
    """All layers, one after the other."""
    a = call.arguments
    if "data" in a:
        raise NotTranslated("of packed sequences")
    both = bool(a.get("bidirectional"))
    directions, per = 2 if both else 1, 4 if a["has_biases"] else 2
    parameters, x = a["params"], graph.name(a["input"])
    if a.get("batch_first"):
        x = graph.emit("Transpose", [x], call, perm=[1, 0, 2])
    if len(parameters) != a["num_layers"] * directions * per:
        raise NotTranslated("with projections, or weights of another number")
    batch = graph.shape(a["input"])[0 if a.get("batch_first") else 1]
    steps = graph.shape(a["input"])[1 if a.get("batch_first") else 0]
    finals: list[list[str]] = []
    for layer in range(a["num_layers"]):
        mine = parameters[layer * directions * per : (layer + 1) * directions * per]
        x, states = _layer(call, graph, x, mine, per, directions, layer)
        finals.append(states)
        hidden = graph.shape(mine[1])[1]
        x = graph.emit("Transpose", [x], call, perm=[0, 2, 1, 3])
        x = graph.emit("Reshape", [x, graph.integers([steps, batch, directions * hidden])], call)
    if call.outputs[0]:
        order = [1, 0, 2] if a.get("batch_first") else [0, 1, 2]
        graph.emit("Transpose", [x], call, call.outputs[0], perm=order)
    for position, name in enumerate(call.outputs[1:]):
        if name:
            graph.emit("Concat", [states[position] for states in finals], call, name, axis=0)


def _layer(
    call: Call, graph: GraphWriter, x: str, parameters: list[Ref], per: int, directions: int, layer: int
) -> tuple[str, list[str]]:
    """One layer; returns its sequence [steps, directions, batch, H] and its last states."""

    def joined(position: int) -> str:
        one = [graph.name(parameters[direction * per + position]) for direction in range(directions)]
        each = [graph.emit("Unsqueeze", [name, graph.integers([0])], call) for name in one]
        return each[0] if directions == 1 else graph.emit("Concat", each, call, axis=0)

    inputs = [x, joined(0), joined(1)]
    if per == 4:
        inputs.append(graph.emit("Concat", [joined(2), joined(3)], call, axis=1))
    op = OPS[call.target.split(".")[1]]
    states = call.arguments.get("hx")
    given: list[Any] = states if isinstance(states, list) else [states]
    inputs += [""] * (5 - len(inputs))
    for state in given:
        bounds = [graph.integers([value]) for value in (layer * directions, (layer + 1) * directions, 0)]
        inputs.append(graph.emit("Slice", [graph.name(state), *bounds], call))
    outputs = [f"{call.name}.layer{layer}.{part}" for part in ("sequence", "h", "c")[: 3 if op == "LSTM" else 2]]
    attributes: dict[str, Any] = {"hidden_size": graph.shape(parameters[1])[1]}
    if directions == 2:
        attributes["direction"] = "bidirectional"
    if op == "GRU":
        attributes["linear_before_reset"] = 1  # torch.nn.GRU applies the reset after the product
    if call.target.startswith("aten.rnn_relu"):
        attributes["activations"] = ["Relu"] * directions
    graph.emit(op, inputs, call, outputs, **attributes)
    return outputs[0], outputs[1:]
