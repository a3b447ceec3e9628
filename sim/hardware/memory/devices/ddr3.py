"""DDR3 (JESD79-3): a 64-bit module, no bank groups."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.memory.devices.device import Device

DEVICES = (
    Device(
        name="DDR3_1600",
        family="DDR3",
        clock_hz=Fraction(800 * 10**6),
        beats_per_clock=2,
        burst_length=8,
        channels=1,
        bus_bits=64,
        device_bits=8,
        ranks=1,
        bankgroups=1,
        banks_per_group=8,
        rows=65536,
        row_bytes=16384,
        mapping="rorababgcoch",
        timing={
            "CL": 11,
            "CWL": 8,
            "tRCDRD": 11,
            "tRCDWR": 11,
            "tRP": 11,
            "tRAS": 28,
            "tRRD_S": 6,
            "tRRD_L": 6,
            "tFAW": 32,
            "tCCD_S": 4,
            "tCCD_L": 4,
            "tWR": 12,
            "tWTR_S": 6,
            "tWTR_L": 6,
            "tRTP": 6,
            "tRTRS": 1,
            "tRFC": 280,
            "tREFI": 6240,
        },
        source="values as in the DRAMsim3 configuration file DDR3_8Gb_x8_1600 (commit 2981759)"
        "; tREFI 7.8 us of JESD79-3",
        currents={
            "VDD": 1.35,
            "IDD0": 67,
            "IDD2N": 36,
            "IDD3N": 51,
            "IDD4W": 125,
            "IDD4R": 125,
            "IDD5AB": 245,
        },
    ),
)
