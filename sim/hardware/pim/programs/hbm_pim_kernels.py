"""Kernels on HBM-PIM as real transactions: mode switches, instruction load, operands, operations, results.

All channels run the same transactions on their own data, so one stands for all. Shape of the kernels: Lee et al., ISCA
2021 and the runtime of the HBM-PIM simulator (commit b464dde): rows of all banks are closed by reading a reserved row
("parking") before and after; an operation works on as many vectors as a register file has, then a barrier follows.

GEMV: a unit accumulates one matrix row per vector of GRF_B (16 partial sums, added up by the host), so a pass gives
channels x units x 8 results. The input comes in tiles of 8 vectors, written to GRF_A; a tile costs 8 x 8 operations.
Even tiles lie in even banks and go first, odd ones in odd banks. Batches run one after another.

ADD, MUL, RELU: a tile is 8 vectors of every bank; operand rows are loaded, combined and stored, per parity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.core.errors import Problems
from sim.hardware.pim.command_sets.hbm_pim import CRF_WORDS_PER_WRITE, REGISTER_FILE
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Step

EVEN, ODD = 0, 1
MICROKERNELS = {
    "GEMV": ("MAC even", "JUMP", "MAC odd", "JUMP", "NOP", "EXIT"),
    "ADD": ("FILL even", "ADD even", "NOP", "FILL odd", "ADD odd", "NOP", "JUMP", "EXIT"),
    "MUL": ("FILL even", "MUL even", "NOP", "FILL odd", "MUL odd", "NOP", "JUMP", "EXIT"),
    "RELU": ("FILL even", "NOP", "FILL odd", "NOP", "JUMP", "EXIT"),
}
"""Instructions in the CRF; their number decides how many writes load them."""
KERNELS = tuple(MICROKERNELS)
OPERAND_ROWS = 128
"""Rows between the operands of an element-wise kernel."""
SQUARE = REGISTER_FILE * REGISTER_FILE
"""Operations of a GEMV tile: every vector of the input with every result."""


@dataclass(frozen=True)
class Kernel:
    """``rows`` x ``columns`` matrix for GEMV (``batch`` vectors); ``rows`` elements otherwise."""

    name: str
    rows: int
    columns: int = 1
    batch: int = 1


@dataclass(frozen=True)
class _Rows:
    """Reserved rows at the top of a bank; which ones does not matter to the timing."""

    registers: int
    single_bank: int
    all_bank: int
    park: int


def hbm_pim_kernel(device: PimDevice, kernel: Kernel) -> Iterator[list[Step]]:
    """The groups of transactions of ``kernel`` on one channel; raises InputError for one that does not fit."""
    _check(device, kernel)
    return _kernel(device, kernel, reserved_rows(device))


def _check(device: PimDevice, kernel: Kernel) -> None:
    problems = Problems()
    if kernel.name not in MICROKERNELS:
        problems.add("unknown HBM-PIM kernel", found=kernel.name, allowed=KERNELS, suggest_for=kernel.name)
    for what, value in (("rows", kernel.rows), ("columns", kernel.columns), ("batch", kernel.batch)):
        if value < 1:
            problems.add(f"{kernel.name}: {what} must be positive", found=value)
    problems.raise_if_any()
    if kernel.name == "GEMV":
        rows = (_passes(device, kernel) * (_tiles(device, kernel) // 2 + 1)) * SQUARE
        most = (device.dram.rows - 4) * device.columns
        if rows > most:
            problems.add("GEMV: the matrix does not fit in a bank", found=f"{rows} columns", allowed=f"{most}")
    else:
        vectors = _elementwise_tiles(device, kernel) * REGISTER_FILE
        if vectors > OPERAND_ROWS * device.columns:
            most = OPERAND_ROWS * device.columns
            problems.add(f"{kernel.name}: operands overlap", found=f"{vectors} columns", allowed=f"{most}")
    problems.raise_if_any()


def _passes(device: PimDevice, kernel: Kernel) -> int:
    return -(-kernel.rows // (device.dram.channels * device.units * REGISTER_FILE))


def _tiles(device: PimDevice, kernel: Kernel) -> int:
    return -(-kernel.columns // (device.lanes * REGISTER_FILE))


def _elementwise_tiles(device: PimDevice, kernel: Kernel) -> int:
    return -(-kernel.rows // (device.lanes * REGISTER_FILE * device.banks * device.dram.channels))


def _kernel(device: PimDevice, kernel: Kernel, reserved: _Rows) -> Iterator[list[Step]]:
    yield from begin(device, kernel.name, reserved)
    if kernel.name == "GEMV":
        yield from _gemv(device, kernel, reserved)
    else:
        yield [Step("ENTER_PIM", 1, reserved.registers, EVEN)]
        for tile in range(_elementwise_tiles(device, kernel)):
            yield from elementwise_tile(kernel.name, tile * REGISTER_FILE // device.columns)
        yield [Step("EXIT_PIM", 1, reserved.registers, EVEN)]
    yield leave(reserved)
    yield park(device, reserved)


def reserved_rows(device: PimDevice) -> _Rows:
    """The rows at the top of a bank that stand for registers and modes, and the one that is read to park."""
    top = device.dram.rows
    return _Rows(top - 1, top - 2, top - 3, top - 4)


def begin(device: PimDevice, name: str, reserved: _Rows) -> Iterator[list[Step]]:
    """Into the all-bank mode, with the instructions of kernel ``name`` loaded."""
    yield park(device, reserved)
    leads = [0, 1, device.banks // 2, device.banks // 2 + 1]
    yield [Step("SET_HAB", 1, reserved.all_bank, bank) for bank in leads[:-1]] + [
        Step("ENTER_HAB", 1, reserved.all_bank, leads[-1])
    ]
    loads = -(-len(MICROKERNELS[name]) // CRF_WORDS_PER_WRITE)
    yield [Step("WR_HAB", 1, reserved.registers, ODD)] * loads


def leave(reserved: _Rows) -> list[Step]:
    """Back to the single-bank mode."""
    return [Step("SET_SB", 1, reserved.single_bank, EVEN), Step("EXIT_HAB", 1, reserved.single_bank, ODD)]


def park(device: PimDevice, reserved: _Rows) -> list[Step]:
    """One read of the parking row in every bank, bank groups in turn."""
    per_group = device.dram.banks_per_group
    banks = [group * per_group + bank for bank in range(per_group) for group in range(device.dram.bankgroups)]
    return [Step("RD", 1, reserved.park, bank) for bank in banks]


def _gemv(device: PimDevice, kernel: Kernel, reserved: _Rows) -> Iterator[list[Step]]:
    tiles, passes = _tiles(device, kernel), _passes(device, kernel)
    results = passes * tiles * SQUARE // 2
    for number in range(passes):
        for batch in range(kernel.batch):
            yield [Step("ENTER_PIM", 1, reserved.registers, EVEN)]
            for parity in (EVEN, ODD):
                for tile in range(parity, tiles, 2):
                    yield from gemv_tile(device, parity, SQUARE * (tile // 2 + number * tiles // 2), reserved)
            yield from gemv_results((results + (number + batch) * REGISTER_FILE) // device.columns, reserved)


def gemv_tile(device: PimDevice, parity: int, first: int, reserved: _Rows) -> Iterator[list[Step]]:
    """8 vectors of the input into GRF_A, then 8 x 8 operations on the columns of these banks from ``first`` on."""
    yield [Step("WR_GRF", 1, reserved.registers, ODD)] * REGISTER_FILE
    for column in range(first, first + SQUARE, REGISTER_FILE):
        yield [Step("RD_PIM", 1, column // device.columns, parity)] * REGISTER_FILE


def gemv_results(row: int, reserved: _Rows) -> Iterator[list[Step]]:
    """GRF_B into a row of the odd banks, and out of the units' mode."""
    yield [Step("WR_PIM", 1, row, ODD)] * REGISTER_FILE
    yield [Step("EXIT_PIM", 1, reserved.registers, EVEN)]


def elementwise_tile(name: str, row: int) -> Iterator[list[Step]]:
    """8 vectors of every bank: operands from ``row`` and the rows of the other operands, the result stored."""
    sources = 1 if name == "RELU" else 2
    for parity in (EVEN, ODD):
        for operand in range(sources):
            yield [Step("RD_PIM", 1, row + operand * OPERAND_ROWS, parity)] * REGISTER_FILE
        yield [Step("WR_PIM", 1, row + 2 * OPERAND_ROWS, parity)] * REGISTER_FILE
