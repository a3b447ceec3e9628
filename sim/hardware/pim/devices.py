"""PIM devices: rows of organisation and timing, with their sources."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.hardware.pim.pim_device import PimDevice

_AIM = PimDevice(
    dram=Device(
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
            "CL": 50, "CWL": 6, "tRCDRD": 36, "tRCDWR": 28, "tRP": 32, "tRAS": 54, "tRC": 89, "tRRD_S": 11,
            "tRRD_L": 11, "tFAW": 42, "tCCD_S": 2, "tCCD_L": 2, "tWR": 33, "tWTR_S": 9, "tWTR_L": 11, "tRTP": 12,
            "tRTRS": 4, "tRFC": 210, "tREFI": 3333,
        },
        source="timing preset GDDR6_AiM_timing of the AiM simulator (commit 0f28a07); tRTRS is its 3 clocks from read "
        "to write plus 1 of write preamble",
    ),
    command_sets=("aim",),
    units=16,
    lanes=16,
    source="He et al., Newton, MICRO 2020 and Lee et al., 1ynm 1.25V 8Gb GDDR6 AiM, ISSCC 2022 (a unit of 16 "
    "multipliers a bank); timings of the AiM simulator, commit 0f28a07",
    timing={
        "tRCDMAC": 56, "tRCDAF": 86, "tRCDEWMUL": 25, "tRCDRDCP": 66, "tRCDWRCP": 48, "tMOD": 32, "tCLREG": 0,
        "tCWLREG": 1, "tCWLGB": 1,
    },
)  # fmt: skip

_HBM_PIM = PimDevice(
    dram=Device(
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
            "CL": 20, "CWL": 8, "tRCDRD": 14, "tRCDWR": 10, "tRP": 14, "tRAS": 33, "tRC": 47, "tRRD_S": 4,
            "tRRD_L": 6, "tFAW": 16, "tCCD_S": 2, "tCCD_L": 4, "tWR": 16, "tWTR_S": 4, "tWTR_L": 9, "tRTP": 5,
            "tRTRS": 1, "tRFC": 350, "tREFI": 3900,
        },
        source="device file HBM2_samsung_2M_16B_x64 of the HBM-PIM simulator (commit b464dde), four stacks of "
        "16 pseudo-channels; 512 MiB a channel, as that simulator's benchmark sets up, make two ranks",
    ),
    command_sets=("hbm_pim",),
    units=8,
    lanes=16,
    source="Lee et al., Hardware Architecture and Software Stack for PIM Based on Commercial DRAM Technology, ISCA "
    "2021 (a unit of 16 lanes for two banks, two register files of 8); timings of the HBM-PIM simulator, commit "
    "b464dde",
)  # fmt: skip

_NEUPIMS = PimDevice(
    dram=replace(
        DEVICES["HBM2_8Gb_x128"],
        name="HBM2_NeuPIMs",
        channels=32,
        ranks=2,
        row_bytes=1024,
        timing={**DEVICES["HBM2_8Gb_x128"].timing, "tRTP": 4},
        source="device file of the NeuPIMs simulator (commit f299af3): timings of HBM2 8 Gb, 32 channels, 2 ranks, "
        "rows of 1024 bytes",
    ),
    command_sets=("newton", "neupims"),
    units=32,
    lanes=16,
    source="Heo et al., NeuPIMs, ASPLOS 2024 and its simulator (commit f299af3): 16 multipliers a bank; GWRITE takes "
    "(tCCD_S + tCCD_L) x 32",
    timing={"tGWRITE": 96},
    pim_ranks=2,
)

PIM_DEVICES: MappingProxyType[str, PimDevice] = MappingProxyType(
    {device.name: device for device in (_AIM, _HBM_PIM, _NEUPIMS)}
)
"""All rows by name."""
