"""Macro-commands of ``newton`` and ``neupims``: a vector row is copied to the buffer, then columns are multiplied."""

from __future__ import annotations

from sim.hardware.pim.macro import Macro
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.pim_attention import Tile, tile_steps
from sim.hardware.pim.programs.program import pim_programs


@pim_programs.register("neupims")
@pim_programs.register("newton")
class NewtonProgram:
    """See the module docstring; GWRITE copies a whole row whatever part of it is used."""

    @staticmethod
    def tile(device: PimDevice, macs: tuple[int, ...], vector_columns: int, vectors: int) -> Macro:
        """As in :class:`~sim.hardware.pim.programs.program.PimProgram`."""
        return tuple(tile_steps(device, Tile(0, macs, 0 if vector_columns else None)))
