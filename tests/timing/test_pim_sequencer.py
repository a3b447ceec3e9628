"""Runs in closed form, refresh, modes and bad input of PIM programs."""

from __future__ import annotations

import pytest

from sim.core.errors import InconsistencyError, InputError
from sim.hardware.pim.barrier_controller import BarrierController
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.programs.aim_gemv import aim_gemv
from sim.hardware.pim.programs.aim_program import parse_aim, run_aim
from sim.hardware.pim.programs.hbm_pim_kernels import Kernel, hbm_pim_kernel
from sim.hardware.pim.sequencer import Sequencer, Step

AIM, HBM = PIM_DEVICES["GDDR6_AiM"], PIM_DEVICES["HBM2_PIM"]
AIM_SET, HBM_SET = command_set_of("aim", AIM), command_set_of("hbm_pim", HBM)


@pytest.mark.parametrize("refresh", [False, True])
def test_a_run_is_its_commands_one_by_one(refresh: bool) -> None:
    whole, single = (Sequencer(AIM_SET, AIM, refresh=refresh) for _ in range(2))
    for row in range(40):
        whole.run(Step("MAC16", 64, row))
        last = [single.run(Step("MAC16", 1, row)) for _ in range(64)][-1]
        assert whole.timeline.log[-1].cycle + 2 * (whole.timeline.log[-1].times - 1) == last
    assert whole.timeline.counts == single.timeline.counts
    assert (whole.timeline.counts["REFAB"] > 0) == refresh


def test_refresh_comes_on_time_costs_time_and_stays_legal() -> None:
    program = list(aim_gemv(AIM, 4096, 4096, 32, "os"))
    without = run_aim(AIM_SET, AIM, program)
    outcome = run_aim(AIM_SET, AIM, program, refresh=True, keep_log=True)
    assert outcome.timeline.counts["REFAB"] == outcome.cycles // 3333
    assert outcome.cycles > without.cycles
    assert check_log(AIM_SET, AIM, outcome.timeline.log) == []


def test_mac_never_beats_the_internal_bandwidth() -> None:
    outcome = run_aim(AIM_SET, AIM, aim_gemv(AIM, 12288, 4096, 32, "is"))
    assert outcome.cycles > outcome.timeline.counts["MAC16"] * 2
    assert outcome.timeline.actions()["pim_mac"] == outcome.timeline.counts["MAC16"] * 16


def test_fewer_rows_than_a_pass_cost_a_whole_pass() -> None:
    assert _hbm(Kernel("GEMV", 1024, 1024)) == _hbm(Kernel("GEMV", 4096, 1024)) < _hbm(Kernel("GEMV", 4097, 1024))
    assert _hbm(Kernel("ADD", 1 << 20)) == _hbm(Kernel("MUL", 1 << 20))


def _hbm(kernel: Kernel) -> int:
    return BarrierController(HBM_SET, HBM, keep_log=False).run(hbm_pim_kernel(HBM, kernel))


def test_a_transaction_in_the_wrong_mode_is_caught() -> None:
    with pytest.raises(InconsistencyError, match="mode sb"):
        BarrierController(HBM_SET, HBM).run([[Step("RD_PIM", 1, 0, 0)]])


def test_bad_input_is_told_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        aim_gemv(AIM, 0, 0, 32, "sideways")
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="does not fit"):
        aim_gemv(AIM, 1 << 20, 1 << 20, 1, "os")
    with pytest.raises(InputError, match="did you mean 'GEMV'"):
        hbm_pim_kernel(HBM, Kernel("GEMW", 1))
    with pytest.raises(InputError, match="does not fit"):
        hbm_pim_kernel(HBM, Kernel("GEMV", 1 << 16, 1 << 20))
    with pytest.raises(InputError, match="operands overlap"):
        hbm_pim_kernel(HBM, Kernel("ADD", 1 << 30))
    with pytest.raises(InputError, match="does not have this PIM command set"):
        command_set_of("aim", HBM)
    with pytest.raises(InputError) as caught:
        parse_aim("AiM MAC_ABC 1 2 3; AiM WR_GB 1")
    assert len(caught.value.problems) == 2
