"""How a command set does the two things the mapper asks for: load a piece of a vector, and multiply a tile with it.

A *tile* is one row of every bank of a channel; the mapper says what lies in it. One class a command set, registered under
the set's name.
"""

from __future__ import annotations

from typing import Protocol

from sim.core.registry import Registry
from sim.hardware.pim.macro import Macro
from sim.hardware.pim.pim_device import PimDevice


class PimProgram(Protocol):
    """Macro-commands of a command set."""

    @staticmethod
    def tile(device: PimDevice, macs: tuple[int, ...], vector_columns: int, vectors: int) -> Macro:
        """Multiply one row of all banks: for each entry of ``macs`` that many column multiplies, then a result read.

        ``vector_columns``: columns of vectors to put into the channel's buffer first (0: they are there); ``vectors``: how
        many a column is multiplied with at once.
        """
        ...


pim_programs: Registry[type[PimProgram]] = Registry("pim_programs", "PIM program")
