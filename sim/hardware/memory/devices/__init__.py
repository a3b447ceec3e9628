"""The device library: one module per family, each with a tuple ``DEVICES`` of rows.

To add a device, add a row to its family's file (or a file of the same shape for a new family, named in ``_FAMILIES``);
say in ``source`` where each figure comes from. ``tests/contract`` runs every row through the timing rules.
"""

from __future__ import annotations

from types import MappingProxyType

from sim.hardware.memory.devices import (
    ddr3,
    ddr4,
    ddr5,
    gddr6,
    hbm1,
    hbm2,
    hbm2e,
    hbm3,
    hbm3e,
    lpddr4,
    lpddr5,
    pim_dram,
)
from sim.hardware.memory.devices.device import Device

_FAMILIES = (hbm1, hbm2, hbm2e, hbm3, hbm3e, ddr3, ddr4, ddr5, lpddr4, lpddr5, gddr6, pim_dram)

DEVICES: MappingProxyType[str, Device] = MappingProxyType(
    {device.name: device for family in _FAMILIES for device in family.DEVICES}
)

__all__ = ["DEVICES", "Device"]
