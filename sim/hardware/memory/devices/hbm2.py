"""HBM2 (JESD235A): 8 legacy channels of 128 pins, or 16 pseudo-channels of 64 pins."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sim.hardware.memory.devices.device import Device, scaled

_LEGACY_4GB = Device(
    name="HBM2_4Gb_x128",
    family="HBM2",
    clock_hz=Fraction(10**9),
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
        "CL": 14,
        "CWL": 4,
        "tRCDRD": 14,
        "tRCDWR": 14,
        "tRP": 14,
        "tRAS": 34,
        "tRRD_S": 4,
        "tRRD_L": 6,
        "tFAW": 30,
        "tCCD_S": 1,
        "tCCD_L": 2,
        "tWR": 16,
        "tWTR_S": 6,
        "tWTR_L": 8,
        "tRTP": 5,
        "tRTRS": 2,
        "tRFC": 260,
        "tREFI": 3900,
    },
    source="values as in the DRAMsim3 configuration file HBM2_4Gb_x128 (commit 2981759)"
    "; tRTP 5 and tRTRS 2 are what that simulator uses for HBM",
    currents={
        "VDD": 1.2,
        "IDD0": 65,
        "IDD2N": 40,
        "IDD3N": 55,
        "IDD4W": 500,
        "IDD4R": 390,
        "IDD5AB": 250,
    },
    dual_command=True,
)

_SOURCE_8GB = _LEGACY_4GB.source.replace("4Gb", "8Gb")
_LEGACY_8GB = replace(_LEGACY_4GB, name="HBM2_8Gb_x128", rows=32768, source=_SOURCE_8GB)

_PSEUDO_2000 = Device(
    name="HBM2_2000",
    family="HBM2",
    clock_hz=Fraction(10**9),
    beats_per_clock=2,
    burst_length=4,
    channels=16,
    bus_bits=64,
    device_bits=64,
    ranks=1,
    bankgroups=4,
    banks_per_group=4,
    rows=65536,
    row_bytes=1024,
    mapping="rorabacobgch",
    timing={
        "CL": 14,
        "CWL": 5,
        "tRCDRD": 14,
        "tRCDWR": 12,
        "tRP": 14,
        "tRAS": 34,
        "tRC": 48,
        "tRRD_S": 4,
        "tRRD_L": 4,
        "tFAW": 15,
        "tCCD_S": 2,
        "tCCD_L": 4,
        "tWR": 16,
        "tWTR_S": 6,
        "tWTR_L": 8,
        "tRTP": 5,
        "tRTRS": 1,
        "tRFC": 350,
        "tRFCpb": 160,
        "tRREFD": 8,
        "tREFI": 3900,
    },
    source="values as in the Ramulator 2 preset HBM2_2000Mbps (commit c5b1c3a)"
    ", read-to-write gap of 1 clock beyond CL + burst - CWL; 16 pseudo-channels of 64 pins"
    "; currents: half of a 128-pin channel's, as in the DRAMsim3 configuration file HBM2_8Gb_x128",
    currents={
        "VDD": 1.2,
        "IDD2N": 20,
        "IDD3N": 27.5,
        "IDD5AB": 125,
    },
    pseudochannels=2,
    activate_clocks=2,
    dual_command=True,
)

DEVICES = (
    _LEGACY_4GB,
    _LEGACY_8GB,
    replace(_LEGACY_8GB, name="HBM2_8Gb_x128_1ch", channels=1, source=f"{_SOURCE_8GB}; one channel of it"),
    replace(
        _LEGACY_8GB,
        name="HBM2_8Gb_x128_chlow",
        mapping="rorabacobgch",
        source=f"{_SOURCE_8GB}; bank groups and channels interleaved lowest",
    ),
    _PSEUDO_2000,
    scaled(_PSEUDO_2000, "HBM2_2400", 2400, "JESD235A speed grade 2.4 Gb/s"),
)
