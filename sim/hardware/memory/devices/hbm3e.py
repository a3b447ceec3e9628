"""HBM3E (JESD238A and vendors' announcements): HBM3's organisation at 8 to 9.6 Gb/s a pin."""

from __future__ import annotations

from sim.hardware.memory.devices import hbm3
from sim.hardware.memory.devices.device import scaled

_BASE = hbm3.DEVICES[0]

DEVICES = (
    scaled(_BASE, "HBM3E_8000", 8000, "HBM3E at 8.0 Gb/s (1.0 TB/s a stack)", family="HBM3E"),
    scaled(_BASE, "HBM3E_9600", 9600, "HBM3E at 9.6 Gb/s (1.2 TB/s a stack)", family="HBM3E"),
)
