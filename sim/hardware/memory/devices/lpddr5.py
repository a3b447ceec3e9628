"""LPDDR5 and LPDDR5X (JESD209-5): two 16-bit channels a package, bank-group mode, CK at an eighth of the data rate."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.memory.devices.device import Device, scaled

_ROWS = (
    Device(
        name="LPDDR5_6400",
        family="LPDDR5",
        clock_hz=Fraction(800 * 10**6),
        beats_per_clock=8,
        burst_length=16,
        channels=2,
        bus_bits=16,
        device_bits=16,
        ranks=1,
        bankgroups=4,
        banks_per_group=4,
        rows=65536,
        row_bytes=2048,
        mapping="rorabacobgch",
        timing={
            "CL": 17,
            "CWL": 9,
            "tRCDRD": 15,
            "tRCDWR": 15,
            "tRP": 15,
            "tRAS": 34,
            "tRC": 49,
            "tRRD_S": 4,
            "tRRD_L": 4,
            "tFAW": 16,
            "tCCD_S": 2,
            "tCCD_L": 4,
            "tWR": 28,
            "tWTR_S": 5,
            "tWTR_L": 10,
            "tRTP": 8,
            "tPPD": 2,
            "tRTRS": 2,
            "tRFC": 224,
            "tRFCpb": 112,
            "tRREFD": 6,
            "tREFI": 3125,
        },
        source="values as in the Ramulator 2 preset LPDDR5_6400, LPDDR5_16Gb_x16 (commit c5b1c3a)",
    ),
)

DEVICES = (*_ROWS, scaled(_ROWS[0], "LPDDR5X_8533", 8533, "JESD209-5C speed grade 8533", family="LPDDR5X"))
