"""Networks that no package brings in the form wanted, written from their publications; for ``export_models.py``.

U-Net: arXiv:1505.04597, with padded convolutions and batch norm. YOLOv8: the layout of yolov8.yaml as documented by
Ultralytics (widths for scale n: first channels 16); 3,157,200 parameters for 80 classes, as published.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig


class EfficientNetSmall(EfficientNet):
    """Three stages of narrow MBConv blocks."""

    def __init__(self) -> None:
        block = partial(MBConvConfig, width_mult=0.25, depth_mult=0.3)
        stages = [block(1, 3, 1, 32, 16, 1), block(6, 3, 2, 16, 24, 2), block(6, 5, 2, 24, 40, 2)]
        super().__init__(stages, 0.2, num_classes=10, last_channel=64)


class LstmTagger(nn.Module):
    """Embedding, LSTM layers in both directions, a linear head."""

    def __init__(self, words: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, hidden, layers, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, 5)

    def forward(self, ids: Any) -> Any:
        sequence, (hidden, _) = self.lstm(self.embed(ids))
        return self.head(sequence), hidden


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Five levels from ``width`` channels on."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        wide = [width << level for level in range(5)]
        self.down = nn.ModuleList(DoubleConv(one, two) for one, two in zip([3, *wide], wide, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * one, one, 2, 2) for one in reversed(wide[:4]))
        self.join = nn.ModuleList(DoubleConv(2 * one, one) for one in reversed(wide[:4]))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Any) -> Any:
        skips = []
        for level, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            skip, x = skips.pop(), up(x)
            high, wide = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
            x = nn.functional.pad(x, [wide // 2, wide - wide // 2, high // 2, high - high // 2])
            x = join(torch.cat([skip, x], 1))
        return self.head(x)


class Conv(nn.Module):
    """Convolution, batch norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Any) -> Any:
        return nn.functional.silu(self.norm(self.conv(x)))


class C2f(nn.Module):
    """Split, a chain of bottlenecks whose every result is kept, join."""

    def __init__(self, inputs: int, outputs: int, count: int, add: bool = False) -> None:
        super().__init__()
        self.half, self.add = outputs // 2, add
        self.first, self.last = Conv(inputs, outputs), Conv((2 + count) * self.half, outputs)
        self.chain = nn.ModuleList(
            nn.Sequential(Conv(self.half, self.half, 3), Conv(self.half, self.half, 3)) for _ in range(count)
        )

    def forward(self, x: Any) -> Any:
        kept = list(self.first(x).split((self.half, self.half), 1))
        for block in self.chain:
            kept.append(kept[-1] + block(kept[-1]) if self.add else block(kept[-1]))
        return self.last(torch.cat(kept, 1))


class Pyramid(nn.Module):
    """Three poolings one after the other (SPPF)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last, self.pool = Conv(width, width // 2), Conv(2 * width, width), nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Any) -> Any:
        kept = [self.first(x)]
        for _ in range(3):
            kept.append(self.pool(kept[-1]))
        return self.last(torch.cat(kept, 1))


class Detect(nn.Module):
    """Box distributions over 16 bins and class scores on three scales, decoded to boxes."""

    def __init__(self, classes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        box, score = max(16, widths[0] // 4, 64), max(widths[0], min(classes, 100))
        self.classes = classes
        self.box = nn.ModuleList(
            nn.Sequential(Conv(w, box, 3), Conv(box, box, 3), nn.Conv2d(box, 64, 1)) for w in widths
        )
        self.score = nn.ModuleList(
            nn.Sequential(Conv(w, score, 3), Conv(score, score, 3), nn.Conv2d(score, classes, 1)) for w in widths
        )
        self.bins = nn.Conv2d(16, 1, 1, bias=False)

    def forward(self, scales: list[Any]) -> Any:
        heads = [torch.cat([b(x), s(x)], 1) for x, b, s in zip(scales, self.box, self.score, strict=True)]
        places, strides = self._places(heads)
        flat = torch.cat([head.view(head.shape[0], 64 + self.classes, -1) for head in heads], 2)
        box, score = flat.split((64, self.classes), 1)
        batch, _, count = box.shape
        sides = self.bins(box.view(batch, 4, 16, count).transpose(2, 1).softmax(1)).view(batch, 4, count)
        near, far = sides.chunk(2, 1)
        low, high = places - near, places + far
        return torch.cat([torch.cat([(low + high) / 2, high - low], 1) * strides, score.sigmoid()], 1)

    def _places(self, heads: list[Any]) -> tuple[Any, Any]:
        places, strides = [], []
        for head, stride in zip(heads, (8, 16, 32), strict=True):
            high, wide = head.shape[2], head.shape[3]
            y, x = torch.meshgrid(torch.arange(high) + 0.5, torch.arange(wide) + 0.5, indexing="ij")
            places.append(torch.stack((x, y), -1).view(-1, 2))
            strides.append(torch.full((high * wide, 1), float(stride)))
        return torch.cat(places).t()[None], torch.cat(strides).t()


class YoloV8(nn.Module):
    """Backbone, a pyramid up and down, the detection head; ``width``: first channels, ``depth``: bottlenecks per block."""

    def __init__(self, width: int, depth: int, classes: int) -> None:
        super().__init__()
        w, n = width, depth
        self.backbone = nn.ModuleList([
            Conv(3, w, 3, 2), Conv(w, 2 * w, 3, 2), C2f(2 * w, 2 * w, n, True), Conv(2 * w, 4 * w, 3, 2),
            C2f(4 * w, 4 * w, 2 * n, True), Conv(4 * w, 8 * w, 3, 2), C2f(8 * w, 8 * w, 2 * n, True),
            Conv(8 * w, 16 * w, 3, 2), C2f(16 * w, 16 * w, n, True), Pyramid(16 * w),
        ])  # fmt: skip
        self.up = nn.Upsample(scale_factor=2)
        self.neck = nn.ModuleList([
            C2f(24 * w, 8 * w, n), C2f(12 * w, 4 * w, n), Conv(4 * w, 4 * w, 3, 2), C2f(12 * w, 8 * w, n),
            Conv(8 * w, 8 * w, 3, 2), C2f(24 * w, 16 * w, n),
        ])  # fmt: skip
        self.detect = Detect(classes, (4 * w, 8 * w, 16 * w))

    def forward(self, x: Any) -> Any:
        kept = []
        for layer in self.backbone:
            x = layer(x)
            kept.append(x)
        middle = self.neck[0](torch.cat([self.up(x), kept[6]], 1))
        fine = self.neck[1](torch.cat([self.up(middle), kept[4]], 1))
        middle = self.neck[3](torch.cat([self.neck[2](fine), middle], 1))
        coarse = self.neck[5](torch.cat([self.neck[4](middle), x], 1))
        return self.detect([fine, middle, coarse])
