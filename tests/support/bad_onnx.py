"""Bad ONNX files, made with the onnx helpers. See :mod:`bad_texts` for the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bad_texts import Bad
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto, helper

FLOAT = TensorProto.FLOAT


def _value(name: str, shape: Any = (1, 4), kind: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(nodes: list[Any], inputs: list[Any] | None = None, weights: list[Any] | None = None, opset: int = 17,
           outputs: tuple[str, ...] = ("y",)) -> ModelProto:  # fmt: skip
    given = [_value("x")] if inputs is None else inputs
    graph = helper.make_graph(nodes, "g", given, [_value(name, None) for name in outputs], weights or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _weight(name: str, *dims: int) -> TensorProto:
    return TensorProto(name=name, data_type=FLOAT, dims=dims)


def _changed(model: ModelProto, change: Callable[[ModelProto], object]) -> ModelProto:
    change(model)
    return model


RELU = helper.make_node("Relu", ["x"], ["y"], name="act")
GEMM = helper.make_node("Gemm", ["x", "w"], ["y"], name="fc")
CONV = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", kernel_shape=[3, 3])
LOOP = [helper.make_node("Add", ["x", "b"], ["a"], name="first"), helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Relu", ["b"], ["y"])]  # fmt: skip


def _wrong_attribute() -> ModelProto:
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv")
    node.attribute.append(AttributeProto(name="group", type=AttributeProto.STRING, s=b"two"))
    return _model([node], [_value("x", (1, 4, 8, 8))], [_weight("w", 4, 4, 3, 3)])


def _broken(text: bytes) -> bytes:
    """A good model in which ``text``, one of its names, holds a byte that begins no character."""
    node = helper.make_node("Relu", ["the_input"], ["y"], name="relu_act")
    model = _model([node], [_value("the_input", (1, "sequence"))])
    model.opset_import.append(helper.make_opsetid("com.some", 1))
    content = model.SerializeToString()
    assert text in content
    return content.replace(text, b"\xff" + text[1:])


def _constant() -> ModelProto:
    node = helper.make_node("Constant", [], ["c"], name="c")
    node.attribute.append(helper.make_attribute("value", [1, 2]))
    return _model([node, helper.make_node("Add", ["x", "c"], ["y"])])


def _external(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _onnx(name: str, model: ModelProto | bytes | None, *said: str, options: str = "") -> Bad:
    content = model.SerializeToString() if isinstance(model, ModelProto) else model
    return Bad(f"onnx: {name}", f"lower f.onnx {options}".strip(), {"f.onnx": content}, ("f.onnx", *said))


GOOD = _model([GEMM], [_value("x", (1, 4))], [_weight("w", 4, 8)])
MODELS = [
    _onnx("empty", b"", "no graph"),
    _onnx("a folder", None),
    _onnx("text", b"hello, this is no protobuf\n", "not an ONNX model"),
    _onnx("binary", bytes(range(256)), "not an ONNX model"),
    _onnx("cut off", GOOD.SerializeToString()[:-9], "not an ONNX model"),
    _onnx("cut in half", GOOD.SerializeToString()[: GOOD.ByteSize() // 2], "not an ONNX model"),
    _onnx("no nodes", _model([]), "no nodes"),
    _onnx("no outputs", _model([RELU], outputs=()), "no outputs"),
    _onnx("an output that nothing makes", _model([RELU], outputs=("z",)), "'z' is made by nothing"),
    _onnx("an input that nothing makes", _model([helper.make_node("Relu", ["q"], ["y"])]), "'q', which nothing makes"),
    _onnx("a value made twice", _model([RELU, RELU]), "'y' is made twice"),
    _onnx("a cycle", _model(LOOP), "has a cycle", "first"),
    _onnx("a node that feeds itself", _model([helper.make_node("Add", ["x", "y"], ["y"], name="me")]), "has a cycle", "me"),
    _onnx("an unknown operator", _model([helper.make_node("Rellu", ["x"], ["y"])]), "Rellu", "did you mean 'Relu'"),
    _onnx("an unknown domain", _model([helper.make_node("Relu", ["x"], ["y"], domain="con.microsoft")]),
          "did you mean 'com.microsoft'"),
    _onnx("a domain not imported", _model([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")]),
          "without importing"),
    _onnx("operator set 9999", _model([RELU], opset=9999), "version is not known"),
    _onnx("operator set 0", _model([RELU], opset=0), "version is not known"),
    _onnx("control flow", _model([helper.make_node("Loop", ["", "", "x"], ["y"])]), "Loop", "control flow"),
    _onnx("a symbolic dimension", _model([RELU], [_value("x", (1, "seq"))]), "--shape 'seq=N'"),
    _onnx("a dimension misspelt", _model([RELU], [_value("x", (1, "seq"))]), "did you mean 'seq'", options="--shape sek=4"),
    _onnx("a dimension of zero", _model([RELU], [_value("x", (1, 0))]), "at least 1"),
    _onnx("a negative dimension", _model([RELU], [_value("x", (1, -5))]), "at least 1"),
    _onnx("an absurd dimension", _model([RELU], [_value("x", (1, 2**62))]), "absurdly large"),
    _onnx("an input without shape", _model([RELU], [_value("x", None)]), "'x' has no shape"),
    _onnx("an input that is a text", _model([RELU], [_value("x", (1, 4), TensorProto.STRING)]), "cannot be stored"),
    _onnx("an input of no known type", _model([RELU], [_value("x", (1, 4), 99)]), "cannot be stored"),
    _onnx("a weight of negative size", _model([GEMM], None, [_weight("w", 4, -8)])),
    _onnx("a weight of zero size", _model([GEMM], None, [_weight("w", 4, 0)])),
    _onnx("an absurd weight", _model([GEMM], None, [_weight("w", 4, 2**62)])),
    _onnx("shapes that do not fit", _model([GEMM], None, [_weight("w", 5, 8)]), "Gemm", "fc"),
    _onnx("channels that do not divide", _model([CONV], [_value("x", (1, 5, 8, 8))], [_weight("w", 4, 4, 3, 3)]), "conv"),
    _onnx("a kernel larger than the image", _model([CONV], [_value("x", (1, 4, 2, 2))], [_weight("w", 4, 4, 3, 3)]), "Conv"),
    _onnx("an attribute of another type", _wrong_attribute(), "'group'", "found STRING", "allowed: INT"),
    _onnx("an attribute of no type", _changed(_model([CONV], [_value("x", (1, 4, 8, 8))], [_weight("w", 4, 4, 3, 3)]),
          lambda model: setattr(model.graph.node[0].attribute[0], "type", 0)), "'kernel_shape' has no known type"),
    _onnx("an attribute twice", _changed(_model([CONV], [_value("x", (1, 4, 8, 8))], [_weight("w", 4, 4, 3, 3)]),
          lambda model: model.graph.node[0].attribute.extend([CONV.attribute[0]])), "'kernel_shape' is given twice"),
    _onnx("external data nobody may open", _changed(_model([helper.make_node("Reshape", ["x", "w"], ["y"])], None,
          [TensorProto(name="w", data_type=TensorProto.INT64, dims=[2])]), _external), "Reshape"),
    # what fuzzing found: names that are no text (the protobuf reader lets them pass), and a number where a tensor belongs
    _onnx("a node's name that is no text", _broken(b"relu_act"), "not UTF-8"),
    _onnx("an operator that is no text", _broken(b"Relu"), "not UTF-8"),
    _onnx("an input's name that is no text", _broken(b"the_input"), "not UTF-8"),
    _onnx("a domain that is no text", _broken(b"com.some"), "not UTF-8"),
    _onnx("a dimension that is no text", _broken(b"sequence"), "not UTF-8"),
    _onnx("a constant without a tensor", _constant(), "'value'", "found INTS", "allowed: TENSOR"),
    _onnx("an option it cannot use", GOOD, "--phase", options="--phase decode"),
    _onnx("a context", _model([RELU], [_value("x", ("batch", 4))]), "--context", options="--shape batch=1 --context 4"),
]  # fmt: skip
