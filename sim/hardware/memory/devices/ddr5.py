"""DDR5 (JESD79-5): a module of two 32-bit sub-channels, 8 bank groups."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.memory.devices.device import Device, scaled

_ROWS = (
    Device(
        name="DDR5_4800",
        family="DDR5",
        clock_hz=Fraction(2400 * 10**6),
        beats_per_clock=2,
        burst_length=16,
        channels=2,
        bus_bits=32,
        device_bits=8,
        ranks=1,
        bankgroups=8,
        banks_per_group=4,
        rows=65536,
        row_bytes=4096,
        mapping="rorabacobgch",
        timing={
            "CL": 34,
            "CWL": 32,
            "tRCDRD": 34,
            "tRCDWR": 34,
            "tRP": 34,
            "tRAS": 77,
            "tRC": 111,
            "tRRD_S": 8,
            "tRRD_L": 12,
            "tFAW": 48,
            "tCCD_S": 8,
            "tCCD_L": 12,
            "tCCD_L_WR": 48,
            "tWR": 72,
            "tWTR_S": 6,
            "tWTR_L": 24,
            "tRTP": 18,
            "tPPD": 2,
            "tRTRS": 2,
            "tRFC": 710,
            "tREFI": 9375,
        },
        source="values as in the Ramulator 2 preset DDR5_4800AN, DDR5_16Gb_x8 (commit c5b1c3a)",
    ),
)

DEVICES = (*_ROWS, scaled(_ROWS[0], "DDR5_6400", 6400, "JESD79-5 speed bin DDR5-6400"))
