"""Cores that share an operand get it by one read and one message, on every kind of link, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from machines import four_cores, gemm

from sim.config.load import load_architecture
from sim.core.errors import InconsistencyError
from sim.hardware.noc.link import Link
from sim.run.record import RunRecord
from sim.run.simulate import run_trace

KINDS = {
    "bus": "kind: bus", "crossbar": "kind: crossbar", "mesh": "kind: fabric, topology: mesh, dims: [3, 2]",
    "flit": "kind: fabric, topology: mesh, dims: [3, 2], model: flit",
}  # fmt: skip


def run(link: str, multicast: bool, cores: str, m: int = 96, n: int = 64, k: int = 40) -> RunRecord:
    mapping = f'{{"*": {{cores: {cores}, tile: {{m: 16, n: 32, k: 40}}, order: bmnk}}}}'
    policy = f"{{multicast: {str(multicast).lower()}, mapping: {mapping}}}"
    return run_trace(gemm(m, n, k), four_cores(link, policy=policy))


def moved(record: RunRecord, kind: str, name: str) -> int:
    return sum(counts.get(name, 0) for one in record.components if one.kind == kind for counts in one.actions.values())


@pytest.mark.parametrize("link", sorted(KINDS))
@pytest.mark.parametrize(("along_m", "along_n"), [(4, 1), (1, 4), (2, 2)])
def test_shared_operands_are_read_once_and_the_cores_still_get_them_all(link: str, along_m: int, along_n: int) -> None:
    """A (96 x 40) comes in once per core along N, B (40 x 64) once per core along M and row of tiles there, all int8."""
    alone, shared = (run(KINDS[link], multicast, f"{{m: {along_m}, n: {along_n}}}") for multicast in (False, True))
    rows, columns = -(-96 // along_m // 16), -(-64 // along_n // 32)
    reloads = rows if columns > 1 else 1
    copies_a, copies_b = along_n, along_m
    assert moved(alone, "dram", "read_bytes") == 96 * 40 * copies_a + 40 * 64 * copies_b * reloads
    assert moved(shared, "dram", "read_bytes") == 96 * 40 + 40 * 64 * reloads
    assert shared.off_chip["read_bytes"] == 96 * 40 + 40 * 64 * reloads
    assert sum(one["bytes"] for one in shared.traffic) == sum(one["bytes"] for one in alone.traffic)
    assert moved(shared, "dram", "write_bytes") == moved(alone, "dram", "write_bytes")
    assert shared.elapsed_ps <= alone.elapsed_ps


@pytest.mark.parametrize("link", sorted(KINDS))
def test_shares_of_unequal_size_go_together_as_far_as_their_tiles_do(link: str) -> None:
    """Seven tiles along M over four cores: 2, 2, 2, 1. The last core loads B alone, in its own step."""
    shared = run(KINDS[link], True, "{m: 4}", m=112)
    alone = run(KINDS[link], False, "{m: 4}", m=112)
    assert moved(shared, "dram", "read_bytes") < moved(alone, "dram", "read_bytes")
    assert sum(one["bytes"] for one in shared.traffic) == sum(one["bytes"] for one in alone.traffic)


def test_a_message_that_a_link_carries_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Link.multicast

    def twice(self: Link, *arguments: Any) -> None:
        self.count(-1, "bytes", 1)
        once(self, *arguments)

    monkeypatch.setattr(Link, "multicast", twice)
    with pytest.raises(InconsistencyError, match="moved over it"):
        run(KINDS["crossbar"], True, "{m: 4}")


def test_on_the_mesh_preset_both_network_models_move_the_same_bytes_over_every_link_and_fewer_with_multicast() -> None:
    def flits(model: str, multicast: bool) -> dict[str, int]:
        changes = {"policy.multicast": multicast, "chip.links.0.model": model,
                   "policy.mapping": {"*": {"cores": {"m": 4, "n": 4}}}}  # fmt: skip
        record = run_trace(gemm(256, 256, 128), load_architecture("mesh_16core", changes))
        (noc,) = (one for one in record.components if one.kind == "fabric")
        counts = [(name, n) for ledger in noc.ledger.values() for name, n in ledger.items()]
        assert sum(n for name, n in counts if name == "flit_hops") * 64 == moved(record, "fabric", "hop_bytes")
        return {name: n for name, n in counts if name.startswith("flits ")}

    shared = flits("flit", True)
    assert shared == flits("packet", True)
    assert sum(shared.values()) == 9984
    assert sum(flits("flit", False).values()) == 15360
