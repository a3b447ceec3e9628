"""HBM2E (JESD235C/D): HBM2's organisation at 3.2 and 3.6 Gb/s a pin."""

from __future__ import annotations

from sim.hardware.memory.devices import hbm2
from sim.hardware.memory.devices.device import scaled

_BASE = next(device for device in hbm2.DEVICES if device.name == "HBM2_2000")

DEVICES = (
    scaled(_BASE, "HBM2E_3200", 3200, "JESD235C speed grade 3.2 Gb/s", family="HBM2E", currents={}),
    scaled(_BASE, "HBM2E_3600", 3600, "JESD235D speed grade 3.6 Gb/s", family="HBM2E", currents={}),
)
