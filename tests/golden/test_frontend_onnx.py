"""The nine real graphs of the onnx package, and MobileNetV2: MACs and weights against independent counts.

Origins. ``COUNTS``: what the papers and model pages state (GMACs, millions of parameters with batch normalisation's two
vectors per channel), to the digits given; BVLC AlexNet's 60,965,224 and VGG-19's 143,667,240 parameters are exact. The
independent count walks the onnx file with the onnx package's own shape inference and shares no code with the frontend.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import ModuleType

import onnx
import pytest
from onnx import numpy_helper, shape_inference

from sim.trace.frontends.onnx_graph import lower_onnx
from sim.trace.kinds import operator_kinds
from sim.trace.model import Trace
from sim.trace.options import LowerOptions
from sim.trace.reader import read_trace
from sim.trace.summary import operator_macs
from sim.trace.work import MatrixWork

ROOT = Path(__file__).resolve().parents[2]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
#: graph -> MACs of convolutions and fully connected layers, by the independent count; published figures beside it.
MACS = {
    "bvlc_alexnet": 654_560_384,  # 0.72 G on 227x227 (Krizhevsky et al. 2012, grouped); this graph takes 224x224
    "densenet121": 2_834_161_664,  # 2.83 G (Huang et al. 2017 give 5.69 GFLOPs)
    "inception_v1": 1_431_556_352,  # 1.5 G (Szegedy et al. 2014)
    "inception_v2": 2_018_851_840,  # 2.0 G (Ioffe and Szegedy 2015)
    "resnet50": 4_089_184_256,  # 4.09 G with the stride in the 3x3 (He et al. 2015 put it in the 1x1: 3.8 G)
    "shufflenet": 124_664_528,  # 133 M stated for 1x with 4 groups (Zhang et al. 2017, table 1)
    "squeezenet": 349_151_936,  # 0.35 G, version 1.1 (Iandola et al.: 2.4 times less than 1.0's 0.86 G)
    "vgg19": 19_632_062_464,  # 19.6 G (Simonyan and Zisserman 2014)
    "zfnet512": 1_481_727_008,
}
#: graph -> weights and biases of convolutions and fully connected layers, exact, as published.
PARAMETERS = {"bvlc_alexnet": 60_965_224, "vgg19": 143_667_240, "squeezenet": 1_235_496}


@dataclass(frozen=True)
class Count:
    """An independent count: MACs, and the shape of every weight that a convolution or product reads, by name."""

    macs: int
    weights: dict[str, tuple[int, ...]]


def independent_count(path: Path) -> Count:
    """MACs from the shapes that the onnx package infers, and weight shapes from the file's own shape vectors."""
    model = shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    graph = model.graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    data = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    shapes |= {name: array.shape for name, array in data.items()}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(int(extent) for extent in data[node.input[0]])
    views = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Reshape"}
    macs, weights = 0, {}
    for node in graph.node:
        if node.op_type == "Conv":
            macs += prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            macs += prod(shapes[node.input[1]])
        if node.op_type in ("Conv", "Gemm"):
            weights |= {(source := views.get(name, name)): shapes[source] for name in node.input[1:]}
    return Count(macs, weights)


def total_macs(trace: Trace) -> int:
    return sum(operator_macs(operator, blocks) for operator, blocks in trace.operators())


def weight_shapes(trace: Trace) -> dict[str, tuple[int, ...]]:
    return {t.name: tuple(map(int, map(str, t.shape))) for t, _ in trace.tensors() if t.role == "weight"}


@pytest.fixture(scope="module", params=sorted(MACS))
def lowered(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path, Trace]]:
    path = LIGHT / f"light_{request.param}.onnx"
    yield request.param, path, lower_onnx(path)


def test_macs_are_those_of_the_graph(lowered: tuple[str, Path, Trace]) -> None:
    name, path, trace = lowered
    assert total_macs(trace) == independent_count(path).macs == MACS[name]


def test_every_weight_has_the_shape_that_the_file_gives(lowered: tuple[str, Path, Trace]) -> None:
    _, path, trace = lowered
    found, expected = weight_shapes(trace), independent_count(path).weights
    assert {name: found.get(name) for name in expected} == expected


def test_published_parameter_counts(lowered: tuple[str, Path, Trace]) -> None:
    name, path, trace = lowered
    products = sum(prod(shape) for shape in independent_count(path).weights.values())
    total = sum(map(prod, weight_shapes(trace).values()))
    assert total >= products
    if name in PARAMETERS:
        assert total == PARAMETERS[name]


def test_one_operator_per_convolution_and_product(lowered: tuple[str, Path, Trace]) -> None:
    _, path, trace = lowered
    nodes = [node.op_type for node in onnx.load(path).graph.node]
    kinds = [operator.kind for operator, _ in trace.operators()]
    assert (kinds.count("conv"), kinds.count("gemm")) == (nodes.count("Conv"), nodes.count("Gemm"))
    assert kinds.count("softmax") == nodes.count("Softmax")


def test_resnet50_parameters_are_the_published_ones_less_the_folded_scales() -> None:
    # 25,557,032 (torchvision's count) holds two vectors per batch normalisation, of 26,560 channels in all; folding
    # leaves the shift, as the convolution's bias.
    trace = lower_onnx(LIGHT / "light_resnet50.onnx")
    assert sum(map(prod, weight_shapes(trace).values())) == 25_557_032 - 26_560
    assert "BatchNormalization folded into the operator in front of it: 53" in trace.notes
    assert sum(operator.kind == "elementwise" for operator, _ in trace.operators()) == 49 + 16  # ReLU, residual sums


def test_densenet_concatenations_are_views_at_batch_1_and_copies_at_batch_2() -> None:
    one = lower_onnx(LIGHT / "light_densenet121.onnx")
    two = lower_onnx(LIGHT / "light_densenet121.onnx", LowerOptions(batch=2))
    assert not [o for o, _ in one.operators() if o.kind == "copy"]
    assert sum(o.kind == "copy" for o, _ in two.operators()) == 58  # Concat nodes of the graph
    assert max(len(uses) for o, _ in one.operators() for _, uses in o.inputs) == 25  # block 3: its input and 24 layers


@pytest.mark.parametrize("name", sorted(MACS))
def test_batch_scales_the_work_and_not_the_weights(name: str) -> None:
    path = LIGHT / f"light_{name}.onnx"
    four = lower_onnx(path, LowerOptions(batch=4))
    assert total_macs(four) == 4 * MACS[name]
    assert weight_shapes(four) == weight_shapes(lower_onnx(path))
    for operator, _ in four.operators():
        if operator.kind == "gemm":
            assert operator.dims["m"] == 4


def test_lowering_resnet50_takes_less_than_a_second() -> None:
    start = time.process_time()
    lower_onnx(LIGHT / "light_resnet50.onnx")
    assert time.process_time() - start < 1.0


def mobilenet_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_mobilenet_v2", ROOT / "scripts" / "make_mobilenet_v2.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_mobilenet_v2_has_the_published_macs_and_parameters(tmp_path: Path) -> None:
    onnx.save_model(mobilenet_script().mobilenet_v2(), str(tmp_path / "mobilenet_v2.onnx"))
    trace = lower_onnx(tmp_path / "mobilenet_v2.onnx")
    # Sandler et al. 2018, table 4: 300 M multiply-adds, 3.4 M parameters. torchvision's mobilenet_v2 counts 3,504,872
    # with two vectors per batch normalisation of 17,056 channels in all; folding leaves one.
    assert round(total_macs(trace) / 1e6) == 301
    assert sum(map(prod, weight_shapes(trace).values())) == 3_504_872 - 17_056
    assert read_trace(ROOT / "traces" / "mobilenet_v2.jsonl").items == trace.items


def test_shipped_resnet50_is_the_lowered_graph() -> None:
    assert read_trace(ROOT / "traces" / "resnet50.jsonl").items == lower_onnx(LIGHT / "light_resnet50.onnx").items


def test_all_work_is_known_to_the_kinds(lowered: tuple[str, Path, Trace]) -> None:
    _, _, trace = lowered
    for operator, _ in trace.operators():
        kind = operator_kinds.get(operator.kind)
        dims = {name: default for name, default in kind.dims.items() if default is not None} | dict(operator.dims)
        work = kind.work(dims, operator.attributes)
        assert isinstance(work, MatrixWork) == (operator.kind in ("conv", "gemm"))
