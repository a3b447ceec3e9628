"""LSTM, GRU and RNN: the product with the input for all steps at once, then one step after the other.

The input of every step is known before the first, so its product with W is one ``gemm`` of steps * batch rows. A step is
a block: the previous hidden state times R, the gates, the new state, which the next step reads; nothing of a step can begin
before the state of the one before is there. Per direction, with I inputs, H hidden units and G gates (LSTM 4, GRU 3,
RNN 1): MACs = steps * batch * G * H * (I + H).

Directions are blocks of their own, one after the other. Sequences shorter than the longest (``sequence_lens``) are
charged in full, and a state that starts at zero is read like any other. Source: the ONNX operator specification
(LSTM-22, GRU-22, RNN-22), equations "default".
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value, joined

#: Activation of a recurrent operator (names are compared without case) -> function of the ``elementwise`` kind.
ACTIVATIONS = {
    "sigmoid": "sigmoid", "tanh": "tanh", "scaledtanh": "tanh", "relu": "relu", "leakyrelu": "leaky_relu",
    "thresholdedrelu": "leaky_relu", "hardsigmoid": "hard_sigmoid", "elu": "elu", "softplus": "softplus",
    "affine": "scale_shift",
}  # fmt: skip


@dataclass
class _Cell:
    """One direction of one node: its sizes, its parts of the weights, and the helpers that emit its operators."""

    node: Node
    lowering: Lowering
    number: int
    gates: int
    steps: int
    batch: int
    hidden: int
    functions: list[str]

    @property
    def state(self) -> int:
        """Elements of one state: batch * hidden."""
        return self.batch * self.hidden

    def name(self, part: str) -> str:
        """A tensor or operator part of this direction."""
        return f"{part}_{self.number}" if self.directions > 1 else part

    @property
    def directions(self) -> int:
        return 2 if self.node.attribute("direction", "forward") == "bidirectional" else 1

    def tensor(self, part: str, *shape: int) -> Value:
        """A new tensor of this direction."""
        output = next(filter(None, self.node.outputs))
        return self.lowering.tensor(
            f"{output}.{self.name(part)}", shape, self.lowering.value(self.node, 0).element_type
        )

    def weight(self, position: int, start: int, elements: int) -> Value | None:
        """``elements`` of this direction's part of a weight, from ``start`` on."""
        whole = self.lowering.optional(self.node, position)
        if whole is None:
            return None
        return whole.part(whole.name, (elements,), self.number * (whole.elements // self.directions) + start)

    def product(self, part: str, a: Value, position: int, gates: tuple[int, int], k: int, bias: int) -> Value:
        """``a`` times the rows of W or R that belong to ``gates`` (first, count), plus that part of the bias."""
        first, count = gates
        rows = a.elements // k
        b = self.weight(position, first * self.hidden * k, count * self.hidden * k)
        if b is None:
            raise Unsupported(f"without its input {position}")
        ports = [("a", a.uses), ("b", b.uses)]
        added = self.weight(3, (bias + first) * self.hidden, count * self.hidden)
        if added is not None:
            ports.append(("bias", added.uses))
        dims = {"batch": 1, "m": rows, "n": count * self.hidden, "k": k}
        output = self.tensor(part, rows, count * self.hidden)
        return self.lowering.emit(self.node, "gemm", dims, ports, output, part=self.name(part))

    def apply(self, part: str, function: str, *operands: Value) -> Value:
        """An element-wise operator over as many elements as its first operand has."""
        output = self.tensor(part, operands[0].elements // self.hidden, self.hidden)
        ports = [(port, value.uses) for port, value in zip("xyz", operands, strict=False)]
        dims = {"elements": output.elements}
        return self.lowering.emit(
            self.node, "elementwise", dims, ports, output, part=self.name(part), function=function
        )

    def gates_of(self, x: Value, recurrent: Value) -> Value:
        """The sums in front of the gates, limited by the attribute ``clip`` if there is one."""
        total = self.apply("gates", "add", recurrent, x)
        return self.apply("clipped", "clip", total) if "clip" in self.node.attributes else total

    def gate(self, value: Value, first: int, count: int = 1) -> Value:
        """The elements of ``count`` gates of a value that holds several."""
        return value.part(value.name, (count * self.batch, self.hidden), first * self.state)


def _initial(cell: _Cell, part: str, position: int) -> Value:
    """The state before the first step, as a tensor that the steps carry on."""
    state = cell.tensor(part, cell.batch, cell.hidden)
    given = cell.lowering.optional(cell.node, position)
    if given is not None:
        read = given if given.broadcast else given.part(given.name, state.shape, cell.number * cell.state)
        dims = {"elements": state.elements}
        cell.lowering.emit(cell.node, "copy", dims, [("x", read.uses)], state, part=cell.name(f"initial_{part}"))
    return state


def _lstm_step(cell: _Cell, x: Value, states: list[Value]) -> list[Value]:
    """i, o, f, c gates; C = f * C + i * c~; H = o * h(C). Peepholes (input 7) add P * C to i, f and o."""
    (h, c), (f, g, out) = states, cell.functions
    total = cell.gates_of(x, cell.product("recurrent", h, 2, (0, 4), cell.hidden, 4))
    sigmoids = cell.gate(total, 0, 3)
    peepholes = cell.weight(7, 0, 3 * cell.hidden)
    if peepholes is not None:
        sigmoids = cell.apply("peepholes", "scale_shift", sigmoids, c, peepholes)
    opened = cell.apply("opened", f, sigmoids)
    candidate = cell.apply("candidate", g, cell.gate(total, 3))
    kept = cell.apply("kept", "mul", cell.gate(opened, 2), c)
    added = cell.apply("added", "mul", cell.gate(opened, 0), candidate)
    new_c = cell.apply("cell", "add", kept, added)
    squashed = cell.apply("squashed", out, new_c)
    return [cell.apply("hidden", "mul", cell.gate(opened, 1), squashed), new_c]


def _gru_step(cell: _Cell, x: Value, states: list[Value]) -> list[Value]:
    """z, r, h gates; H = (1 - z) * h~ + z * H, as h~ + z * (H - h~)."""
    (h,), (f, g) = states, cell.functions
    if cell.node.attribute("linear_before_reset", 0):
        recurrent = cell.product("recurrent", h, 2, (0, 3), cell.hidden, 3)
        total = cell.gates_of(cell.gate(x, 0, 2), cell.gate(recurrent, 0, 2))
        opened = cell.apply("opened", f, total)
        reset = cell.apply("reset", "mul", cell.gate(opened, 1), cell.gate(recurrent, 2))
    else:
        recurrent = cell.product("recurrent", h, 2, (0, 2), cell.hidden, 3)
        total = cell.gates_of(cell.gate(x, 0, 2), recurrent)
        opened = cell.apply("opened", f, total)
        kept = cell.apply("kept", "mul", cell.gate(opened, 1), h)
        reset = cell.product("reset", kept, 2, (2, 1), cell.hidden, 3)
    candidate = cell.apply("candidate", g, cell.apply("summed", "add", reset, cell.gate(x, 2)))
    change = cell.apply("change", "sub", h, candidate)
    return [cell.apply("hidden", "scale_shift", cell.gate(opened, 0), change, candidate)]


def _rnn_step(cell: _Cell, x: Value, states: list[Value]) -> list[Value]:
    """H = f(x W + H R)."""
    total = cell.gates_of(x, cell.product("recurrent", states[0], 2, (0, 1), cell.hidden, 1))
    return [cell.apply("hidden", cell.functions[0], total)]


_STEPS = {"LSTM": _lstm_step, "GRU": _gru_step, "RNN": _rnn_step}
#: Operator type -> (gates, its default activations).
CELLS = {"LSTM": (4, ("sigmoid", "tanh", "tanh")), "GRU": (3, ("sigmoid", "tanh")), "RNN": (1, ("tanh",))}


@lowerings.register("LSTM")
@lowerings.register("GRU")
@lowerings.register("RNN")
def recurrent(node: Node, lowering: Lowering) -> None:
    """A recurrent operator: per direction one ``gemm`` for the input and a block of its steps."""
    x = lowering.whole(node, 0)
    cells = _cells(node, lowering, x)
    sequence = None
    if node.outputs and node.outputs[0]:
        sequence = lowering.tensor(node.outputs[0], lowering.result(node)[0], x.element_type)
        lowering.values[sequence.name] = sequence
    if lowering.optional(node, 4) is not None:
        lowering.folded[f"sequence_lens of {node.op} charged as the longest"] += 1
    finals = [_direction(cell, x, sequence) for cell in cells]
    for position in range(1, len(node.outputs)):
        if node.outputs[position]:
            shape, _ = lowering.result(node, position)
            parts = [final[position - 1] for final in finals]
            lowering.alias(node, joined(node.outputs[position], shape, parts), position)


def _cells(node: Node, lowering: Lowering, x: Value) -> list[_Cell]:
    gates, defaults = CELLS[node.op]
    steps, batch = (x.shape[1], x.shape[0]) if node.attribute("layout", 0) else x.shape[:2]
    directions, hidden = lowering.value(node, 2).shape[0], lowering.value(node, 2).shape[2]
    named = [text.lower() for text in _texts(node.attribute("activations", []))] or list(defaults) * directions
    unknown = [name for name in named if name not in ACTIVATIONS]
    if unknown or len(named) != directions * len(defaults):
        raise Unsupported(f"with activations {', '.join(named)}")
    if lowering.value(node, 1).shape != (directions, gates * hidden, x.shape[2]):
        raise Unsupported(f"with weights of shape {lowering.value(node, 1).shape}")
    functions = [ACTIVATIONS[name] for name in named]
    width = len(defaults)
    return [
        _Cell(node, lowering, number, gates, steps, batch, hidden, functions[number * width : (number + 1) * width])
        for number in range(directions)
    ]


def _texts(values: list[bytes | str]) -> list[str]:
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]


def _direction(cell: _Cell, x: Value, sequence: Value | None) -> tuple[Value, ...]:
    """Emit one direction; returns its last states. Each step's result goes to its place in ``sequence``."""
    inputs = cell.product("input", x, 1, (0, cell.gates), x.shape[2], 0)
    now = inputs.part(inputs.name, (cell.gates * cell.batch, cell.hidden), 0)
    states = [_initial(cell, "h", 5)] + ([_initial(cell, "c", 6)] if cell.node.op == "LSTM" else [])
    carry: dict[str, str] = {}
    with cell.lowering.steps(cell.steps, carry):
        new = _STEPS[cell.node.op](cell, now, states)
        carry.update({old.name: value.name for old, value in zip(states, new, strict=True)})
        if sequence is not None:
            into = sequence.part(sequence.name, (cell.state,), 0)
            cell.lowering.emit(cell.node, "copy", {"elements": cell.state}, [("x", new[0].uses)], into,
                               part=cell.name("append"))  # fmt: skip
    return tuple(states)
