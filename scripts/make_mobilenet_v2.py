"""Builds MobileNetV2 1.0 as an ONNX graph, layer by layer from the paper's table; the weights have shapes and no data.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
table 2 (224x224, width multiplier 1). Run it with a file name to write the graph: ``make_mobilenet_v2.py OUT.onnx``.
"""

from __future__ import annotations

import sys
from typing import Any

from onnx import TensorProto, helper, save_model

#: Rows of table 2 with bottlenecks: expansion t, output channels c, repetitions n, stride s of the first.
BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_CHANNELS, HEAD_CHANNELS, CLASSES, IMAGE = 32, 1280, 1000, 224


class _Network:
    """Nodes and weights collected so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, *shape: int) -> str:
        self.weights.append(TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape))
        return name

    def node(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def convolution(
        self, name: str, x: str, channels: tuple[int, int], kernel: int, *, stride: int = 1, depthwise: bool = False,
        activation: bool = True,
    ) -> str:  # fmt: skip
        """Convolution, batch normalisation and (unless it is a linear bottleneck) ReLU6."""
        inputs, outputs = channels
        filters = self.weight(f"{name}.weight", outputs, 1 if depthwise else inputs, kernel, kernel)
        pads, group = [kernel // 2] * 4, inputs if depthwise else 1
        x = self.node(
            "Conv", name, [x, filters], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=group
        )
        parameters = [self.weight(f"{name}.bn.{part}", outputs) for part in ("scale", "shift", "mean", "variance")]
        x = self.node("BatchNormalization", f"{name}.bn", [x, *parameters])
        return self.node("Clip", f"{name}.relu6", [x, "zero", "six"]) if activation else x

    def bottleneck(self, name: str, x: str, channels: tuple[int, int], expansion: int, stride: int) -> str:
        """Expansion (unless 1), depthwise 3x3, linear projection; a sum around it when the shape stays."""
        inputs, outputs = channels
        wide, y = inputs * expansion, x
        if expansion != 1:
            y = self.convolution(f"{name}.expand", y, (inputs, wide), 1)
        y = self.convolution(f"{name}.depthwise", y, (wide, wide), 3, stride=stride, depthwise=True)
        y = self.convolution(f"{name}.project", y, (wide, outputs), 1, activation=False)
        return self.node("Add", f"{name}.add", [x, y]) if stride == 1 and inputs == outputs else y


def mobilenet_v2() -> Any:
    """The graph as an onnx ``ModelProto``: batch 1, 224x224, 1000 classes."""
    network, channels = _Network(), STEM_CHANNELS
    x = network.convolution("stem", "image", (3, channels), 3, stride=2)
    number = 0
    for expansion, outputs, repetitions, stride in BOTTLENECKS:
        for repetition in range(repetitions):
            number += 1
            x = network.bottleneck(
                f"block{number}", x, (channels, outputs), expansion, stride if repetition == 0 else 1
            )
            channels = outputs
    x = network.convolution("head", x, (channels, HEAD_CHANNELS), 1)
    x = network.node("GlobalAveragePool", "pool", [x])
    x = network.node("Flatten", "flatten", [x])
    fc = [network.weight("classifier.weight", CLASSES, HEAD_CHANNELS), network.weight("classifier.bias", CLASSES)]
    x = network.node("Gemm", "classifier", [x, *fc], transB=1)
    bounds = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("zero", 0.0), ("six", 6.0))]
    graph = helper.make_graph(
        network.nodes,
        "MobileNetV2 1.0, 224x224",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, IMAGE, IMAGE])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, CLASSES])],
        [*network.weights, *bounds],
    )
    return helper.make_model(graph, producer_name="make_mobilenet_v2", opset_imports=[helper.make_opsetid("", 17)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_mobilenet_v2.py OUT.onnx")
    save_model(mobilenet_v2(), sys.argv[1])
