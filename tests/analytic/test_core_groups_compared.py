"""Runs on other numbers of groups of cores are held together operator by operator."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from toy_cores import ROWS, WIDTH, chain, toy_cores

from sim import simulate
from sim.report.compare import compare
from sim.report.diff import diff
from sim.report.diff_text import show_difference
from sim.report.time_account import operator_accounts
from sim.report.whole_operators import whole_operators
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

PRODUCTS = 4


def layers() -> Trace:
    """One product in a block of four layers, through which cuts go."""
    builder = TraceBuilder("layers")
    x = builder.activation("x", (ROWS, WIDTH))
    with builder.repeat("layer", PRODUCTS, carry={x: "y"}):
        weight, result = builder.weight("w", (WIDTH, WIDTH)), builder.activation("y", (ROWS, WIDTH))
        builder.op("op", "gemm", {"m": ROWS, "n": WIDTH, "k": WIDTH}, {"a": x, "b": weight}, result)
    return builder.build([x])


def test_operators_match_whatever_group_executes_them(tmp_path: Path) -> None:
    machines = [toy_cores(tmp_path, core_groups=groups) for groups in (1, 2)]
    found = compare(chain(1, PRODUCTS), [replace(one, name=f"g{place}") for place, one in enumerate(machines)])
    data = found.to_dict()
    rows = data["operators"]
    assert [row["name"] for row in rows] == [f"op{number}" for number in range(PRODUCTS)]
    assert all(set(row["variants"]) == {"g0", "g1"} for row in rows)
    whole, groups = (one.result for one in found.variants)
    assert sum(row["variants"]["g1"]["time_ps"] for row in rows) < 1.2 * groups.time_ps
    change = diff(whole, groups)
    assert not change.trace and change.architecture == {"policy.core_groups": (1, 2)}
    assert {row["name"] for row in change.mapping} <= {row["name"] for row in change.operators}
    assert change.mapping and all(None not in row["time_ps"].values() for row in change.operators)
    lanes = [lane for one in groups.record.components if one.kind == "systolic_array" for lane in one.lanes]
    numbers = {one.name: number for number, one in enumerate(groups.record.operators)}
    for row in change.operators:  # the mean over the two cores of its group; the others never wait for it
        stalled = sum(sum(lane.stall_by.get(numbers[row["name"]], {}).values()) for lane in lanes)
        assert row["waited_ps"]["after"] == stalled // 2


def test_what_waits_at_a_boundary_takes_no_time(tmp_path: Path) -> None:
    found = simulate(chain(1, PRODUCTS), toy_cores(tmp_path))
    waits = [one for one in found.operators if one["kind"] == "recv"]
    assert waits and all(one["time_ps"] == one["cycles"] == 0 < one["span_ps"] for one in waits)


def test_a_layer_that_is_cut_is_added_up(tmp_path: Path) -> None:
    results = [simulate(layers(), toy_cores(tmp_path, core_groups=groups)) for groups in (1, 2)]
    whole, parts = ((*whole_operators(one).values(),) for one in results)
    assert len(whole) == len(parts) == 1 and len(parts[0].parts) == 2
    rows = [one for one in results[1].operators if one["name"] == parts[0].row["name"]]
    for name in ("count", "macs", "time_ps", "span_ps"):
        assert parts[0].row[name] == sum(one[name] for one in rows)
    assert whole[0].row["count"] == parts[0].row["count"] and whole[0].row["macs"] == parts[0].row["macs"]
    assert (
        min(one["utilization"] for one in rows)
        <= parts[0].row["utilization"]
        <= max(one["utilization"] for one in rows)
    )
    for moved in ("read", "written"):
        total = sum(one["bytes"]["chip.hbm"][moved] for one in rows)
        assert parts[0].row["bytes"]["chip.hbm"][moved] == total
    change = diff(*results)
    assert not change.trace
    own = [one.mapping[0] for one in results[1].record.operators if one.name == "op"]
    tiles = [one["tile"]["n"] for one in own]
    assert tiles[0] != tiles[1]  # the first group has its operands in memory, the second in its scratchpads
    assert change.mapping[0]["changes"]["tile.n"] == {"before": 128, "after": tiles}
    out = StringIO()
    show_difference(change, Console(file=out, width=160))
    assert f"tile.n 128 -> {tiles[0]} | {tiles[1]}" in out.getvalue()


def test_an_operators_time_is_accounted_over_its_own_group(tmp_path: Path) -> None:
    """On a group of one core of four its MACs fill most of its time, as its lane is busy and the others are not its own."""
    found = simulate(chain(4, PRODUCTS), toy_cores(tmp_path))
    accounts = operator_accounts(found.record)
    number = next(place for place, one in enumerate(found.operators) if one["name"] == "op1")
    busy = sum(duration for name, duration in accounts[number].terms_ps.items() if name != "waiting")
    assert busy / accounts[number].total_ps == pytest.approx(1, abs=0.2)
