"""HBM3 (JESD238): 16 channels of two 32-pin pseudo-channels, stack IDs as ranks."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.memory.devices.device import Device

DEVICES = (
    Device(
        name="HBM3_6400",
        family="HBM3",
        clock_hz=Fraction(1600 * 10**6),
        beats_per_clock=4,
        burst_length=8,
        channels=32,
        bus_bits=32,
        device_bits=32,
        ranks=2,
        bankgroups=4,
        banks_per_group=4,
        rows=16384,
        row_bytes=1024,
        mapping="rorabacobgch",
        timing={
            "CL": 20,
            "CWL": 10,
            "tRCDRD": 31,
            "tRCDWR": 15,
            "tRP": 26,
            "tRAS": 45,
            "tRC": 72,
            "tRRD_S": 4,
            "tRRD_L": 5,
            "tFAW": 24,
            "tCCD_S": 2,
            "tCCD_L": 4,
            "tWR": 33,
            "tWTR_S": 7,
            "tWTR_L": 10,
            "tRTP": 9,
            "tPPD": 2,
            "tRTRS": 8,
            "tRFC": 560,
            "tRFCpb": 320,
            "tRREFD": 8,
            "tREFI": 6240,
        },
        source="values as in the Ramulator 2 preset HBM3_6400Mbps, HBM3_16Gb_8hi (commit c5b1c3a)"
        "; two stack IDs; tRTRS from its nRTW 20 = CL + 2 - CWL + 8",
        pseudochannels=2,
        dual_command=True,
    ),
)
