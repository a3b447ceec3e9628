"""What the same memory needs without its processing units: streaming operands in and results out, sequentially.

Two ways: the closed form (the data bus busy at one column access per max(burst, tCCD_S), less the share of refresh), and
the bank engine itself on one channel, with its own controller policy. Leaves out everything a host does meanwhile.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices.device import Device
from sim.hardware.pim.programs.hbm_pim_kernels import Kernel

WORD_BYTES = 2


def operand_bytes(kernel: Kernel) -> tuple[int, int]:
    """(bytes read, bytes written) over all channels by a host that does the kernel itself."""
    if kernel.name == "GEMV":
        vectors = kernel.columns * kernel.batch
        return (kernel.rows * kernel.columns + vectors) * WORD_BYTES, kernel.rows * kernel.batch * WORD_BYTES
    operands = 1 if kernel.name == "RELU" else 2
    return operands * kernel.rows * WORD_BYTES, kernel.rows * WORD_BYTES


def accesses(device: Device, size_bytes: int) -> int:
    """Column accesses of one channel when the bytes are spread over all."""
    return -(-size_bytes // (device.burst_bytes * device.channels))


def stream_cycles(device: Device, kernel: Kernel) -> int:
    """Cycles by the closed form of bus and refresh."""
    timing = device.timing
    step = max(device.burst_clocks, timing["tCCD_S"])
    free = 1 - Fraction(timing["tRFC"], timing["tREFI"])
    return ceil(sum(accesses(device, size) for size in operand_bytes(kernel)) * step / free)


def stream_cycles_by_banks(device: Device, kernel: Kernel) -> int:
    """Cycles of the bank engine: one channel reads its share of the operands, then writes that of the results."""
    engine = BankEngine(device, channels=1)
    reads, writes = (accesses(device, size) for size in operand_bytes(kernel))
    addresses = np.arange(reads + writes, dtype=np.int64) * device.burst_bytes
    engine.run(addresses[:reads], np.zeros(reads, dtype=np.bool_))
    return engine.run(addresses[reads:], np.ones(writes, dtype=np.bool_)).finish_cycle
