"""Makes the graphs in ``tests/data/onnx`` (needs torch, torchvision, transformers, onnx, onnxruntime; not run by tests).

    python tests/support/export_models.py NAME... [--count]

``--count`` prints what torch.utils.flop_counter counts on the module (operations / 2) and its parameters. Parameters
are random so that the exporter does not merge equal ones; of the graph only shapes are kept.
"""

from __future__ import annotations

import lzma
import sys
import tempfile
from pathlib import Path
from typing import Any

import onnx
import torch
import torchvision
import transformers
from export_networks import EfficientNetSmall, LstmTagger, UNet, YoloV8

DATA = Path(__file__).parents[1] / "data" / "onnx"
LONG = torch.long


def without_weights(path: Path) -> bytes:
    """The graph with the data of its larger tensors marked external, and without notes of the exporter."""
    model = onnx.load(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        elements = 1
        for extent in tensor.dims:
            elements *= extent
        if elements > 64 and tensor.data_type in (1, 2, 3, 10, 16):
            for field in ("raw_data", "float_data", "int32_data", "external_data"):
                tensor.ClearField(field)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights.bin")
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    del model.graph.value_info[:]
    model.graph.ClearField("metadata_props")
    model.ClearField("metadata_props")
    return bytes(model.SerializeToString())


def randomized(module: Any) -> Any:
    """The module in inference mode with random parameters and statistics."""
    torch.manual_seed(1)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.1 + 0.01)
    return module.eval()


class Plain(torch.nn.Module):
    """A module of transformers called with positional tensors and returning tensors."""

    def __init__(self, module: Any, *names: str, **fixed: Any) -> None:
        super().__init__()
        self.module, self.names, self.fixed = module, names, fixed

    def forward(self, *tensors: Any) -> Any:
        given = dict(zip(self.names, tensors, strict=True))
        return self.module(**given, **self.fixed, return_dict=False)[0]


def ones(*shape: int) -> Any:
    return torch.ones(*shape, dtype=LONG)


def bert(small: bool) -> tuple[Any, Any, Any]:
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "vocab_size": 100,
    }
    config = transformers.BertConfig(**(sizes if small else {}), attn_implementation="eager")
    names = ("input_ids", "attention_mask", "token_type_ids")
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in names}

    class WithPooler(Plain):
        def forward(self, *tensors: Any) -> Any:
            return tuple(self.module(**dict(zip(self.names, tensors, strict=True)), return_dict=False))

    return WithPooler(transformers.BertModel(config), *names), (ones(1, 8 if small else 384),) * 3, axes


def gpt2(small: bool) -> tuple[Any, Any, Any]:
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 64}
    config = transformers.GPT2Config(**(sizes if small else {}), attn_implementation="eager", use_cache=False)
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in ("input_ids", "attention_mask")}
    module = Plain(transformers.GPT2LMHeadModel(config), *axes, use_cache=False)
    return module, (ones(1, 8 if small else 1024),) * 2, axes


def t5(small: bool) -> tuple[Any, Any, Any]:
    sizes = {
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "vocab_size": 100,
    }
    config = transformers.T5Config(**(sizes if small else {"num_layers": 6}), use_cache=False)
    axes = {
        "input_ids": {0: "batch_size", 1: "encoder_sequence_length"},
        "attention_mask": {0: "batch_size", 1: "encoder_sequence_length"},
        "decoder_input_ids": {0: "batch_size", 1: "decoder_sequence_length"},
    }
    module = Plain(transformers.T5ForConditionalGeneration(config), *axes, use_cache=False)
    source = ones(1, 8 if small else 128)
    return module, (source, source, ones(1, 6 if small else 64)), axes


def whisper_encoder(small: bool) -> tuple[Any, Any, Any]:
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    sizes = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}
    if small:
        sizes = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64, "num_mel_bins": 8,
                     "max_source_positions": 20}  # fmt: skip
    config = transformers.WhisperConfig(**sizes, attn_implementation="eager")
    image = torch.zeros(1, 8, 40) if small else torch.zeros(1, 80, 3000)
    return Plain(WhisperEncoder(config), "input_features"), (image,), {"input_features": {0: "batch_size"}}


def vit(small: bool) -> tuple[Any, Any, Any]:
    torch.backends.mha.set_fastpath_enabled(False)
    models = torchvision.models
    module = models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10) if small else models.vit_b_16()
    side = 32 if small else 224
    return module, (torch.zeros(1, 3, side, side),), {"pixel_values": {0: "batch_size"}}


def efficientnet(small: bool) -> tuple[Any, Any, Any]:
    module = EfficientNetSmall() if small else torchvision.models.efficientnet_b0()
    side = 32 if small else 224
    return module, (torch.zeros(1, 3, side, side),), {"image": {0: "N"}}


def unet(small: bool) -> tuple[Any, Any, Any]:
    side = 32 if small else 512
    return UNet(4 if small else 64, 2), (torch.zeros(1, 3, side, side),), {"image": {0: "N", 2: "H", 3: "W"}}


def yolo(small: bool) -> tuple[Any, Any, Any]:
    side = 64 if small else 640
    return YoloV8(4, 1, 4) if small else YoloV8(16, 1, 80), (torch.zeros(1, 3, side, side),), {"images": {0: "batch"}}


def lstm(small: bool) -> tuple[Any, Any, Any]:
    module = LstmTagger(100, 16, 8, 2) if small else LstmTagger(30000, 512, 512, 2)
    return module, (torch.zeros(1, 6 if small else 128, dtype=LONG),), {"ids": {0: "batch", 1: "tokens"}}


def resnet(small: bool) -> tuple[Any, Any, Any]:
    models = torchvision.models
    basic = models.resnet.BasicBlock
    module = models.ResNet(basic, [1, 1, 1, 1], num_classes=10) if small else models.resnet50()
    side = 32 if small else 224
    return module, (torch.zeros(1, 3, side, side),), {"image": {}}


NETWORKS = {
    "bert": bert, "gpt2": gpt2, "vit": vit, "unet": unet, "efficientnet": efficientnet, "yolo": yolo, "lstm": lstm, "t5": t5,
    "whisper_encoder": whisper_encoder, "resnet": resnet,
}  # fmt: skip
#: Exported without folding constants, so that the head stays tied to the embedding.
TIED = ("gpt2", "t5")


def export(name: str, small: bool, folder: Path) -> None:
    """Write one network's graph; of the ResNet its two quantized forms."""
    module, arguments, axes = NETWORKS[name](small)
    path = folder / "graph.onnx"
    with torch.no_grad():
        torch.onnx.export(
            randomized(module), arguments, str(path), dynamo=False, opset_version=17, input_names=list(axes),
            dynamic_axes={key: value for key, value in axes.items() if value}, do_constant_folding=name not in TIED,
        )  # fmt: skip
    graphs = {name: path} if name != "resnet" else quantized(path, arguments[0].shape, folder)
    for target, graph in graphs.items():
        out = DATA / ("small" if small else "full") / f"{target}.onnx.xz"
        out.write_bytes(lzma.compress(without_weights(graph), preset=9 | lzma.PRESET_EXTREME))


def quantized(path: Path, shape: Any, folder: Path) -> dict[str, Path]:
    """The static quantizer of onnxruntime in both formats, calibrated with random images."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            random = np.random.default_rng(1)
            self.left = [{"image": random.random(tuple(shape), dtype=np.float32)} for _ in range(2)]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    ready = folder / "ready.onnx"
    quant_pre_process(str(path), str(ready))
    found = {}
    for name, form in (("resnet_qdq", QuantFormat.QDQ), ("resnet_qlinear", QuantFormat.QOperator)):
        found[name] = folder / f"{name}.onnx"
        quantize_static(
            str(ready), str(found[name]), Images(), quant_format=form, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, per_channel=form == QuantFormat.QDQ,
        )  # fmt: skip
    return found


def count(name: str, small: bool) -> None:
    """Print MACs and parameters of the module as PyTorch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    module, arguments, _ = NETWORKS[name](small)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.eval()(*arguments)
    print(name, counter.get_total_flops() // 2, sum(tensor.numel() for tensor in module.parameters()))


def main() -> None:
    """Export or count the networks named, in both sizes."""
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(NETWORKS)
    for name in names:
        for small in (True, False):
            if "--count" in sys.argv:
                count(name, small)
                continue
            with tempfile.TemporaryDirectory() as folder:
                export(name, small, Path(folder))


if __name__ == "__main__":
    main()
