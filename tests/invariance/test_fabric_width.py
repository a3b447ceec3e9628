"""With the plan pinned, wider links slow no run (the mapper may choose worse for links that it thinks faster), and a
crossbar whose ports serve as the mesh's do is at least as fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.config.load import load_architecture
from sim.core.data_files import package_folder
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.load import lower
from sim.trace.model import Trace

SLOWER_AT_MOST = 1.05


def pins(run: RunRecord) -> dict[str, Any]:
    """What pins the mapping of every operator of ``run`` that the arrays executed."""
    return {
        operator.name: {
            "dataflow": used["dataflow"], "tile": used["tile"], "order": used["order"], "cores": used["split"],
            "buffers": used["buffers"],
        }
        for operator in run.operators for used in operator.mapping[:1] if used["engine"] == "array"
    }  # fmt: skip


def pinned(folder: Path, mapping: dict[str, Any], **changes: Any) -> Path:
    """A file of the mesh preset with the mapping of a run, and other changes."""
    file = folder / "pinned.yaml"
    policy = {"mapping": mapping, "multicast": changes.pop("multicast", True)}
    file.write_text(
        yaml.safe_dump({"name": "pinned", "extends": "mesh_16core", "policy": policy, **changes}), encoding="utf-8"
    )
    return file


def one_layer_of(model: str, folder: Path, tokens: int) -> Trace:
    """Its first layer at full width."""
    whole = json.loads((package_folder("traces") / "configs" / model / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**whole, "num_hidden_layers": 1}), encoding="utf-8")
    return lower(str(folder / "config.json"), prompt=tokens)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "tokens"), [("bert_base", 16), ("llama2_7b", 64)])
def test_doubling_the_width_of_the_links_slows_no_run(model: str, tokens: int, tmp_path: Path) -> None:
    trace = one_layer_of(model, tmp_path, tokens)
    found = pins(run_trace(trace, load_architecture("mesh_16core")))
    assert found
    file = pinned(tmp_path, found)
    narrow, wide = (
        run_trace(trace, load_architecture(file, {"chip.links.0.width": width})).elapsed_ps for width in (64, 128)
    )
    assert wide <= SLOWER_AT_MOST * narrow


@pytest.mark.slow
def test_a_routed_crossbar_is_at_least_as_fast_as_the_mesh_without_multicast(tmp_path: Path) -> None:
    """Ports as wide, with the same packets and trains in order of arrival; ``kind: crossbar`` takes turns instead.

    Of memories without banks: requests that arrive in another order open up to a tenth more rows, which costs more time
    than the shorter ways save.
    """
    trace, memory = one_layer_of("llama2_7b", tmp_path, 64), {"chip.hbm.model": "bandwidth"}
    found = pins(run_trace(trace, load_architecture("mesh_16core", memory)))
    mesh = run_trace(trace, load_architecture(pinned(tmp_path, found, multicast=False), memory)).elapsed_ps
    link = {
        "kind": "fabric", "name": "noc", "topology": "crossbar", "terminals": 20, "connects": ["core.pad", "hbm"],
        "width": "64 B", "packet": "4 KiB", "train": "16 KiB", "clock": "core",
        "router": {"virtual_channels": 2, "buffer_flits": 64},
    }  # fmt: skip
    file = pinned(tmp_path, found, multicast=False, chip={"links": [link]})
    assert run_trace(trace, load_architecture(file, memory)).elapsed_ps <= mesh
