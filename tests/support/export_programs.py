"""Makes the programs in ``tests/data/pt2`` (needs torch 2.14 and torchvision; not run by tests).

    python tests/support/export_programs.py

Of what torch.export.save writes only the JSON graph is kept, without stack traces and guards.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

DATA = Path(__file__).parents[1] / "data" / "pt2"


class Mixed(nn.Module):
    """A convolution with a head, and beside it an embedding, an attention and an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Linear(8, 5)
        self.embed, self.attention = nn.Embedding(10, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.lstm = nn.LSTM(8, 4, bidirectional=True, batch_first=True)

    def forward(self, x: Any, ids: Any) -> Any:
        image = torch.relu(self.bn(self.conv(x))).mean((2, 3))
        words = self.embed(ids)
        words, _ = self.attention(words, words, words)
        words, _ = self.lstm(words)
        return self.head(image), words


class Block(nn.Module):
    """A decoder block: RMS norms, rotary embedding, grouped heads, gated feed-forward."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.h, half = heads, width // 2
        self.n1, self.n2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.q, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k, self.v = nn.Linear(width, half, bias=False), nn.Linear(width, half, bias=False)
        self.g, self.u = nn.Linear(width, 4 * width, bias=False), nn.Linear(width, 4 * width, bias=False)
        self.w = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Any, cos: Any, sin: Any) -> Any:
        batch, tokens, width = x.shape
        each, n = width // self.h, self.n1(x)
        q = self.q(n).view(batch, tokens, self.h, each).transpose(1, 2)
        k = self.k(n).view(batch, tokens, self.h // 2, each).transpose(1, 2)
        v = self.v(n).view(batch, tokens, self.h // 2, each).transpose(1, 2)

        def rotated(z: Any) -> Any:
            return z * cos + torch.cat((-z[..., each // 2 :], z[..., : each // 2]), -1) * sin

        a = nn.functional.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(batch, tokens, width))
        n = self.n2(x)
        return x + self.w(nn.functional.silu(self.g(n)) * self.u(n))


class Decoder(nn.Module):
    """Two blocks between an embedding and the head tied to it."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.n = nn.Embedding(50, 16), nn.RMSNorm(16)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.lm_head = nn.Linear(16, 50, bias=False)
        self.lm_head.weight = self.e.weight

    def forward(self, ids: Any) -> Any:
        angles = torch.arange(ids.shape[1], device=ids.device)[:, None] * torch.tensor([1.0, 0.1])
        angles, x = torch.cat((angles, angles), -1), self.e(ids)
        for layer in self.layers:
            x = layer(x, angles.cos(), angles.sin())
        return self.lm_head(self.n(x))


def keep(program: Any, name: str) -> None:
    """Write the graph of a program."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    whole = zipfile.ZipFile(buffer)
    (member,) = [one for one in whole.namelist() if "/models/" in one]
    table = json.loads(whole.read(member))
    for node in table["graph_module"]["graph"]["nodes"]:
        for key in ("stack_trace", "torch_fn", "from_node"):
            node["metadata"].pop(key, None)
    table["graph_module"]["module_call_graph"], table["graph_module"]["metadata"] = [], {}
    table["guards_code"] = []
    with zipfile.ZipFile(DATA / f"{name}.pt2", "w") as out:
        out.writestr(zipfile.ZipInfo(member), json.dumps(table), zipfile.ZIP_DEFLATED)


def main() -> None:
    """Export everything."""
    export, dim = torch.export.export, torch.export.Dim
    ids = torch.zeros(2, 4, dtype=torch.long)
    mixed = export(Mixed().eval(), (torch.randn(2, 3, 8, 8), ids))
    dynamic = {"ids": {0: dim("batch", min=1, max=64), 1: dim("tokens", min=2, max=4096)}}
    decoder = export(Decoder().eval(), (torch.zeros(2, 6, dtype=torch.long),), dynamic_shapes=dynamic)
    for name, program in (("mixed", mixed), ("decoder", decoder)):
        keep(program, name)
        keep(program.run_decompositions(), f"{name}_core")
    torch.backends.mha.set_fastpath_enabled(False)
    image = (torch.zeros(1, 3, 224, 224),)
    keep(export(torchvision.models.resnet50().eval(), image), "resnet50")
    keep(export(torchvision.models.mobilenet_v3_small().eval(), image), "mobilenet_v3_small")
    keep(export(torchvision.models.vit_b_16().eval(), image).run_decompositions(), "vit_b_16_core")


if __name__ == "__main__":
    main()
