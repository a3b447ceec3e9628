"""Four TPU v4 on a mesh of inter-chip links: a routed fabric between chips, against closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim import load_architecture, lower, simulate
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

LINK = 50 * 10**9
SIZE = 2**21
PLACE = "links.ici.place"


def all_reduce() -> Trace:
    builder = TraceBuilder("all_reduce", dtype="int8")
    x, y = builder.activation("x", (SIZE,)), builder.activation("y", (SIZE,))
    builder.op("sum", "collective", {"elements": SIZE, "ranks": 4}, {"x": x}, y, {"function": "all_reduce"})
    return builder.build([y])


def test_a_ring_of_neighbours_sends_at_the_rate_of_a_link() -> None:
    found = simulate(all_reduce(), load_architecture("tpu_v4_2x2"))
    assert found.operators[0]["dataflow"] == "ring/plain"
    sent = 2 * 3 * SIZE // 4
    assert found.time_ps == pytest.approx(sent * 10**12 / LINK, rel=0.002)
    assert found.chips[0]["sent_bytes"] == sent


def test_messages_to_a_chip_that_is_no_neighbour_share_links_on_the_way() -> None:
    """Direct: a chip sends to its neighbours and across, whose way is two links; the port of a chip is still the limit."""
    machine = load_architecture("tpu_v4_2x2", {"policy.collectives.all_reduce": "direct"})
    found = simulate(all_reduce(), machine)
    between = {(row["source"], row["destination"]) for row in found.traffic if row["source"].startswith("chip[")}
    assert len(between) == 12
    assert found.time_ps == pytest.approx(2 * 3 * SIZE // 4 * 10**12 / LINK, rel=0.002)
    assert found.time_ps >= 2 * 3 * SIZE // 4 * 10**12 // LINK


def test_a_model_on_the_mesh_end_to_end(tmp_path: Path) -> None:
    config = json.loads((Path(__file__).parents[2] / "traces/configs/llama2_7b/config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    trace = lower(tmp_path / "config.json", phase="decode", context=16, tp=4)
    found = simulate(trace, load_architecture("tpu_v4_2x2"))
    vector = 4096 * 2
    expected = 3 * vector * 2 * 3 // 4 + 32000 * 2 * 3 // 4  # embedding, two of the layer, and the logits gathered
    assert [row["sent_bytes"] for row in found.chips] == [expected] * 4
    assert found.components["ici"]["kind"] == "fabric"
