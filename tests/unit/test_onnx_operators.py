"""Lowering of single ONNX operators: dimensions, ports and element counts worked out by hand from the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx_toys import lowered, node, only, operators, uses

CONV = {"x": (2, 8, 20, 30)}


@pytest.mark.parametrize(
    ("attributes", "out", "pads"),
    [
        ({}, (18, 28), (0, 0)),
        ({"pads": [1, 2, 0, 1]}, (19, 31), (1, 2)),
        ({"strides": [2, 3], "auto_pad": "SAME_UPPER"}, (10, 10), (0, 0)),
        ({"strides": [2, 3], "auto_pad": "SAME_LOWER"}, (10, 10), (1, 0)),
        ({"auto_pad": "VALID", "dilations": [2, 2]}, (16, 26), (0, 0)),
    ],
)
def test_convolution_padding(
    tmp_path: Path, attributes: dict[str, Any], out: tuple[int, int], pads: tuple[int, int]
) -> None:
    # SAME with stride (2, 3) on 20 x 30: total padding (10-1)*2+3-20 = 1 and (10-1)*3+3-30 = 0.
    trace = lowered(tmp_path, [node("Conv", "x w", "y", **attributes)], CONV, "y", {"w": (16, 8, 3, 3)})
    dims = only(trace).dims
    assert (dims["out_h"], dims["out_w"]) == out
    assert (dims["pad_top"], dims["pad_left"]) == pads


def test_depthwise_and_one_dimensional_convolutions(tmp_path: Path) -> None:
    deep = only(lowered(tmp_path, [node("Conv", "x w", "y", group=8)], CONV, "y", {"w": (8, 1, 3, 3)}))
    assert (deep.dims["groups"], deep.dims["in_channels"], deep.dims["out_channels"]) == (8, 8, 8)
    flat = only(lowered(tmp_path, [node("Conv", "x w", "y", pads=[2, 2])], {"x": (1, 4, 50)}, "y", {"w": (6, 4, 5)}))
    assert [flat.dims[name] for name in ("in_h", "in_w", "kernel_h", "kernel_w")] == [1, 50, 1, 5]
    assert [flat.dims[name] for name in ("out_h", "out_w", "pad_top", "pad_left")] == [1, 50, 0, 2]


def test_transposed_convolution_is_its_product_and_the_sum(tmp_path: Path) -> None:
    nodes = [node("ConvTranspose", "x w", "y", strides=[2, 2], name="up")]
    trace = lowered(tmp_path, nodes, {"x": (1, 6, 5, 5)}, "y", {"w": (6, 3, 4, 4)})
    product, total = operators(trace)
    assert dict(product.dims) == {"batch": 1, "m": 25, "n": 3 * 16, "k": 6}
    # Output 12 x 12 (2 * 4 + 4): 1200 columns fall on 432 elements, 2.8 each.
    assert dict(total.dims) == {"outputs": 3 * 144, "window": 3}


@pytest.mark.parametrize(
    ("a", "b", "dims"),
    [
        ((4, 5), (5, 6), (1, 4, 6, 5)),
        ((2, 3, 4, 5), (2, 3, 5, 6), (6, 4, 6, 5)),
        ((2, 3, 4, 5), (5, 6), (1, 24, 6, 5)),
        ((4, 5), (2, 3, 5, 6), (1, 4, 36, 5)),
        ((2, 3, 4, 5), (3, 5, 6), (3, 8, 6, 5)),
        ((2, 1, 4, 5), (2, 3, 5, 6), (2, 4, 18, 5)),
        ((5,), (5, 6), (1, 1, 6, 5)),
        ((4, 5), (5,), (1, 4, 1, 5)),
    ],
)
def test_matrix_products_share_what_is_broadcast(
    tmp_path: Path, a: tuple[int, ...], b: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    product = only(lowered(tmp_path, [node("MatMul", "a b", "y")], {"a": a, "b": b}, "y"))
    assert tuple(product.dims[name] for name in ("batch", "m", "n", "k")) == dims


def test_a_constant_left_operand_stands_at_port_b(tmp_path: Path) -> None:
    product = only(lowered(tmp_path, [node("MatMul", "w x", "y")], {"x": (5, 6)}, "y", {"w": (4, 5)}))
    assert uses(product, "b") == [("w", None)]
    assert (product.dims["m"], product.dims["n"]) == (6, 4)


@pytest.mark.parametrize(("transposed", "w"), [(0, (5, 6)), (1, (6, 5))])
def test_gemm_with_bias(tmp_path: Path, transposed: int, w: tuple[int, int]) -> None:
    nodes = [node("Gemm", "x w c", "y", transB=transposed)]
    product = only(lowered(tmp_path, nodes, {"x": (4, 5)}, "y", {"w": w, "c": (6,)}))
    assert dict(product.dims) == {"batch": 1, "m": 4, "n": 6, "k": 5}
    assert uses(product, "bias") == [("c", None)]


def test_gemm_with_an_activation_to_add(tmp_path: Path) -> None:
    trace = lowered(tmp_path, [node("Gemm", "x w c", "y")], {"x": (4, 5), "c": (4, 6)}, "y", {"w": (5, 6)})
    assert [operator.kind for operator in operators(trace)] == ["gemm", "elementwise"]


@pytest.mark.parametrize(
    ("equation", "dims"),
    [("bhqd,bhkd->bhqk", (6, 4, 5, 7)), ("bhqd,bhkd->bqhk", (6, 4, 5, 7))],
)
def test_einsum_is_a_product(tmp_path: Path, equation: str, dims: tuple[int, ...]) -> None:
    inputs: dict[str, tuple[int | str, ...]] = {"a": (2, 3, 4, 7), "b": (2, 3, 5, 7)}
    product = only(lowered(tmp_path, [node("Einsum", "a b", "y", equation=equation)], inputs, "y"))
    assert tuple(product.dims[name] for name in ("batch", "m", "n", "k")) == dims


@pytest.mark.parametrize(("opset", "rows", "width"), [(11, 2, 60), (13, 40, 3)])
def test_softmax_before_and_since_operator_set_13(tmp_path: Path, opset: int, rows: int, width: int) -> None:
    # x is 2 x 4 x 5 x 3; the default axis is 1 with everything behind it flattened, then -1.
    trace = lowered(tmp_path, [node("Softmax", "x", "y")], {"x": (2, 4, 5, 3)}, "y", opset=opset)
    assert dict(only(trace).dims) == {"rows": rows, "width": width}


def test_batch_norm_mul_and_add_fold_into_the_convolution(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a"),
        node("BatchNormalization", "a s t m v", "b"),
        node("Mul", "b f", "c"),
        node("Add", "c g", "y"),
    ]
    weights = {"w": (16, 8, 3, 3), **dict.fromkeys("stmv", (16,)), "f": (16, 1, 1), "g": (1, 16, 1, 1)}
    trace = lowered(tmp_path, nodes, CONV, "y", weights)
    assert uses(only(trace), "bias") == [("t", None)]
    assert sorted(trace.notes) == [
        "Add of a constant per channel folded into the operator in front of it: 1",
        "BatchNormalization folded into the operator in front of it: 1",
        "Mul of a constant per channel folded into the operator in front of it: 1",
    ]


def test_batch_norm_stays_when_the_convolution_has_another_reader(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("BatchNormalization", "a s t m v", "b"), node("Add", "a b", "y")]
    trace = lowered(tmp_path, nodes, CONV, "y", {"w": (16, 8, 3, 3), **dict.fromkeys("stmv", (16,))})
    assert [operator.attributes.get("function") for operator in operators(trace)] == [None, "scale_shift", "add"]


def test_a_factor_does_not_fold_into_shared_weights(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("Conv", "x w", "b"), node("Mul", "a f", "c"), node("Add", "b c", "y")]
    trace = lowered(tmp_path, nodes, CONV, "y", {"w": (16, 8, 3, 3), "f": (16, 1, 1)})
    assert [operator.attributes.get("function") for operator in operators(trace)] == [None, None, "mul", "add"]


def test_a_broadcast_constant_is_read_at_its_own_size(tmp_path: Path) -> None:
    trace = lowered(tmp_path, [node("Mul", "x w", "y")], {"x": (4, 5, 6)}, "y", {"w": (6,)})
    sizes = {tensor.name: (tensor.role, tensor.elements({})) for tensor, _ in trace.tensors()}
    assert sizes == {"x": ("activation", 120), "w": ("weight", 6), "y": ("activation", 120)}


@pytest.mark.parametrize(
    ("exponent", "functions"), [(2.0, ["square"]), (0.5, ["sqrt"]), (3.0, ["square", "mul"]), (1.7, ["pow"])]
)
def test_powers(tmp_path: Path, exponent: float, functions: list[str]) -> None:
    trace = lowered(tmp_path, [node("Pow", "x e", "y")], {"x": (4,)}, "y", numbers={"e": exponent})
    assert [operator.attributes["function"] for operator in operators(trace)] == functions


def test_sums_and_means_of_many(tmp_path: Path) -> None:
    inputs: dict[str, tuple[int | str, ...]] = {"a": (4, 5), "b": (4, 5), "c": (5,)}
    trace = lowered(tmp_path, [node("Mean", "a b c", "y")], inputs, "y")
    assert [operator.attributes["function"] for operator in operators(trace)] == ["add", "add", "scale"]


def test_concatenation_is_a_view_where_it_is_contiguous(tmp_path: Path) -> None:
    nodes = [node("Concat", "a b", "c", axis=1), node("Relu", "c", "y")]
    one = lowered(tmp_path, nodes, {"a": (1, 2, 9), "b": (1, 3, 9)}, "y")
    assert uses(only(one), "x") == [("a", None), ("b", None)]
    two = lowered(tmp_path, nodes, {"a": (2, 2, 9), "b": (2, 3, 9)}, "y")
    assert [(o.kind, o.dims["elements"]) for o in operators(two)] == [("copy", 90), ("elementwise", 90)]


def test_slices_and_splits_are_partial_uses_where_they_are_contiguous(tmp_path: Path) -> None:
    numbers: dict[str, list[int] | float] = {"from": [1], "to": [3], "axis": [1]}
    nodes = [node("Slice", "x from to axis", "s"), node("Relu", "s", "y")]
    one = lowered(tmp_path, nodes, {"x": (1, 4, 10)}, "y", numbers=numbers)
    assert uses(only(one), "x") == [("x", 20)]
    two = lowered(tmp_path, nodes, {"x": (2, 4, 10)}, "y", numbers=numbers)
    assert [(o.kind, uses(o, "x")) for o in operators(two)] == [
        ("copy", [("x", 40)]), ("elementwise", [("s", None)]),
    ]  # fmt: skip
    halves = [node("Split", "x", "a b", axis=0), node("Mul", "a b", "y")]
    assert uses(only(lowered(tmp_path, halves, {"x": (6, 5)}, "y", opset=11)), "y") == [("x", 15)]


def test_a_slice_of_a_concatenation_reads_the_right_pieces(tmp_path: Path) -> None:
    nodes = [node("Concat", "a b c", "d", axis=0), node("Slice", "d from to", "s"), node("Relu", "s", "y")]
    inputs: dict[str, tuple[int | str, ...]] = {"a": (4, 5), "b": (2, 5), "c": (3, 5)}
    trace = lowered(tmp_path, nodes, inputs, "y", numbers={"from": [3], "to": [7]})
    assert uses(only(trace), "x") == [("a", 5), ("b", None), ("c", 5)]


def test_zero_padding_folds_into_convolutions_alone(tmp_path: Path) -> None:
    numbers: dict[str, list[int] | float] = {"p": [0, 0, 1, 2, 0, 0, 1, 2]}
    nodes = [node("Pad", "x p", "b"), node("Conv", "b w", "y", pads=[1, 1, 1, 1])]
    conv = only(lowered(tmp_path, nodes, CONV, "y", {"w": (16, 8, 3, 3)}, numbers))
    assert [conv.dims[k] for k in ("in_h", "in_w", "pad_top", "pad_left", "out_h", "out_w")] == [20, 30, 2, 3, 22, 34]
    kept = lowered(tmp_path, [node("Pad", "x p", "b"), node("Relu", "b", "y")], CONV, "y", numbers=numbers)
    assert [o.kind for o in operators(kept)] == ["copy", "elementwise"]


def test_transposes(tmp_path: Path) -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 1, 3]), node("Relu", "t", "y")]
    assert [o.kind for o in operators(lowered(tmp_path, nodes, {"x": (2, 3, 4, 5)}, "y"))] == ["copy", "elementwise"]
    assert uses(only(lowered(tmp_path, nodes, {"x": (2, 1, 4, 5)}, "y")), "x") == [("x", None)]
    read = [node("Transpose", "x", "t", perm=[1, 0]), node("MatMul", "z t", "y")]
    trace = lowered(tmp_path, read, {"x": (6, 5), "z": (4, 5)}, "y")
    assert uses(only(trace), "b") == [("x", None)]
    assert trace.notes == ("Transpose read in place by matrix products: 1",)


def test_embeddings_read_only_their_rows(tmp_path: Path) -> None:
    trace = lowered(tmp_path, [node("Gather", "w ids", "y")], {"ids": (2, 7)}, "y", {"w": (30000, 64)})
    look_up = only(trace)
    assert dict(look_up.dims) == {"rows": 14, "width": 64}
    assert uses(look_up, "table") == [("w", 14 * 64)]
    assert {tensor.name: tensor.role for tensor, _ in trace.tensors()}["ids"] == "index"


def test_an_expanded_operand_is_written_out_for_a_product_only(tmp_path: Path) -> None:
    numbers: dict[str, list[int] | float] = {"to": [3, 4, 5]}
    nodes = [node("Expand", "x to", "e"), node("Add", "e z", "y")]
    inputs: dict[str, tuple[int | str, ...]] = {"x": (1, 4, 5), "z": (3, 4, 5)}
    assert uses(only(lowered(tmp_path, nodes, inputs, "y", numbers=numbers)), "x") == [("x", None)]
    nodes = [node("Expand", "x to", "e"), node("MatMul", "e z", "y")]
    trace = lowered(tmp_path, nodes, {"x": (1, 4, 5), "z": (3, 5, 2)}, "y", numbers=numbers)
    assert [o.kind for o in operators(trace)] == ["copy", "gemm"]


def test_reductions(tmp_path: Path) -> None:
    found = only(lowered(tmp_path, [node("ReduceMean", "x", "y", axes=[-1])], {"x": (4, 6)}, "y"))
    assert (dict(found.dims), dict(found.attributes)) == ({"rows": 4, "width": 6}, {"function": "mean"})


def test_shape_arithmetic_costs_nothing(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "b", axis=0),
        node("Concat", "b rest", "target", axis=0),
        node("Reshape", "x target", "r"),
        node("Relu", "r", "y"),
    ]
    trace = lowered(tmp_path, nodes, {"x": ("N", 4, 5)}, "y", numbers={"zero": [0], "rest": [-1]}, batch=3)
    assert only(trace).dims == {"elements": 60}
    assert next(t for t, _ in trace.tensors() if t.name == "y").shape == (3, 20)


def test_names_are_unique_and_readable(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", "a", name="act"),
        node("Relu", "a", "b", name="act"),
        node("Relu", "b", "/layer/out", name=""),
        node("MatMul", "/layer/out proj.weight", "z", name="n7"),
        node("Relu", "z", "y", name="n8"),
    ]
    trace = lowered(tmp_path, nodes, {"x": (4, 5)}, "y", {"proj.weight": (5, 6)})
    assert [operator.name for operator in operators(trace)] == ["act", "act#2", "layer/out", "proj", "relu_n8"]


def test_quantized_products_keep_their_integers(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", "x s", "q"),
        node("MatMulInteger", "q q2", "y"),
        node("QuantizeLinear", "z s", "q2"),
    ]
    trace = lowered(tmp_path, nodes, {"x": (4, 5), "z": (5, 6)}, "y", numbers={"s": 0.5})
    kinds = {tensor.name: tensor.dtype for tensor, _ in trace.tensors()}
    assert (kinds["q"], kinds["q2"], kinds["y"]) == ("uint8", "uint8", "int32")


@pytest.mark.parametrize("op", ["Mul", "Add"])
def test_tied_weights_count_once(tmp_path: Path, op: str) -> None:
    nodes = [
        node("Gather", "w ids", "e"),
        node(op, "e e", "h"),
        node("Transpose", "w", "t", perm=[1, 0]),
        node("MatMul", "h t", "y"),
    ]
    trace = lowered(tmp_path, nodes, {"ids": (1, 7)}, "y", {"w": (1000, 64)})
    assert [tensor.name for tensor, _ in trace.tensors() if tensor.role == "weight"] == ["w"]
