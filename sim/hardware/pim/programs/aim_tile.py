"""Macro-commands of ``aim`` for whole runs: a vector is written to the global buffer, then rows are multiplied with it.

The sums of a result start from a written zero and are read when its columns are done; one read brings those of all banks.
The order of loops is ``is`` of :mod:`sim.hardware.pim.programs.aim_gemv`: a chunk of the vector stays in the buffer.
"""

from __future__ import annotations

from sim.hardware.pim.macro import Macro
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.sequencer import Step


@pim_programs.register("aim")
class AimTile:
    """See the module docstring."""

    @staticmethod
    def tile(device: PimDevice, macs: tuple[int, ...], vector_columns: int, vectors: int) -> Macro:
        """As in :class:`~sim.hardware.pim.programs.program.PimProgram`."""
        steps = [Step("WRGB", vector_columns)] if vector_columns else []
        for columns in macs:
            steps += [Step("WRMAC16"), Step("MAC16", columns), Step("RDMAC16")]
        return tuple(steps)
