"""HBM-PIM's kernels as macro-commands of whole runs: the transactions of :mod:`sim.hardware.pim.programs.hbm_pim_kernels`.

A pass is one kernel on one channel: into the all-bank mode, instructions loaded, the kernel, back to the single-bank mode,
and, for GEMV, the host's reads of the results, 16 partial sums to a column. The reference's controller closes rows that the
next transactions do not want; here the rows of one parity are closed behind the first transactions on the other. Left out:
what else that controller does out of order, and that a row may be found open from the macro-command before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from sim.core.arith import ceil_div
from sim.hardware.pim.command_sets.hbm_pim import REGISTER_FILE
from sim.hardware.pim.macro import Macro, Program
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.hbm_pim_kernels import (
    EVEN,
    ODD,
    begin,
    elementwise_tile,
    gemv_results,
    gemv_tile,
    leave,
    park,
    reserved_rows,
)
from sim.hardware.pim.sequencer import Step


def outputs_per_pass(device: PimDevice) -> int:
    """Results of a channel in one pass over the input."""
    return device.units * REGISTER_FILE


def gemv(device: PimDevice, outputs: int, inputs: int, vectors: int) -> Program:
    """``outputs`` of this channel from ``inputs``, for ``vectors`` one after another."""
    reserved = reserved_rows(device)
    tiles = ceil_div(inputs, device.lanes * REGISTER_FILE)
    passes = ceil_div(outputs, outputs_per_pass(device))
    enter = (Step("ENTER_PIM", 1, reserved.registers, EVEN),)
    even, odd = (_closing(gemv_tile(device, parity, 0, reserved)) for parity in (EVEN, ODD))
    results = _macro(gemv_results(0, reserved))
    once = [(enter, 1), (even, ceil_div(tiles, 2)), (odd, tiles // 2), (results, 1)]
    body = tuple((macro, times) for macro, times in once if times)
    ends = ((_macro([leave(reserved)]), 1), (_read(device, passes * vectors), 1), (_opening(park(device, reserved)), 1))
    return (*_begin(device, "GEMV"), *(body * (passes * vectors)), *ends)


def elementwise(device: PimDevice, kernel: str, elements: int) -> Program:
    """Kernel ADD, MUL or RELU over ``elements`` of this channel."""
    reserved = reserved_rows(device)
    tiles = ceil_div(elements, device.lanes * REGISTER_FILE * device.banks)
    enter, end = (Step(f"{way}_PIM", 1, reserved.registers, EVEN) for way in ("ENTER", "EXIT"))
    return (
        *_begin(device, kernel),
        ((enter,), 1),
        (_closing(elementwise_tile(kernel, 0)), tiles),
        ((end,), 1),
        (_macro([leave(reserved)]), 1),
        (_opening(park(device, reserved)), 1),
    )


def _begin(device: PimDevice, kernel: str) -> Program:
    parked, *rest = begin(device, kernel, reserved_rows(device))
    return ((_opening(parked), 1), (_macro(rest), 1))


def _read(device: PimDevice, times: int) -> Macro:
    """The host reads the results of a pass from the odd bank of every unit, ``times`` over."""
    return _opening([Step("RD", REGISTER_FILE * times, 0, bank) for bank in range(1, device.banks, 2)])


def _opening(reads: Sequence[Step]) -> Macro:
    """Reads of several banks, whose rows are opened one after another first."""
    return (*(Step("ACT", 1, step.row, step.target) for step in reads), *reads)


def _closing(groups: Iterable[Iterable[Step]]) -> Macro:
    """Transactions in order; behind the first group of one parity, the rows of the other are closed."""
    steps: list[Step] = []
    parity = -1
    for group in groups:
        found = _macro([group])
        steps += found
        if found[-1].target != parity:
            parity = found[-1].target
            steps.append(Step("PRE_HAB", 1, 0, EVEN if parity == ODD else ODD))
    return _macro([steps])


def _macro(groups: Iterable[Iterable[Step]]) -> Macro:
    """Transactions in order, equal ones in a row as one step."""
    steps: list[Step] = []
    for step in chain.from_iterable(groups):
        if steps and steps[-1]._replace(times=1) == step._replace(times=1):
            steps[-1] = step._replace(times=steps[-1].times + step.times)
        else:
            steps.append(step)
    return tuple(steps)
