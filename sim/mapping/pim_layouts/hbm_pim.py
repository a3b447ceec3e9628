"""How matrices and vectors lie in the banks for HBM-PIM, and the passes over them: GEMV, ADD, MUL and RELU.

Weights: a unit of two banks computes 8 results at a time, so channels x units x 8 rows of the matrix are a pass; their
columns alternate between the unit's even and odd bank, 128 of them a tile. Every result comes back as 16 partial sums, which
the host adds up. Vectors are one after another. Element-wise: operands spread over all banks alike. Source: Lee et al., ISCA
2021, whose kernels take weights; keys and values, which grow by a token at a time, stay with the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from sim.core.arith import ceil_div
from sim.hardware.pim.command_sets.hbm_pim import REGISTER_FILE
from sim.hardware.pim.pim_units import Pass, PimModel
from sim.hardware.pim.programs.hbm_pim_kernels import SQUARE
from sim.hardware.pim.programs.hbm_pim_passes import elementwise, gemv, outputs_per_pass
from sim.mapping.pim_layout import KEPT, WORD_BYTES, pim_layouts

RESERVED = 4
"""Rows at the top of a bank that stand for registers and modes, and the one that is read to park."""


@pim_layouts.register("hbm_pim")
class HbmPimLayout:
    """Passes on the units of one tier."""

    takes_caches = False
    functions: Mapping[str, str] = MappingProxyType({"add": "ADD", "mul": "MUL", "relu": "RELU"})

    def __init__(self, model: PimModel) -> None:
        self._model = model
        self._device = model.device
        self.outputs_per_tile = outputs_per_pass(model.device)

    def unfit(self, outputs: int, inputs: int) -> str:
        """Why a matrix of so many outputs and inputs does not fit the banks; "" when it does."""
        device = self._device
        tiles = ceil_div(inputs, device.lanes * REGISTER_FILE)
        passes = ceil_div(outputs, self.outputs_per_tile * self._model.channels)
        columns = passes * (ceil_div(tiles, 2) * SQUARE + REGISTER_FILE)
        most = (device.dram.rows - RESERVED) * device.columns
        return "" if columns <= most else f"the matrix takes {columns} columns of each bank, which has {most}"

    def host_sums(self, outputs: int, inputs: int) -> int:
        """Additions that a vector's results leave to the host."""
        return outputs * (self._device.lanes - 1)

    @lru_cache(maxsize=KEPT)  # noqa: B019 (a layout lives as long as its planner)
    def product(self, outputs: int, inputs: int, vectors: int) -> tuple[Pass, ...]:
        """One channel's share of matrix-vector products: a kernel with all its passes."""
        results = outputs * vectors * self._device.lanes * WORD_BYTES
        return (Pass(gemv(self._device, outputs, inputs, vectors), outputs * inputs * vectors, results),)

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def elementwise(self, function: str, elements: int) -> tuple[Pass, ...]:
        """One channel's share of an element-wise kernel, whose results stay in the banks."""
        return (Pass(elementwise(self._device, self.functions[function], elements), 0, 0),)

    def weight_ps(self, passes: Sequence[Pass]) -> int:
        """Predicted time of passes one after another."""
        return sum(self._model.alone_ps(one) for one in passes)
