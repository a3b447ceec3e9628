"""Several chips: collectives against their closed forms, and what a run reports of chips that do the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_chips import LATENCY_PS, LAUNCH_PS, STEP_PS, TOY, toy

from sim import load_architecture, lower, simulate
from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace
from sim.trace.parallel.tensor import tensor_parallel


def exchange(function: str, ranks: int, size: int, left: int | None = None, given: int | None = None) -> Trace:
    builder = TraceBuilder("exchange", dtype="int8")
    x, y = builder.activation("x", (given or size,)), builder.activation("y", (left or size,))
    builder.op("exchange", "collective", {"elements": size, "ranks": ranks}, {"x": x}, y, {"function": function})
    return builder.build([y])


def layers() -> Trace:
    """Two products a layer, three layers."""
    builder = TraceBuilder("layers")
    x = builder.activation("x", (64, 128))
    with builder.repeat("layer", 3, carry={x: "z"}):
        up, down = builder.weight("up.w", (256, 128)), builder.weight("down.w", (128, 256))
        y, z = builder.activation("y", (64, 256)), builder.activation("z", (64, 128))
        builder.op("up", "gemm", {"m": 64, "n": 256, "k": 128}, {"a": x, "b": up}, y)
        builder.op("down", "gemm", {"m": 64, "n": 128, "k": 256}, {"a": y, "b": down}, z)
    return builder.build([x])


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("size", [1200, 1_200_000])
def test_a_ring_takes_its_steps_one_after_the_other(tmp_path: Path, ranks: int, size: int) -> None:
    found = simulate(exchange("all_reduce", ranks, size), toy(tmp_path))
    wire = 2 * size // ranks  # half of the bandwidth is data
    transfer_ps = -(-wire // 64) * 64 * 25  # packets of 64 B at 40 GB/s
    steps = 2 * (ranks - 1)
    last_store_ps = found.time_ps - (LAUNCH_PS + steps * (STEP_PS + LATENCY_PS + transfer_ps))
    assert 0 <= last_store_ps <= steps
    assert found.operators[0]["dataflow"] == "ring/one"


@pytest.mark.parametrize(
    ("function", "algorithm", "vectors"),
    [("all_reduce", "ring", 6), ("all_reduce", "recursive", 6), ("all_reduce", "direct", 6), ("all_reduce", "tree", 6),
     ("all_to_all", "pairwise", 3), ("broadcast", "direct", 3), ("broadcast", "tree", 3), ("send_recv", "direct", 1)],
)  # fmt: skip
def test_bytes_between_chips_are_those_of_the_algorithm(
    tmp_path: Path, function: str, algorithm: str, vectors: int
) -> None:
    """``vectors``: what all 4 chips send together (all-reduce by ring: 4 x 2 (4 - 1) / 4 = 6 vectors)."""
    size = 16384
    found = simulate(exchange(function, 4, size), toy(tmp_path, collectives={function: algorithm}))
    between = [row for row in found.traffic if row["destination"].startswith("chip[")]
    assert sum(row["bytes"] for row in between) == vectors * size
    assert found.components["switch"]["actions"]["bytes"] == 2 * vectors * size  # a share of one half


def test_chips_that_do_the_same_report_as_one_group(tmp_path: Path) -> None:
    machine = toy(tmp_path)
    found = simulate(tensor_parallel(layers(), 4), machine)
    assert found.components["chip.hbm"]["count"] == found.components["chip.core.array"]["count"] == 4
    assert found.macs == found.macs_executed == 3 * 2 * 64 * 128 * 256
    one = simulate(layers(), machine)
    assert found.peak_macs_per_s == 4 * one.peak_macs_per_s
    arrays = found.components["chip.core.array"]
    assert arrays["min"]["busy"] == arrays["max"]["busy"]
    reduced = next(row for row in found.operators if row["name"] == "down_all_reduce")
    assert reduced["count"] == 3 and reduced["energy_j"] > 0
    assert found.energy_j == pytest.approx(
        sum(row["energy_j"] for row in found.operators) + found.unattributed_energy_j
    )


def test_collectives_run_beside_computation_that_does_not_need_them(tmp_path: Path) -> None:
    builder = TraceBuilder("beside")
    x, y = builder.activation("x", (1 << 20,)), builder.activation("y", (1 << 20,))
    a, b, c = builder.activation("a", (512, 512)), builder.weight("b", (512, 512)), builder.activation("c", (512, 512))
    builder.op("exchange", "collective", {"elements": 1 << 20, "ranks": 4}, {"x": x}, y, {"function": "all_reduce"})
    builder.op("product", "gemm", {"m": 512, "n": 512, "k": 512}, {"a": a, "b": b}, c)
    found = simulate(builder.build([y, c]), toy(tmp_path))
    parts = [row["time_ps"] for row in found.operators]
    assert max(parts) < found.time_ps < sum(parts) * 0.99


def test_one_chip_of_a_node_is_that_chip_alone() -> None:
    trace = layers()
    alone, in_node = simulate(trace, load_architecture("h100")), simulate(trace, load_architecture("h100_dgx"))
    assert (alone.time_ps, alone.energy_j) == (in_node.time_ps, in_node.energy_j)


@pytest.mark.parametrize("name", ["a100_dgx", "h100_dgx", "h100_pairwise_nvlink"])
def test_all_reduce_bytes_of_a_70b_layer(tmp_path: Path, name: str) -> None:
    """Two all-reduces of tokens x hidden a layer, each 2 (n - 1) / n of it out of every chip; two layers of the 80."""
    config = json.loads((Path(__file__).parents[2] / "traces/configs/llama2_70b/config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    found = simulate(
        lower(tmp_path / "config.json", phase="decode", context=16, batch=8, tp=8), load_architecture(name)
    )
    between: dict[str, int] = {}
    for row in found.traffic:
        if row["destination"].startswith("chip["):
            between[row["source"]] = between.get(row["source"], 0) + row["bytes"]
    hidden_bytes = 8 * 8192 * 2
    embedding, logits = hidden_bytes * 2 * 7 // 8, 8 * 32000 * 2 * 7 // 8
    assert between == {f"chip[{chip}]": 2 * 2 * hidden_bytes * 2 * 7 // 8 + embedding + logits for chip in range(8)}
    links = [row for path, row in found.components.items() if path in ("nvlink", "bridge", "pcie")]
    assert sum(row["actions"].get("bytes", 0) for row in links) >= sum(between.values())


def refused(call: Any) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def test_more_chips_than_there_are_is_refused(tmp_path: Path) -> None:
    machine = toy(tmp_path)
    assert "is for 8 chips; found toy has 4" in refused(lambda: simulate(tensor_parallel(layers(), 8), machine))
    assert "among 5 chips; found toy has 4" in refused(lambda: simulate(exchange("all_reduce", 5, 500), machine))


def test_a_pinned_algorithm_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    machine = toy(tmp_path, collectives={"all_reduce": "recursive"})
    text = refused(lambda: simulate(exchange("all_reduce", 3, 300), machine))
    assert "found recursive; allowed: direct, ring, tree" in text


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("name: switch", "name: switch, joins: 3", "its copies times `joins`"),
     ("name: switch", "name: switch, joins: 2, count: 2", "no link joins chip[1].comm and chip[2].comm"),
     ("hbm, comm]", "hbm, comm], joins: 2", "only a link between chips")],
)  # fmt: skip
def test_links_that_do_not_join_the_chips_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(TOY.replace(old, new))
    assert told in refused(lambda: simulate(exchange("all_reduce", 4, 400), load_architecture(file)))
