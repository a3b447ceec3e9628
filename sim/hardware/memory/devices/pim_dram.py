"""The DRAM of devices with processing in memory; what their processing units add is in :mod:`sim.hardware.pim.devices`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sim.hardware.memory.devices import hbm2
from sim.hardware.memory.devices.device import Device

_HBM2 = next(device for device in hbm2.DEVICES if device.name == "HBM2_8Gb_x128")

_AIM = Device(
    name="GDDR6_AiM",
    family="GDDR6",
    clock_hz=Fraction(2 * 10**9),
    beats_per_clock=8,
    burst_length=16,
    channels=32,
    bus_bits=16,
    device_bits=16,
    ranks=1,
    bankgroups=4,
    banks_per_group=4,
    rows=16384,
    row_bytes=2048,
    mapping="rorabacobgch",
    timing={
        "CL": 50,
        "CWL": 6,
        "tRCDRD": 36,
        "tRCDWR": 28,
        "tRP": 32,
        "tRAS": 54,
        "tRC": 89,
        "tRRD_S": 11,
        "tRRD_L": 11,
        "tFAW": 42,
        "tCCD_S": 2,
        "tCCD_L": 2,
        "tWR": 33,
        "tWTR_S": 9,
        "tWTR_L": 11,
        "tRTP": 12,
        "tRTRS": 4,
        "tRFC": 210,
        "tREFI": 3333,
    },
    source="timing preset GDDR6_AiM_timing of the AiM simulator (commit 0f28a07); tRTRS is its 3 clocks from read "
    "to write plus 1 of write preamble",
)

_HBM_PIM = Device(
    name="HBM2_PIM",
    family="HBM2",
    clock_hz=Fraction(10**9),
    beats_per_clock=2,
    burst_length=4,
    channels=64,
    bus_bits=64,
    device_bits=64,
    ranks=2,
    bankgroups=4,
    banks_per_group=4,
    rows=16384,
    row_bytes=1024,
    mapping="rarocobgbach",
    timing={
        "CL": 20,
        "CWL": 8,
        "tRCDRD": 14,
        "tRCDWR": 10,
        "tRP": 14,
        "tRAS": 33,
        "tRC": 47,
        "tRRD_S": 4,
        "tRRD_L": 6,
        "tFAW": 16,
        "tCCD_S": 2,
        "tCCD_L": 4,
        "tWR": 16,
        "tWTR_S": 4,
        "tWTR_L": 9,
        "tRTP": 5,
        "tRTRS": 1,
        "tRFC": 350,
        "tREFI": 3900,
    },
    source="device file HBM2_samsung_2M_16B_x64 of the HBM-PIM simulator (commit b464dde), four stacks of "
    "16 pseudo-channels; 512 MiB a channel, as that simulator's benchmark sets up, make two ranks",
)

_NEUPIMS = replace(
    _HBM2,
    name="HBM2_NeuPIMs",
    channels=32,
    ranks=2,
    row_bytes=1024,
    timing={**_HBM2.timing, "tRTP": 4},
    source="device file of the NeuPIMs simulator (commit f299af3): timings of HBM2 8 Gb, 32 channels, 2 ranks, "
    "rows of 1024 bytes",
)

_HBM3 = Device(
    name="HBM3_5200",
    family="HBM3",
    clock_hz=Fraction(1300 * 10**6),
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
        "CL": 19,
        "CWL": 6,
        "tRCDRD": 19,
        "tRCDWR": 19,
        "tRP": 19,
        "tRAS": 45,
        "tRC": 63,
        "tRRD_S": 2,
        "tRRD_L": 4,
        "tFAW": 39,
        "tCCD_S": 2,
        "tCCD_L": 4,
        "tWR": 21,
        "tWTR_S": 8,
        "tWTR_L": 11,
        "tRTP": 8,
        "tRTRS": 2,
        "tRFC": 455,
        "tRFCpb": 260,
        "tRREFD": 11,
        "tREFI": 5070,
    },
    source="preset HBM3_5.2Gbps of the AttAcc simulator (commit c600051), organisation HBM3_8Gb_2R, 16 GiB a stack; tRTRS "
    "from its nRTW, CL + burst + 2 - CWL; tRTP is its nRTPL; tRFC is its 350 ns of an 8 Gb channel",
    pseudochannels=2,
)

_PIM_GPT = replace(
    _AIM,
    name="GDDR6_PIM_GPT",
    clock_hz=Fraction(10**9),
    beats_per_clock=16,
    channels=8,
    timing={
        "CL": 25,
        "CWL": 3,
        "tRCDRD": 12,
        "tRCDWR": 12,
        "tRP": 12,
        "tRAS": 27,
        "tRC": 45,
        "tRRD_S": 6,
        "tRRD_L": 6,
        "tFAW": 21,
        "tCCD_S": 1,
        "tCCD_L": 1,
        "tWR": 12,
        "tWTR_S": 5,
        "tWTR_L": 6,
        "tRTP": 6,
        "tRTRS": 2,
        "tRFC": 455,
        "tREFI": 6825,
    },
    source="Wu et al., PIM-GPT, arXiv:2310.09385: 8 channels; tRCD 12, tRP 12, tCCD_S 1, tWR 12, tRFC 455, tREFI 6825 ns "
    "(written from memory); all else GDDR6_AiM in ns, rounded up to its clock of 1 GHz",
)

DEVICES = (_AIM, _HBM_PIM, _NEUPIMS, _HBM3, _PIM_GPT)
