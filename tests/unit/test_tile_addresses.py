"""Addresses of tiles: within their tensors as placed, the same bytes at the same place, rows apart in parts of columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from machines import add_gemm, machine, small

from sim.core.errors import InconsistencyError
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.tier import Access, Where
from sim.mapping.plan import RESULTS, Plan, TilePlace
from sim.run.addresses import Addresses
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.expand import Slice, TensorInstance
from sim.trace.model import Trace

KIB = 1024
Moved = list[tuple[int, int, int, Where, str]]
"""(operator, bytes read, bytes written, where, memory) of each transfer."""


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Moved:
    """Every transfer of the runs of a test."""
    found: Moved = []
    original: Callable[..., None] = Dram.access

    def access(self: Dram, stream: Any, read: int, write: int, activity: Any, *rest: Any, at: Where) -> None:
        found.append((activity.owner, read, write, at, self.path))
        original(self, stream, read, write, activity, *rest, at=at)

    monkeypatch.setattr(Dram, "access", access)
    return found


def gemms() -> Trace:
    b = TraceBuilder("two", dtype="int8")
    h = add_gemm(b, "first", b.activation("x", (64, 96)), 64, 80, 96)
    return b.build([add_gemm(b, "second", h, 64, 48, 80)])


def spans(moved: Moved, write: bool, owner: int) -> list[tuple[int, int]]:
    """(first byte, end) of the pieces moved for an operator, each once, in order."""
    found = set()
    for mine, read, written, at, _ in moved:
        size = written if write else read
        if mine == owner and size:
            row, step = (at.row_bytes, at.stride_bytes) if at.row_bytes else (size, size)
            found |= {(at.address + n * step, at.address + n * step + row) for n in range(size // row)}
    return sorted(found)


def covered(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pieces that touch joined."""
    joined: list[tuple[int, int]] = []
    for low, high in pieces:
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


PINS = "{first: {tile: {m: 16, n: 16, k: 32}, order: mn}, second: {tile: {m: 32, n: 8, k: 80}, order: nm}}"


@pytest.mark.parametrize("cores", [1, 3])
def test_tiles_cover_their_tensors_where_these_were_placed(moved: Moved, cores: int) -> None:
    """x, both weights and the result in backing memory; the tensor between them is read where it was written."""
    run_trace(gemms(), small(cores=cores, capacity="16 KiB", pins=PINS))
    reads, writes = [[covered(spans(moved, write, owner)) for owner in (0, 1)] for write in (False, True)]
    sizes = [sorted(high - low for low, high in found) for found in (*reads, *writes)]
    assert sum(sizes[0]) == 64 * 96 + 96 * 80 and sum(sizes[1]) == 64 * 80 + 80 * 48
    assert sizes[2:] == [[64 * 80], [64 * 48]]
    assert any(low <= writes[0][0][0] and writes[0][0][1] <= high for low, high in reads[1])


def test_a_part_of_the_columns_has_its_rows_apart_and_comes_back_to_the_same_place(moved: Moved) -> None:
    run_trace(gemms(), small(capacity="16 KiB", pins=PINS))
    a = [at for owner, read, _, at, _ in moved if owner == 0 and read and at.row_bytes]
    assert {(at.row_bytes, at.stride_bytes) for at in a} == {(32, 96)}
    assert len(a) == 4 * 3 * 5 and len({at.address for at in a}) == 4 * 3  # of each of five columns of tiles anew
    stores = [at for owner, _, written, at, _ in moved if owner == 0 and written]
    assert {(at.row_bytes, at.stride_bytes) for at in stores} == {(16, 80)} and len(set(stores)) == 4 * 5


ONE_MODULE = """
    name: one_module
    clocks: {core: 1 GHz}
    chip:
      vector: {kind: vector_unit, lanes: 64, clock: core}
      pad: {kind: scratchpad, capacity: 8 KiB, width: 64 B, clock: core, resident_share: 1/1000000000}
      dram: {kind: dram, device: DDR4_3200, capacity: 8 GiB}
"""


def added(gap: int) -> Trace:
    """c = a + b of 32 KB each: a row of one bank of each group. The bank of b lies ``gap`` bytes of banks further."""
    b = TraceBuilder("sum", dtype="int8")
    size = 32 * KIB
    for name, length in (("a", size), ("between", size + gap // 2)):  # each followed by as many bytes of results
        x, y = b.weight(name, (length,)), b.activation(f"{name}.out", (length,))
        b.op(f"use_{name}", "elementwise", {"elements": length}, {"x": x}, y, {"function": "relu"})
    other, c = b.weight("b", (size,)), b.activation("c", (size,))
    b.op("add", "elementwise", {"elements": size}, {"x": "a", "y": other}, c, {"function": "add"})
    return b.build([c])


def test_two_tensors_conflict_as_they_were_placed() -> None:
    """Tiles of a and b in turn: in two banks their rows stay open, in one bank each turn opens a row again."""
    opened = {}
    for gap in (0, 32 * KIB):
        record = run_trace(added(gap), machine(ONE_MODULE))
        dram = next(one for one in record.components if one.kind == "dram")
        opened[gap] = dram.actions[2]["activates"]
    assert opened[0] > 10 * opened[32 * KIB] > 0


def test_rows_shorter_than_a_burst_on_every_channel_spread_over_the_channels() -> None:
    """1024 rows of 128 B, 4 KB apart, on 16 channels of 32 B bursts, the channel lowest in the address, then bank groups.

    Each channel has a burst of every fourth row: 256 bursts, 32 bursts apart, so in one of four bank groups of each run of
    128 bursts, of which the rows span 64.
    """
    engine = BankModel(DEVICES["HBM2_2000"]).engine()
    engine.submit(0, Access("tile", False, 0, 128, 4 * KIB), 128 * KIB, "t")
    engine.advance(10**9)
    counts = engine.counts()
    assert counts["columns"] == 256 and counts["activates"] == pytest.approx(64, abs=4)


def tensor(name: str, size: int) -> Slice:
    return Slice(TensorInstance(name, (), "weight", "int8", size, size, True), size, size)


def norms(stripes: dict[int, tuple[int, ...]] | None = None, **tiers: int) -> Addresses:
    """Scale (96 B) and shift (32 B) of a norm as one operand; a region of two parts with results of 40 and 60 B."""
    operand, results = [tensor("scale", 96), tensor("shift", 32)], [[tensor("p", 40)], [tensor("q", 60)]]
    homes = {(name, ()): tiers.get(name, 0) for name in ("scale", "shift", "p", "q")}
    bases = {(name, ()): base for name, base in (("scale", 1000), ("shift", 3000), ("p", 5000), ("q", 7000))}
    return Addresses([operand], results, homes, bases, Plan("core", (), ()), stripes or {})


def test_of_an_operand_in_two_memories_a_tile_begins_at_its_share_of_each() -> None:
    """Four tiles of 32 B take 24 B of the one and 8 B of the other each, one behind the other."""
    addresses = norms(shift=1)
    found = [[addresses.where(0, tier, TilePlace(first)) for first in range(0, 128, 32)] for tier in (0, 1)]
    assert found == [[Where(1000 + n * 24) for n in range(4)], [Where(3000 + n * 8) for n in range(4)]]
    assert norms().where(0, 0, TilePlace(96, 4, 16)) == Where(3000, 4, 16)
    assert addresses.where(0, 2) is None


def test_of_tensors_cut_over_memories_a_tile_begins_at_its_share_of_each() -> None:
    cut = norms({0: (0, 3)})
    assert [cut.where(0, 3, TilePlace(first, 8, 32)) for first in (0, 64, 96, 120)] == [
        Where(address, 4, 16) for address in (1000, 1032, 3000, 3012)
    ]


def test_results_of_a_part_of_a_region_begin_in_their_own_tensor_wherever_those_of_others_lie() -> None:
    assert norms().where(RESULTS, 0, TilePlace(39, part=0)) == Where(5039)
    assert norms(q=1).where(RESULTS, 0, TilePlace(39, part=0)) == Where(5039)
    assert norms().where(RESULTS, 0, TilePlace(50)) == norms().where(RESULTS, 0, TilePlace(10, part=1)) == Where(7010)
    assert norms(q=1).where(RESULTS, 1, TilePlace(10, part=1)) == Where(7010)


def test_a_tile_past_the_end_of_its_operand_is_an_inconsistency() -> None:
    with pytest.raises(InconsistencyError, match="byte 128 of 128"):
        norms().where(0, 0, TilePlace(128))
    with pytest.raises(InconsistencyError, match="byte 40 of 40"):
        norms().where(RESULTS, 0, TilePlace(40, part=0))


def test_a_norm_whose_scale_and_shift_lie_in_two_memories_is_read_once_from_where_they_are(moved: Moved) -> None:
    """Tiles of 256 rows of 4 B: every byte that a memory gives is another one."""
    b = TraceBuilder("norm", dtype="int8")
    x, y = b.activation("x", (256, 4)), b.activation("y", (256, 4))
    operands = {"x": x, "weight": [b.weight("scale", (1024,)), b.weight("shift", (512,))]}
    b.op("norm", "layer_norm", {"rows": 256, "width": 4}, operands, y)
    two = ONE_MODULE.replace("8 GiB}", "8 GiB, count: 2}") + "    policy: {placement: spread}"
    run_trace(b.build([y]), machine(two))
    read = {path: sum(size for _, size, _, _, its in moved if its == path) for path in ("chip.dram[0]", "chip.dram[1]")}
    for path, size in read.items():
        pieces = sorted((at.address, at.address + size) for _, size, _, at, its in moved if its == path and size)
        assert len(pieces) >= 4 and sum(high - low for low, high in covered(pieces)) == size
    assert sum(read.values()) == 1024 + 1024 + 512 and min(read.values()) >= 512
