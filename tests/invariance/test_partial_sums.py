"""K split over cores: partial sums travel as messages, (parts - 1) blocks of them per block of results, on every link."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import NS, add_gemm, four_cores, gemm, machine, small

from sim.config.architecture import Architecture
from sim.core.errors import InconsistencyError, InputError
from sim.run.machine import Machine
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder

KINDS = {
    "none": "", "bus": "kind: bus", "crossbar": "kind: crossbar", "mesh": "kind: fabric, topology: mesh, dims: [3, 2]",
}  # fmt: skip


def four(link: str, reduction: str, mapping: str = "{}", pad: str = "32 KiB") -> Architecture:
    return four_cores(KINDS[link], pad=pad, policy=f"{{multicast: true, reduction: {reduction}, mapping: {mapping}}}")


def counted(record: RunRecord, kind: str, name: str) -> int:
    return sum(counts.get(name, 0) for one in record.components if one.kind == kind for counts in one.actions.values())


def between_cores(record: RunRecord) -> int:
    return sum(one["bytes"] for one in record.traffic if one["source"] == one["destination"] == "chip.core.pad")


@pytest.mark.parametrize("link", sorted(KINDS))
@pytest.mark.parametrize(
    ("reduction", "along_k", "along_n"), [("chain", 4, 1), ("tree", 4, 1), ("tree", 3, 1), ("chain", 2, 2)]
)
def test_bytes_between_cores_and_additions_are_the_closed_form(
    link: str, reduction: str, along_k: int, along_n: int
) -> None:
    """24 x 64 results of 4 bytes, once per part of K but the owner's; operands and results move as without a split."""
    pin = f'{{"*": {{cores: {{k: {along_k}, n: {along_n}}}, tile: {{m: 8, n: 32, k: 70}}, order: bmnk}}}}'
    found = run_trace(gemm(24, 64, 400), four(link, reduction, pin))
    sent = (along_k - 1) * 24 * 64
    assert found.operators[0].mapping[0]["split"]["k"] == along_k
    assert between_cores(found) == 4 * sent
    assert counted(found, "vector_unit", "op_add") == sent
    assert counted(found, "dram", "write_bytes") == 24 * 64
    moved = sum(one["bytes"] for one in found.traffic)
    if link == "crossbar":  # no two messages share a way there, except those of a multicast
        saved = moved - counted(found, "crossbar", "bytes")
        assert 0 <= saved <= 24 * 400 * (along_n - 1)


def test_one_block_on_two_cores_takes_its_compute_a_message_and_an_addition() -> None:
    """To the picosecond, at 1 GHz: 256 bytes of sums pass scratchpads of 64 KiB a cycle, then 64 additions on 8 lanes."""

    def one_block(k: int, split: str) -> int:
        pins = f'{{"*": {{cores: {{{split}}}, tile: {{m: 8, n: 8, k: 64}}}}}}'
        arch = small(cores=2, rows=8, cols=8, lanes=8, bandwidth="64 TB/s", policy="reduction: chain", pins=pins)
        return run_trace(gemm(8, 8, k), arch).elapsed_ps

    assert one_block(128, "k: 2") == one_block(64, "m: 1") + NS + 64 // 8 * NS


@pytest.mark.parametrize("reduction", ["chain", "tree"])
def test_the_mapper_splits_k_where_results_are_too_few_for_the_cores(reduction: str) -> None:
    alone, split = (run_trace(gemm(8, 8, 4096), four("crossbar", one)) for one in ("none", reduction))
    assert split.operators[0].mapping[0]["split"]["k"] == 4
    assert split.elapsed_ps < 0.9 * alone.elapsed_ps
    for shape in ((256, 256, 64), (1, 3001, 96)):  # enough results; as good either way, bound by its weights
        assert "k" not in run_trace(gemm(*shape), four("crossbar", reduction)).operators[0].mapping[0]["split"]


@settings(max_examples=8, deadline=None)
@given(
    shapes=st.lists(st.tuples(*(st.integers(1, 30) for _ in range(2)), st.integers(16, 100)), min_size=2, max_size=3),
    splits=st.lists(st.sampled_from(["k: 4", "k: 2, n: 2", "k: 3", "m: 2, k: 2", "n: 4"]), min_size=4, max_size=4),
    pad=st.sampled_from(["2 KiB", "3 KiB", "32 KiB"]),
    reduction=st.sampled_from(["chain", "tree"]),
)
def test_products_side_by_side_always_end_and_conserve(
    shapes: list[tuple[int, int, int]], splits: list[str], pad: str, reduction: str
) -> None:
    """Independent products in small scratchpads: whoever waits for whom, nobody waits for ever (else a deadlock report)."""
    b = TraceBuilder("several", dtype="int8")
    outputs = [
        add_gemm(b, f"g{place}", b.activation(f"x{place}", (m, k)), m, n, k) for place, (m, n, k) in enumerate(shapes)
    ]
    pins = ", ".join(f'"g{place}": {{cores: {{{split}}}}}' for place, split in enumerate(splits))
    found = run_trace(b.build(outputs=outputs), four("mesh", reduction, f"{{{pins}}}", pad))
    parts = [-(-k // -(-k // int(split.split("k: ")[1][0]))) if "k:" in split else 1
             for (_, _, k), split in zip(shapes, splits, strict=False)]  # fmt: skip
    assert between_cores(found) == sum(4 * m * n * (part - 1) for (m, n, _), part in zip(shapes, parts, strict=True))


def test_sums_that_are_counted_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Machine.pass_on

    def twice(self: Machine, *arguments: Any) -> None:
        (link,) = self.links
        self.links[link].count(-1, "bytes", 1)
        once(self, *arguments)

    monkeypatch.setattr(Machine, "pass_on", twice)
    with pytest.raises(InconsistencyError, match="moved over it"):
        run_trace(gemm(8, 8, 256), four("crossbar", "chain", '{"*": {cores: {k: 4}}}'))


def test_k_is_not_split_where_sums_cannot_travel() -> None:
    with pytest.raises(InputError, match=r"policy\.reduction is none"):
        run_trace(gemm(8, 8, 256), four("crossbar", "none", '{"*": {cores: {k: 4}}}'))
    apart = machine("""
        name: apart
        clocks: {core: 1 GHz}
        chip:
          core:
            count: 2
            vector: {kind: vector_unit, lanes: 8, clock: core}
            pad: {kind: scratchpad, capacity: 1 MiB, width: 64 B, clock: core}
            links: [{kind: crossbar, connects: [pad, chip.dram], width: 16 B, clock: core}]
          dram: {kind: dram, bandwidth: 64 GB/s, capacity: 1 GiB}
        policy: {reduction: tree}
    """)
    with pytest.raises(InputError, match="no link joins the scratchpads"):
        run_trace(gemm(8, 8, 256), apart)
