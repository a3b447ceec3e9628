"""Memory devices by name: peak bandwidth per stack (or module) and burst size, with the source of each row.

Peak bandwidth = data rate x data pins / 8; the data rate and width are those of the JEDEC standard named in the row, so
the figure is arithmetic, not a measurement. Bank-level timing rows belong to the device library of the bank engine.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Device(NamedTuple):
    """``pins`` data pins at ``megatransfers`` MT/s; ``burst_bytes`` per access of one channel; ``latency_ns`` idle read."""

    megatransfers: int
    pins: int
    burst_bytes: int
    latency_ns: int
    source: str

    @property
    def bytes_per_s(self) -> Fraction:
        return Fraction(self.megatransfers * 10**6 * self.pins, 8)


_HBM2 = "JEDEC JESD235: 1024 data pins per stack, 32 B per burst (BL4 x 64 b pseudo channel)"
_IDLE = "idle latency tRCD + CL + burst at the standard's speed bin, rounded to 10 ns"

DEVICES: dict[str, Device] = {
    "HBM2_2000": Device(2000, 1024, 32, 30, f"{_HBM2}; {_IDLE}"),
    "HBM2_2400": Device(2400, 1024, 32, 30, f"{_HBM2}; {_IDLE}"),
    "HBM2E_3200": Device(3200, 1024, 32, 30, f"{_HBM2} (JESD235C speed grade); {_IDLE}"),
    "HBM3_6400": Device(6400, 1024, 64, 40, f"JEDEC JESD238: 1024 data pins per stack, BL8 x 32 b pseudo channels; {_IDLE}"),
    "DDR4_3200": Device(3200, 64, 64, 30, f"JEDEC JESD79-4: 64 data pins per module, BL8; {_IDLE}"),
    "DDR5_4800": Device(4800, 64, 64, 30, f"JEDEC JESD79-5: two 32 b subchannels per module, BL16; {_IDLE}"),
    "LPDDR4_4266": Device(4266, 32, 32, 40, f"JEDEC JESD209-4: two 16 b channels per package, BL16; {_IDLE}"),
    "LPDDR5_6400": Device(6400, 32, 32, 40, f"JEDEC JESD209-5: two 16 b channels per package, BL16; {_IDLE}"),
    "GDDR6_14000": Device(14000, 32, 32, 30, f"JEDEC JESD250: two 16 b channels per package, BL16; {_IDLE}"),
}
