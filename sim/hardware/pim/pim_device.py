"""A DRAM device with processing units: a row of the device library plus the timings only PIM commands use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.hardware.memory.devices.device import Device


@dataclass(frozen=True)
class PimDevice:
    """``dram``: organisation and JEDEC timings; ``timing``: further timings in the same clock, by name.

    PIM commands work on the first ``pim_ranks`` ranks of a channel. ``units``: processing units there; ``lanes``:
    multiply-accumulates of a unit per PIM command (16-bit words).
    """

    dram: Device
    command_sets: tuple[str, ...]
    units: int
    lanes: int
    source: str
    timing: Mapping[str, int] = field(default_factory=dict, hash=False)
    pim_ranks: int = 1

    @property
    def name(self) -> str:
        return self.dram.name

    @property
    def banks(self) -> int:
        """Banks of one channel that PIM commands reach."""
        return self.pim_ranks * self.dram.bankgroups * self.dram.banks_per_group

    @property
    def row_words(self) -> int:
        """16-bit words in a row."""
        return self.dram.row_bytes // 2

    @property
    def first_refresh(self) -> int:
        """The cycle at which the PIM ranks first fall due for refresh: ranks take turns within tREFI."""
        return self.dram.timing["tREFI"] * self.pim_ranks // self.dram.ranks

    @property
    def columns(self) -> int:
        """Column accesses in a row."""
        return self.dram.row_bytes // self.dram.burst_bytes

    def cycles(self) -> dict[str, int]:
        """All timings by name, with ``burst`` for the clocks of one column access on the data bus."""
        named = {**self.dram.timing, **self.timing, "burst": self.dram.burst_clocks}
        named.setdefault("tRC", named["tRAS"] + named["tRP"])
        return named
