"""Regenerates docs/studies/sn40l.md: switching between 150 experts of 7B parameters on an SN40L node, and elsewhere.

python scripts/study_sn40l.py            writes docs/studies/sn40l.md
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import sim
from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.core.data_files import package_folder
from sim.hardware.layout import Layout
from sim.run.expert_jobs import ExpertRequests
from sim.run.simulate import run_jobs
from sim.trace.model import Trace

ROOT = Path(__file__).resolve().parents[1]
SOCKETS = 8
EXPERTS = 150
NODE_BYTES_PER_S = 10**12
"""Published: over 1 TB/s from DDR to HBM per node (arXiv 2405.07518)."""
HOST_LINKS = {"64 GB/s (DGX H100)": (64, 15), "32 GB/s (DGX A100)": (32, 31)}
"""Host link of the compared machines in GB/s, and the published ratio of switch times to the SN40L node's."""


class Switches(NamedTuple):
    """What a run of requests did: picoseconds and bytes of every copy of an expert, in order, and the run's time."""

    copy_ps: list[int]
    copy_bytes: int
    elapsed_ps: int


class _CopySpans:
    """Adds up the time that each copy of an expert had the copy engine."""

    def __init__(self) -> None:
        self.copies: list[list[int | str]] = []

    def span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        if what.startswith("copy expert"):
            if not self.copies or self.copies[-1][0] != what:
                self.copies.append([what, 0])
            self.copies[-1][1] += end_ps - start_ps  # type: ignore[operator]

    def level(self, name: str, time_ps: int, value: int) -> None:
        """Not of interest here."""


def expert_share(phase: str = "decode", **lengths: int) -> Trace:
    """One socket's eighth of Llama-2-7B: heads, feed-forward columns and vocabulary are divided, norms are not."""
    whole = json.loads((package_folder("traces") / "configs" / "llama2_7b" / "config.json").read_text())
    width = whole["hidden_size"] // whole["num_attention_heads"]
    part = {key: whole[key] // SOCKETS
            for key in ("num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size")}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(whole | part | {"head_dim": width}))
        return sim.lower(folder, phase=phase, **lengths)


def machine(link_gb_per_s: Fraction | None = None) -> Architecture:
    """The preset's socket; with a link, DDR (the host's, or the node's) reaches HBM only over that much of it."""
    if link_gb_per_s is None:
        return load_architecture("sn40l")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "linked.yaml")
        file.write_text(f"""
extends: sn40l
name: linked
chip:
  links:
    - {{kind: crossbar, connects: [core.pmu, hbm], width: 2048 B, latency: 50 ns, clock: core}}
    - {{kind: point_to_point, name: host, connects: [hbm, ddr], bandwidth: {link_gb_per_s} GB/s}}
""")
        return load_architecture(file)


def switches(trace: Trace, architecture: Architecture, requests: Sequence[int]) -> Switches:
    """Run requests to experts, one after the other."""
    seen = _CopySpans()
    record = run_jobs(ExpertRequests(trace, EXPERTS, requests), architecture, listeners=(seen,))
    moved = {(one["source"], one["destination"]): one["bytes"] for one in record.traffic}
    return Switches([int(one[1]) for one in seen.copies], moved["chip.ddr", "chip.hbm"], record.elapsed_ps)


def closed_form_ps(size_bytes: int, architecture: Architecture) -> int:
    """Bytes at the sustained bandwidth of the model's DDR."""
    tier = next(one for one in Layout(architecture).tiers if one.path == "chip.ddr")
    return int(Fraction(size_bytes * 10**12) / tier.bytes_per_s)


def _ms(duration_ps: float) -> str:
    return f"{duration_ps / 1e9:.2f} ms"


def study() -> str:
    """The page."""
    trace, node = expert_share(context=128), machine()
    first = switches(trace, node, [0, 1, 0, 1, 0])
    size = first.copy_bytes // len(first.copy_ps)
    form = closed_form_ps(size, node)
    tier = next(one for one in Layout(node).tiers if one.path == "chip.ddr")
    took = f"{_ms(first.copy_ps[0])} ({100 * (first.copy_ps[0] / form - 1):+.2f} %)"
    rows = {
        "bytes": f"{size:,}",
        "sustained bandwidth of the model's DDR": f"{float(tier.bytes_per_s) / 1e9:.1f} GB/s",
        "bytes / bandwidth": _ms(form),
        "simulated": took,
        "at the published 1 TB/s per node": _ms(size * SOCKETS * 1e12 / NODE_BYTES_PER_S),
    }
    lines = [HEAD, "## The time of a switch", "", "| | one socket, one eighth of an expert |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in rows.items()]
    lines += ["", MIDDLE.format(node=float(tier.bytes_per_s) * SOCKETS / 1e12), "## Repeats", "",
              "| requests to experts | copies of an expert | time of the run |", "|---|---|---|"]  # fmt: skip
    over = [*range(42), 41, 40, 0]
    for name, order in (("0 1 0 1 0", [0, 1, 0, 1, 0]), ("0 0 0 0 0", [0] * 5), ("0 ... 41, then 41, 40, 0", over)):
        found = switches(trace, node, order)
        lines.append(f"| {name} | {len(found.copy_ps)} of {len(order)} | {_ms(found.elapsed_ps)} |")
    lines += ["", REPEATS, "## Against machines with a host link", "",
              "| experts come over | switch | longer than the preset | longer than at 1 TB/s | published |",
              "|---|---|---|---|---|"]  # fmt: skip
    published = switches(trace, machine(Fraction(NODE_BYTES_PER_S, SOCKETS * 10**9)), [0, 1]).copy_ps[-1]
    lines.append(f"| the preset's DDR | {_ms(first.copy_ps[0])} | 1.0 x | {first.copy_ps[0] / published:.2f} x | |")
    lines.append(f"| 1 TB/s per node | {_ms(published)} | {published / first.copy_ps[0]:.2f} x | 1.0 x | 1 |")
    for name, (rate, ratio) in HOST_LINKS.items():
        took = switches(trace, machine(Fraction(rate, SOCKETS)), [0, 1]).copy_ps[-1]
        lines.append(
            f"| {name} | {_ms(took)} | {took / first.copy_ps[0]:.1f} x | {took / published:.1f} x | {ratio} x |"
        )
    return "\n".join([*lines, "", TAIL])


HEAD = """# Switching experts on an SN40L node

A composition of experts (arXiv 2405.07518): 150 models of the size of Llama-2-7B in the DDR of an 8-socket node, the
ones in use in HBM, dropped least recently used first. The sockets share every expert equally and are alike, so one
socket with an eighth of each expert is simulated (`arch/sn40l.yaml`). Every request decodes one token at a context of
128. `python scripts/study_sn40l.py` makes this page; nothing in it is written by hand but the text.
"""
MIDDLE = """\
The node's eight DDR tiers sustain {node:.2f} TB/s together in this model, which leaves out whatever keeps the
published node at "over 1 TB/s" (63 % of the 1.6 TB/s of its pins): address translation, the copy engine's own limits,
or software. The published rate is therefore shown beside it, and simulated as a link of 125 GB/s per socket, not by
derating the DDR.
"""
REPEATS = """\
A repeated expert is found in HBM and nothing is copied. 64 GiB hold 40 shares of an expert and the requests' caches,
so 42 different ones drop the first: experts 41 and 40 are then still there, expert 0 is copied again.
"""
TAIL = """\
The ratios to the published rate agree with the published 15 and 31, as they must: both are ratios of bandwidths. The
ratios to the preset are larger by as much as its DDR is faster than 1 TB/s. What the table leaves out is the rest of
a request: a switch is hidden in part behind the decoding of the request before it.
"""


if __name__ == "__main__":
    page = ROOT / "docs" / "studies" / "sn40l.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(study(), encoding="utf-8")
    print(page)
