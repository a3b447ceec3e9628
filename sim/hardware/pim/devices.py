"""PIM devices: rows of organisation and timing, with their sources."""

from __future__ import annotations

from types import MappingProxyType

from sim.hardware.memory.devices import DEVICES
from sim.hardware.pim.pim_device import PimDevice

_AIM = PimDevice(
    dram=DEVICES["GDDR6_AiM"],
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
    dram=DEVICES["HBM2_PIM"],
    command_sets=("hbm_pim",),
    units=8,
    lanes=16,
    source="Lee et al., Hardware Architecture and Software Stack for PIM Based on Commercial DRAM Technology, ISCA "
    "2021 (a unit of 16 lanes for two banks, two register files of 8); timings of the HBM-PIM simulator, commit "
    "b464dde",
)  # fmt: skip

_NEUPIMS = PimDevice(
    dram=DEVICES["HBM2_NeuPIMs"],
    command_sets=("newton", "neupims"),
    units=32,
    lanes=16,
    source="Heo et al., NeuPIMs, ASPLOS 2024 and its simulator (commit f299af3): 16 multipliers a bank; GWRITE takes "
    "(tCCD_S + tCCD_L) x 32",
    timing={"tGWRITE": 96},
    pim_ranks=2,
)

_PIM_GPT = PimDevice(
    dram=DEVICES["GDDR6_PIM_GPT"],
    command_sets=("aim",),
    units=16,
    lanes=16,
    source="Wu et al., PIM-GPT, arXiv:2310.09385: 16 bf16 multiply-adds a bank; commands and, where it states none, delays "
    "as GDDR6_AiM, in ns",
    timing={
        "tRCDMAC": 12, "tRCDAF": 43, "tRCDEWMUL": 13, "tRCDRDCP": 33, "tRCDWRCP": 24, "tMOD": 16, "tCLREG": 0,
        "tCWLREG": 1, "tCWLGB": 1,
    },
)  # fmt: skip

_HBM3 = PimDevice(
    dram=DEVICES["HBM3_5200"],
    command_sets=("attacc_bank", "attacc_bg", "attacc_buffer", "logic_die"),
    units=32,
    lanes=16,
    source="Park et al., AttAcc, ASPLOS 2024 and its simulator (commit c600051): 16 multipliers a unit; columns multiplied "
    "in all banks, or in the same bank of all bank groups, come 6 clocks apart under its power limit (4 without)",
    timing={"tCCDAB": 6, "tCCDSB": 6},
    pim_ranks=2,
)

PIM_DEVICES: MappingProxyType[str, PimDevice] = MappingProxyType(
    {device.name: device for device in (_AIM, _HBM_PIM, _NEUPIMS, _HBM3, _PIM_GPT)}
)
"""All rows by name."""
