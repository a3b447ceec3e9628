"""A matrix-vector product y[M] = W[M,K] x[K] on AiM, in the two orders of its loops.

Each bank of each channel holds one matrix row of a pass; a DRAM row holds a chunk of K. Order ``is`` keeps a chunk of
the input in the global buffer and runs all passes over it (partial sums go back and forth as bias and result); order
``os`` keeps the sums of a pass in the units and changes the buffer. What is in the buffer already is not sent again.
First the host writes the configuration register that makes the buffer the second operand (one host cycle).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from sim.core.errors import Problems
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.aim_program import AimInstruction

ORDERS = ("is", "os")


def aim_gemv(device: PimDevice, m: int, k: int, channels: int, order: str) -> Iterator[AimInstruction]:
    """The instructions of one channel; raises InputError for sizes that are not positive or too large."""
    problems = Problems()
    passes = -(-m // (channels * device.banks))
    chunks = -(-k // (device.columns * device.lanes))
    for name, value in (("M", m), ("K", k), ("channels", channels)):
        if value < 1:
            problems.add(f"GEMV: {name} must be positive", found=value)
    if order not in ORDERS:
        problems.add("GEMV: unknown order", found=order, allowed=ORDERS, suggest_for=order)
    if passes * chunks > device.dram.rows:
        problems.add(
            "GEMV: the matrix does not fit", found=f"{passes * chunks} rows a bank", allowed=f"{device.dram.rows}"
        )
    problems.raise_if_any()
    sizes = [-(-min(k - chunk * device.columns * device.lanes, device.columns * device.lanes) // device.lanes)
             for chunk in range(chunks)]  # fmt: skip
    body = _input_stationary(passes, sizes) if order == "is" else _output_stationary(passes, sizes)
    return chain([AimInstruction("WR_CFR")], body)


def _input_stationary(passes: int, sizes: list[int]) -> Iterator[AimInstruction]:
    for chunk, size in enumerate(sizes):
        yield AimInstruction("WR_GB", size)
        for number in range(passes):
            yield AimInstruction("WR_BIAS")
            yield AimInstruction("MAC_ABK", size, row=number * len(sizes) + chunk)
            yield AimInstruction("RD_MAC")


def _output_stationary(passes: int, sizes: list[int]) -> Iterator[AimInstruction]:
    if len(sizes) == 1:
        yield from _input_stationary(passes, sizes)
        return
    for number in range(passes):
        yield AimInstruction("WR_BIAS")
        for chunk, size in enumerate(sizes):
            yield AimInstruction("WR_GB", size)
            yield AimInstruction("MAC_ABK", size, row=number * len(sizes) + chunk)
        yield AimInstruction("RD_MAC")
