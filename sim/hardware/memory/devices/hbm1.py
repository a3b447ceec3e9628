"""HBM (JESD235): 8 legacy channels of 128 pins."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.memory.devices.device import Device

DEVICES = (
    Device(
        name="HBM1_4Gb_x128",
        family="HBM1",
        clock_hz=Fraction(500 * 10**6),
        beats_per_clock=2,
        burst_length=4,
        channels=8,
        bus_bits=128,
        device_bits=128,
        ranks=1,
        bankgroups=4,
        banks_per_group=4,
        rows=16384,
        row_bytes=2048,
        mapping="rorabgbachco",
        timing={
            "CL": 7,
            "CWL": 2,
            "tRCDRD": 7,
            "tRCDWR": 7,
            "tRP": 7,
            "tRAS": 17,
            "tRRD_S": 2,
            "tRRD_L": 3,
            "tFAW": 15,
            "tCCD_S": 1,
            "tCCD_L": 1,
            "tWR": 8,
            "tWTR_S": 3,
            "tWTR_L": 4,
            "tRTP": 5,
            "tRTRS": 2,
            "tRFC": 130,
            "tREFI": 1950,
        },
        source="values as in the DRAMsim3 configuration file HBM1_4Gb_x128 (commit 2981759)"
        "; tRTP 5 and tRTRS 2 are what that simulator uses for HBM",
        currents={
            "VDD": 1.2,
            "IDD0": 65,
            "IDD2N": 40,
            "IDD3N": 55,
            "IDD4W": 440,
            "IDD4R": 360,
            "IDD5AB": 250,
        },
        dual_command=True,
    ),
)
