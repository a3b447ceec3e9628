"""`placement: interleave`: every tensor in equal parts in all copies of a memory, so one operator has all of them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from machines import gemm, machine
from rich.console import Console

import sim
from sim.config.architecture import Architecture
from sim.core.errors import InputError
from sim.hardware.layout import Layout
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.tier import Where
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.interleave import Interleave
from sim.run.jobs import Job, ListedJobs
from sim.run.simulate import run_jobs, run_trace

WEIGHTS = 1024 * 4096


def four(placement: str, more: str = "", capacity: str = "8 MiB") -> Architecture:
    """Two cores on a mesh with a memory of 4 GB/s at each corner; the links have 64."""
    return machine(f"""
        name: four
        clocks: {{core: 1 GHz}}
        chip:
          core:
            count: 2
            array: {{kind: systolic_array, rows: 32, cols: 32, types: {{int8: 1}}, clock: core}}
            pad: {{kind: scratchpad, capacity: 1 MiB, banks: 4, width: 64 B, clock: core}}
          hbm: {{count: 4, kind: dram, bandwidth: 4 GB/s, capacity: {capacity}}}
          links:
            - {{kind: fabric, topology: mesh, dims: [3, 2], connects: [core.pad, hbm], width: 64 B, clock: core}}
        policy: {{placement: {placement}{more}}}
    """)


def moved(trace_of: str) -> list[int]:
    record = run_trace(gemm(8, 4096, 1024), four(trace_of))
    return [sum(n for counts in one.actions.values() for name, n in counts.items() if name.endswith("_bytes"))
            for one in record.components if one.kind == "dram"]  # fmt: skip


def test_every_copy_moves_its_quarter_and_the_product_takes_a_quarter_of_the_time() -> None:
    """Bound by 4 MiB of weights: at 4 GB/s one memory needs 1048.6 us for them, four of them 262.1 us."""
    whole, cut = (run_trace(gemm(8, 4096, 1024), four(one)).elapsed_ps for one in ("by_lifetime", "interleave"))
    assert whole == pytest.approx(WEIGHTS / 4e9 * 1e12, rel=0.03)
    assert cut == pytest.approx(WEIGHTS / 16e9 * 1e12, rel=0.05)
    alone, each = moved("by_lifetime"), moved("interleave")
    assert sum(each) == sum(alone) and alone[1:] == [0, 0, 0]
    assert max(each) - min(each) < 0.001 * sum(each)


def test_the_load_of_every_controller_is_reported() -> None:
    found = sim.simulate(gemm(8, 4096, 1024), four("spread"))
    rows = found.components["chip.hbm"]["controllers"]
    assert list(rows) == [f"chip.hbm[{copy}]" for copy in range(4)]
    assert [one["read_bytes"] + one["written_bytes"] for one in rows.values()] == moved("spread")
    out = StringIO()
    found.show(Console(file=out, width=160))
    assert "hbm: its 4 copies moved" in out.getvalue()


def test_capacity_is_that_of_all_copies_and_all_of_it_comes_back() -> None:
    """4 MiB of weights in copies of 1.25 MiB: no single one has room; two jobs after each other both find it."""
    small = four("interleave", capacity="1280 KiB")
    jobs = [Job(gemm(8, 4096, 1024), name) for name in ("first", "second")]
    assert run_jobs(ListedJobs(jobs), small).elapsed_ps > 0
    with pytest.raises(InputError, match="needs"):
        run_trace(gemm(8, 4096, 1024), four("by_lifetime", capacity="1280 KiB"))
    layout, trace = Layout(small), gemm(8, 4096, 1024)
    arenas = [Arena(tier.capacity) for tier in layout.tiers]
    placement = Interleave(layout, trace, arenas)
    placement.close()
    assert [arena.used for arena in arenas] == [0, 0, 0, 0]


def test_copies_between_tiers_do_not_go_with_it() -> None:
    layout = Layout(four("interleave", ", residency: lru"))
    with pytest.raises(InputError, match="nothing copies them between tiers"):
        Interleave(layout, gemm(8, 64, 64), [Arena(tier.capacity) for tier in layout.tiers])


def test_every_copy_is_asked_at_the_same_addresses_within_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[tuple[int, Where]]] = {}
    access = Dram.access

    def watched(self: Dram, stream: Any, read: int, write: int, *rest: Any, at: Where) -> None:
        asked.setdefault(self.path, []).append((read + write, at))
        access(self, stream, read, write, *rest, at=at)

    monkeypatch.setattr(Dram, "access", watched)
    run_trace(gemm(8, 4096, 1024), four("interleave"))
    first, *others = asked.values()
    assert len(others) == 3 and all(sorted(one) == sorted(first) for one in others)
    share = (8 * 1024 + WEIGHTS + 8 * 4096) // 4
    assert max(at.address + size for size, at in first if not at.row_bytes) <= share
    assert max(at.address for _, at in first) < share
