"""Engines other than cores print the closed form of their prediction, and it gives the number behind it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sim
from sim.report.explain import explain_run

GPU = """
name: gpu
chip:
  gpu: {kind: roofline, types: {bf16: 312 TFLOP/s}, sustained: 0.8, vector: 39 TFLOP/s}
  hbm: {kind: dram, bandwidth: 2 TB/s, capacity: 80 GB}
  links: [{kind: bus, connects: [gpu, hbm], bandwidth: 2 TB/s}]
"""


@pytest.mark.parametrize("machine", ["neupims", "gpu.yaml"])
def test_printed_terms_give_the_prediction(machine: str, tmp_path: Path) -> None:
    (tmp_path / "gpu.yaml").write_text(GPU)
    name = str(tmp_path / machine) if machine.endswith("yaml") else machine
    result = sim.simulate(sim.load_trace("llama2_7b_decode"), sim.load_architecture(name))
    result.save(tmp_path / "out")
    engine = "pim" if machine == "neupims" else "roofline"
    names = [one.name for one in result.record.operators if any(each["engine"] == engine for each in one.mapping)]
    lines = "\n".join(explain_run(tmp_path / "out", names))
    found = re.findall(r"= max\(([\d, ]+)\)((?: \+ \d+)*) = (\d+) ps", lines)
    assert len(found) == len(names) > 2
    for beside, rest, printed in found:
        assert max(map(int, beside.split(", "))) + sum(map(int, re.findall(r"\d+", rest))) == int(printed)
