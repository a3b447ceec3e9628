"""A model with the widths of Llama-2-70B, larger than the near memory: its weights come from a slower one when used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.core.data_files import package_folder


@pytest.fixture(scope="module")
def one_layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Llama-2-70B with one of its 80 layers, which are alike."""
    config = json.loads((package_folder("traces") / "configs" / "llama2_70b" / "config.json").read_text("utf-8"))
    file = tmp_path_factory.mktemp("llama2_70b") / "config.json"
    file.write_text(json.dumps(config | {"num_hidden_layers": 1}), encoding="utf-8")
    return file


WEIGHTS = 2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672 + 2 * 8192 + 8192 + 32000 * 8192
"""Of a layer (64 heads of 128, 8 of keys and values), its norms, the last norm and the head."""


def moved(result: sim.Result, source: str, destination: str) -> int:
    return sum(one["bytes"] for one in result.traffic if (one["source"], one["destination"]) == (source, destination))


def test_a_model_larger_than_hbm_runs_from_ddr_with_its_copies_in_timeline_and_report(one_layer: Path) -> None:
    trace = sim.lower(one_layer, phase="decode", context=1024)
    node = sim.load_architecture("sn40l", {"chip.hbm.capacity": "1 GiB"})
    result = sim.simulate(trace, node)
    assert 2**30 < 2 * WEIGHTS < node.component("chip.ddr").spec.capacity
    assert moved(result, "chip.ddr", "chip.hbm") == 2 * WEIGHTS, "every weight once, two bytes each"
    copies = result.components["chip.copies"]
    assert copies["busy_s"] > 0.9 * result.time_s, "the DDR is what the step waits for"
    assert copies["busy_s"] >= 2 * WEIGHTS / 204.8e9
    assert any("copy" in one["stall_s"] for one in result.components.values())
    recorder = result.recorder
    assert recorder is not None
    lane = recorder.lanes.index("chip.copies.chip.ddr to chip.hbm")
    slices = recorder.slices()
    shown = {recorder.whats[what] for what in slices.what[slices.lane == lane]}
    assert {"copy layers.up_proj.weight", "copy lm_head.weight"} <= shown


def test_weights_in_flash_come_at_the_rate_of_its_channels_and_cost_energy(one_layer: Path) -> None:
    """8 channels of 1 GB/s; the DRAM of 768 MiB could not hold the weights, of one byte each."""
    trace = sim.lower(one_layer, phase="decode", context=1024, dtype="int8")
    npu = sim.load_architecture("flash_npu", {"chip.dram.capacity": "768 MiB"})
    result = sim.simulate(trace, npu, timeline=False)
    flash: dict[str, Any] = result.components["chip.flash"]
    assert moved(result, "chip.flash", "chip.dram") == WEIGHTS
    assert result.time_s == pytest.approx(WEIGHTS / 8e9, rel=0.05) and result.time_s > WEIGHTS / 8e9
    (channel,) = flash["memory"]["per_channel"]
    assert channel["channels"] == 8 and channel["peak"] == 1e9 and channel["efficiency"] > 0.95
    pages = WEIGHTS / 16384
    assert flash["actions"]["sensing_ns"] == pytest.approx(30_000 * pages, rel=0.01)
    expected = 82.5e-12 * flash["actions"]["sensing_ns"] + 32e-12 * flash["actions"]["read_bytes"]
    assert flash["energy_j"]["dynamic"] == pytest.approx(expected, rel=1e-6)
