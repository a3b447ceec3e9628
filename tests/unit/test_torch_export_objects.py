"""``sim.lower(exported_program)``: by the documented interface, with stand-ins and, where it is installed, with torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import sim
from sim.core.errors import InputError
from sim.trace.summary import summarize


class _Target:
    """An operator overload: its text is its name, its schema names its arguments."""

    def __init__(self, name: str, arguments: str) -> None:
        self._name = name
        self._schema = SimpleNamespace(arguments=[SimpleNamespace(name=one) for one in arguments.split()])

    def __str__(self) -> str:
        return self._name


def _value(*shape: Any) -> Any:
    return SimpleNamespace(shape=shape, dtype="torch.float32")


def _node(name: str, value: Any, target: Any = None, args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
    op = "call_function" if target is not None else "placeholder"
    return SimpleNamespace(name=name, op=op, target=target, args=args, kwargs=kwargs, meta={"val": value})


def _exported() -> Any:
    """relu(x W^T + b) of x [4, 8], then its two halves added."""

    def getitem() -> None: ...

    x, w, b = _node("x", _value(4, 8)), _node("w", _value(6, 8)), _node("b", _value(6))
    product = _node("linear", _value(4, 6), _Target("aten.linear.default", "input weight bias"), (x, w, b))
    halves = _node("split", [_value(4, 3), _value(4, 3)], _Target("aten.split.Tensor", "self split_size dim"),
                   (product, 3, 1))  # fmt: skip
    one, two = (_node(f"half{i}", _value(4, 3), getitem, (halves, i)) for i in range(2))
    total = _node("add", _value(4, 3), _Target("aten.add.Tensor", "self other alpha"), (one, two))
    spec = [("PARAMETER", w, "fc.weight"), ("PARAMETER", b, "fc.bias"), ("USER_INPUT", x, None)]
    inputs = [
        SimpleNamespace(kind=SimpleNamespace(name=kind), arg=SimpleNamespace(name=node.name), target=target)
        for kind, node, target in spec
    ]
    out = SimpleNamespace(kind=SimpleNamespace(name="USER_OUTPUT"), arg=SimpleNamespace(name="add"), target=None)
    signature = SimpleNamespace(input_specs=inputs, output_specs=[out])
    return SimpleNamespace(
        graph=SimpleNamespace(nodes=[w, b, x, product, halves, one, two, total]), graph_signature=signature
    )


def test_an_object_of_the_documented_form_is_lowered() -> None:
    trace = sim.lower(_exported())
    found = summarize(trace)
    assert (found.macs, found.parameters) == (4 * 8 * 6, 6 * 8 + 6)
    assert [operator.kind for operator, _ in trace.operators()] == ["gemm", "copy", "copy", "elementwise"]


def test_other_objects_and_options_are_refused() -> None:
    with pytest.raises(InputError, match="found int"):
        sim.lower(7)
    with pytest.raises(InputError, match="--prompt means nothing"):
        sim.lower(_exported(), prompt=9)


def test_with_torch_itself() -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(8)
            self.head = torch.nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))

    dynamic = {"x": {0: torch.export.Dim("batch", min=1, max=64)}}
    exported = torch.export.export(Net().eval(), (torch.zeros(2, 3, 8, 8),), dynamic_shapes=dynamic)
    for program in (exported, exported.run_decompositions()):
        assert summarize(sim.lower(program)).macs == 2 * (64 * 27 * 8 + 40)
        assert summarize(sim.lower(program, batch=7)).macs == 7 * (64 * 27 * 8 + 40)
