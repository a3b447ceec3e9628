"""3-D and deformable convolutions, samplings, scatters, Einsum, and quantized operators of onnxruntime, by hand."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from onnx_toys import lowered, node, only, operators

import sim
from sim.trace.check import check_trace
from sim.trace.frontends.onnx_graph import lower_onnx
from sim.trace.model import Trace
from sim.trace.summary import summarize

VOLUME = {"x": (2, 4, 8, 10, 12)}


def test_convolution_of_a_volume(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w b", "y", pads=[1, 1, 1, 1, 1, 1], strides=[2, 1, 1], group=2)]
    trace = lowered(tmp_path, nodes, VOLUME, "y", {"w": (6, 2, 3, 3, 3), "b": (6,)})
    check_trace(trace)
    dims = only(trace).dims
    assert [dims[f"{what}_d"] for what in ("in", "out", "kernel", "stride")] == [8, 4, 3, 2]
    assert dims["pad_front"] == 1
    # Output 4 x 10 x 12: every value sums 2 channels x 27 places.
    assert summarize(trace).macs == 2 * 6 * 4 * 10 * 12 * 2 * 27
    for fusion in (
        "elementwise",
        "pipeline",
    ):  # what is read of the slices is more than they are; every tile begins in them
        result = sim.simulate(trace, sim.load_architecture("edge_npu", {"policy.fusion": fusion}))
        assert result.macs_executed == summarize(trace).macs


def test_a_volume_of_one_slice_is_an_image(tmp_path: Path) -> None:
    solid = lowered(tmp_path, [node("Conv", "x w", "y")], {"x": (1, 4, 1, 9, 9)}, "y", {"w": (6, 4, 1, 3, 3)})
    flat = lowered(tmp_path, [node("Conv", "x w", "y")], {"x": (1, 4, 9, 9)}, "y", {"w": (6, 4, 3, 3)})
    chip = sim.load_architecture("edge_npu")
    assert sim.simulate(solid, chip).time_ps == sim.simulate(flat, chip).time_ps


def test_transposed_convolution_of_a_volume(tmp_path: Path) -> None:
    nodes = [node("ConvTranspose", "x w", "y", strides=[2, 2, 2])]
    trace = lowered(tmp_path, nodes, {"x": (1, 6, 3, 4, 5)}, "y", {"w": (6, 2, 2, 2, 2)})
    assert [operator.kind for operator in operators(trace)] == ["gemm", "copy"]
    assert summarize(trace).macs == 60 * 6 * 2 * 8


def test_deformable_convolution_samples_every_column(tmp_path: Path) -> None:
    inputs = {"x": (1, 4, 9, 9), "o": (1, 18, 7, 7), "m": (1, 9, 7, 7)}
    nodes = [node("DeformConv", "x w o b m", "y", kernel_shape=[3, 3])]
    trace = lowered(tmp_path, nodes, inputs, "y", {"w": (6, 4, 3, 3), "b": (6,)}, opset=19)
    sampled, masked, product = operators(trace)
    assert (sampled.kind, sampled.dims["outputs"], sampled.dims["taps"]) == ("interpolate", 49 * 36, 4)
    assert (masked.dims["elements"], product.dims["k"]) == (49 * 36, 36)


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "kinds"),
    [
        ("GridSample", [(1, 3, 8, 8), (1, 5, 5, 2)], {}, {"interpolate": 3 * 25}),
        ("LpPool", [(1, 3, 8, 8)], {"kernel_shape": [2, 2], "strides": [2, 2]}, {"elementwise": 192, "pool": 48}),
        ("Hardmax", [(4, 9)], {}, {"top_k": 36, "elementwise": 36}),
        ("Asinh", [(4, 9)], {}, {"elementwise": 36}),
        ("RandomNormalLike", [(4, 9)], {}, {"elementwise": 36}),
        ("Einsum", [(4, 9)], {"equation": "ij->i"}, {"reduce": 36}),
        ("Einsum", [(2, 4, 9)], {"equation": "...ij->...ji"}, {"copy": 72}),
        ("Einsum", [(2, 4, 9), (2, 9, 5)], {"equation": "...ij,...jk"}, {"gemm": 2 * 4 * 5}),
    ],
)  # fmt: skip
def test_operators_by_their_counts(
    tmp_path: Path, op: str, shapes: list[tuple[int, ...]], attributes: dict[str, Any], kinds: dict[str, int]
) -> None:
    inputs = {f"x{position}": shape for position, shape in enumerate(shapes)}
    trace = lowered(tmp_path, [node(op, " ".join(inputs), "y", **attributes)], inputs, "y", opset=20)  # type: ignore[arg-type]
    check_trace(trace)
    found: dict[str, int] = {}
    for operator in operators(trace):
        dims = operator.dims
        sizes = {
            "gemm": ("batch", "m", "n"), "interpolate": ("outputs",), "pool": ("outputs",), "copy": ("elements",),
            "elementwise": ("elements",), "top_k": ("rows", "width"), "reduce": ("rows", "width"),
        }[operator.kind]  # fmt: skip
        count = prod(dims[name] for name in sizes)  # type: ignore[misc, arg-type]
        found[operator.kind] = max(found.get(operator.kind, 0), count)
    assert found == kinds


def test_scatter_that_adds_combines_its_updates_first(tmp_path: Path) -> None:
    nodes = [node("ScatterElements", "x ids u", "y", axis=0, reduction="add")]
    trace = lowered(tmp_path, nodes, {"x": (8, 4), "ids": (2, 4), "u": (2, 4)}, "y", opset=18)
    combined, whole = operators(trace)
    assert (combined.dims["elements"], whole.dims["elements"]) == (8, 32)


def test_boxes_are_charged_at_the_bound_that_the_graph_gives(tmp_path: Path) -> None:
    nodes = [node("NonMaxSuppression", "x s most", "ids_y")]
    shapes = {"x": (1, 50, 4), "s": (1, 3, 50)}
    trace = lowered(tmp_path, nodes, shapes, "ids_y", numbers={"most": [7]})  # type: ignore[arg-type]
    check_trace(trace)
    assert operators(trace)[0].dims == {"rows": 3, "width": 50, "k": 7}
    assert any("as many boxes as it may keep" in note for note in trace.notes)


def _quantized(folder: Path, op: str, inputs: str, shapes: dict[str, tuple[int, ...]], **attributes: Any) -> Trace:
    """One com.microsoft node; x and y are activations, other names weights, all of 8 bits; ``s`` scales, ``z`` zeros."""
    protos, whole = [], attributes.pop("weights", TensorProto.INT8)
    for name in dict.fromkeys(word for word in inputs.split() if word not in ("x", "y", "_")):
        if name.startswith("s"):
            protos.append(helper.make_tensor(name, TensorProto.FLOAT, [], [0.1]))
        elif name.startswith("z"):
            protos.append(helper.make_tensor(name, TensorProto.INT8, [], [0]))
        else:
            kind = TensorProto.INT32 if name.startswith("b") else whole
            protos.append(TensorProto(name=name, data_type=kind, dims=shapes[name]))
    real = attributes.pop("real", False)
    kind = TensorProto.FLOAT if real else TensorProto.INT8
    given = [helper.make_tensor_value_info(name, kind, shapes[name]) for name in ("x", "y") if name in shapes]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [node(op, inputs, "out", domain="com.microsoft", name="q", **attributes)], "toy", given, [out], protos
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets), str(folder / "q.onnx"))
    trace = lower_onnx(folder / "q.onnx")
    check_trace(trace)
    return trace


def test_quantized_operators_of_onnxruntime(tmp_path: Path) -> None:
    image = (1, 8, 6, 6)
    added = _quantized(tmp_path, "QLinearAdd", "x sx zx y sy zy so zo", {"x": image, "y": image})
    assert [operator.attributes["function"] for operator in operators(added)] == [
        "scale_shift", "scale_shift", "add", "scale_shift",
    ]  # fmt: skip
    pooled = _quantized(tmp_path, "QLinearGlobalAveragePool", "x sx zx so zo", {"x": image})
    assert operators(pooled)[0].dims == {"outputs": 8, "window": 36}
    gemm = _quantized(tmp_path, "QGemm", "x sx zx w sw zw b so zo", {"x": (4, 5), "w": (6, 5), "b": (6,)}, transB=1)
    assert summarize(gemm).macs == 4 * 5 * 6
    joined = _quantized(tmp_path, "QLinearConcat", "so zo x sx zx y sy zy", {"x": image, "y": image}, axis=1)
    assert [operator.kind for operator in operators(joined)] == ["elementwise", "elementwise"]
    dynamic = _quantized(tmp_path, "DynamicQuantizeMatMul", "x w sw zw", {"x": (2, 4, 5), "w": (5, 6)}, real=True)
    assert summarize(dynamic).macs == 2 * 4 * 5 * 6


def test_weights_of_four_bits_are_read_as_such(tmp_path: Path) -> None:
    shapes = {"x": (1, 3, 64), "w": (48, 2, 16)}
    trace = _quantized(tmp_path, "MatMulNBits", "x w s", shapes, real=True, K=64, N=48, bits=4, block_size=32)
    (weight,) = [tensor for tensor, _ in trace.tensors() if tensor.role == "weight"]
    assert weight.dtype == "int4_g32"
    assert weight.size_bytes({}) == 48 * 64 // 2 + 48 * 2 * 2
    assert summarize(trace).macs == 3 * 48 * 64


def test_a_convolution_with_its_sum_and_activation(tmp_path: Path) -> None:
    shapes = {"x": (1, 8, 6, 6), "w": (8, 8, 3, 3), "y": (1, 8, 6, 6)}
    trace = _quantized(tmp_path, "FusedConv", "x w _ y", shapes, real=True, pads=[1, 1, 1, 1], activation="Relu",
                       kernel_shape=[3, 3], weights=TensorProto.FLOAT)  # fmt: skip
    assert [operator.attributes.get("function") for operator in operators(trace)] == [None, "add", "relu"]
