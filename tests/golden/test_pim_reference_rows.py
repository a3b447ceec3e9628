"""PIM command streams against the shipped tables of two PIM simulators, and against closed forms of the AiM orders."""

from __future__ import annotations

import pytest

from sim.hardware.pim.barrier_controller import BarrierController
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.programs.aim_gemv import aim_gemv
from sim.hardware.pim.programs.aim_program import run_aim
from sim.hardware.pim.programs.hbm_pim_kernels import hbm_pim_kernel
from sim.hardware.pim.streaming import stream_cycles
from sim.validate.suite import DATA, run_suite
from sim.validate.suites.pim_hbm import PimHbmSuite, kernel_of
from sim.validate.table import read_table

AIM = PIM_DEVICES["GDDR6_AiM"]
HBM = PIM_DEVICES["HBM2_PIM"]


@pytest.mark.parametrize("suite", ["pim_aim_micro", "pim_aim_gemv"])
def test_every_aim_row_is_exact(suite: str) -> None:
    result = run_suite(suite)
    assert result.passed and result.rows == result.scored
    assert all(metric.exact == metric.rows > 0 for metric in result.metrics.values())


ROWS = read_table(DATA / "pim_hbm.csv", PimHbmSuite.columns)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.text('kernel')}-{row.integer('in_dim')}" for row in ROWS])
def test_hbm_pim_kernels_are_within_one_percent_and_legal(row) -> None:  # type: ignore[no-untyped-def]
    commands, kernel = command_set_of("hbm_pim", HBM), kernel_of(row)
    controller = BarrierController(commands, HBM)
    cycles = controller.run(hbm_pim_kernel(HBM, kernel))
    assert cycles == pytest.approx(row.integer("cycles_pim"), rel=0.01)
    assert stream_cycles(HBM.dram, kernel) == pytest.approx(row.integer("cycles_no_pim"), rel=0.03)
    assert check_log(commands, HBM, controller.timeline.log) == []


@pytest.mark.parametrize("order", ["is", "os"])
@pytest.mark.parametrize(("m", "k"), [(512, 1024), (512, 2048), (4096, 4096), (4096, 11008), (700, 1500)])
def test_aim_orders_follow_their_closed_forms(order: str, m: int, k: int) -> None:
    """The closed forms of the reference's traces: 158 + 2n a pass and chunk, and so on; the stream knows none of it."""
    passes = -(-m // 512)
    columns = [-(-min(1024, k - start) // 16) for start in range(0, k, 1024)]
    if order == "is" or len(columns) == 1:
        expected = 1 + sum(passes * (158 + 2 * n) + 2 * n for n in columns)
    else:
        expected = 1 + passes * (8 + sum(150 + 4 * n for n in columns))
    outcome = run_aim(command_set_of("aim", AIM), AIM, aim_gemv(AIM, m, k, 32, order), keep_log=True)
    assert outcome.cycles == expected
    assert check_log(command_set_of("aim", AIM), AIM, outcome.timeline.log) == []
