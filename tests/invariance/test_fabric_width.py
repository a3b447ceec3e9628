"""With the plan pinned, wider links slow no run (the mapper may choose worse for links that it thinks faster)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.load import lower

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


@pytest.mark.slow
def test_doubling_the_width_of_the_links_slows_no_run(tmp_path: Path) -> None:
    trace = lower("configs/bert_base", prompt=16)
    found = pins(run_trace(trace, load_architecture("mesh_16core")))
    assert found
    file = tmp_path / "pinned.yaml"
    file.write_text(
        yaml.safe_dump({"name": "pinned", "extends": "mesh_16core", "policy": {"mapping": found}}), encoding="utf-8"
    )
    narrow, wide = (
        run_trace(trace, load_architecture(file, {"chip.links.0.width": width})).elapsed_ps for width in (64, 128)
    )
    assert wide <= SLOWER_AT_MOST * narrow
