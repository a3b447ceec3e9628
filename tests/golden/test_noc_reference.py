"""The routed fabric against BookSim2 (tables with origin in sim/validate/data): the suites hold, row by row where exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.core.errors import InputError
from sim.validate.suite import run_suite

COLUMNS = (
    "topology,packet_size,num_vcs,vc_buf_size,routing_delay,vc_alloc_delay,sw_alloc_delay,st_final_delay,credit_delay,"
    "speculative,use_noc_latency,link_hops,lat_min"
)


def test_every_zero_load_row_is_exact_in_both_models() -> None:
    result = run_suite("noc_zero_load")

    assert (result.rows, result.scored, result.skipped) == (90, 90, {})
    assert {name: metric.exact for name, metric in result.metrics.items()} == {"flit_latency": 90, "packet_latency": 90}


def test_batches_hold_their_thresholds_and_deterministic_ones_are_exact() -> None:
    result = run_suite("noc_batch")

    assert (result.rows, result.scored, result.skipped) == (24, 24, {})
    assert result.passed, result.worst
    assert result.metrics["flit_deterministic"].exact == result.metrics["flit_deterministic"].rows == 16


@pytest.mark.slow
def test_curves_hold_their_thresholds() -> None:
    result = run_suite("noc_curves")

    assert (result.rows, result.scored) == (187, 119)
    assert result.passed, result.worst


def zero_load_cycles(links: int, flits: int, buffer: int, router: int, link: int, credit: int) -> int:
    """The closed form of the reference: (links + 1) routers, then the flits, in bursts of a buffer per credit loop."""
    bursts, rest = divmod(flits - 1, buffer)
    return (links + 1) * router + links * link + 3 + bursts * max(5 + credit, buffer) + rest


@pytest.mark.parametrize("flits", [1, 2, 7, 33])
@pytest.mark.parametrize(("buffer", "credit"), [(1, 0), (3, 2), (5, 1), (8, 8), (16, 2)])
def test_rows_that_no_table_holds_follow_the_closed_form(tmp_path: Path, flits: int, buffer: int, credit: int) -> None:
    lines = [COLUMNS]
    for links, routing, speculative in ((0, 0, 0), (3, 1, 0), (8, 3, 0), (5, 0, 1)):
        cycles = zero_load_cycles(links, flits, buffer, routing + 3 - speculative, 1, credit)
        lines.append(f"mesh6x5,{flits},4,{buffer},{routing},1,1,1,{credit},{speculative},0,{links},{cycles}")
    table = tmp_path / "rows.csv"
    table.write_text("\n".join(lines), encoding="utf-8")

    result = run_suite("noc_zero_load", table)

    assert result.passed, result.worst
    assert result.scored == 4


@pytest.mark.parametrize("name", ["moebius9", "mesh0x4", "fattree15"])
def test_a_network_nobody_knows_is_refused_at_its_place(tmp_path: Path, name: str) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(f"{COLUMNS}\n{name},1,4,8,0,1,1,1,2,0,0,0,6\n", encoding="utf-8")

    with pytest.raises(InputError) as refused:
        run_suite("noc_zero_load", table)
    assert name in str(refused.value)
    assert "rows.csv:2:1" in str(refused.value)
