"""The resolved timing table of a device: every command-to-command delay as a whole number of clock cycles, made once.

The rows of :func:`constraints` are the truth that both the compiled engine (through :func:`parameters`) and the
independent command-log checker read by name: (first command, second command, scope) -> cycles. Bus turnaround follows
from the burst: read to write CL + burst - CWL + tRTRS; write to read CWL + burst + tWTR; across ranks the data of the
two commands is kept tRTRS apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.core.errors import InputError, Place, Problem, Problems
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.devices.device import Device

if TYPE_CHECKING:
    from sim.hardware.memory.policies.policy import ControllerPolicy

REQUIRED = (
    "CL", "CWL", "tRCDRD", "tRCDWR", "tRP", "tRAS", "tRRD_S", "tRRD_L", "tFAW", "tCCD_S", "tCCD_L", "tWR", "tWTR_S",
    "tWTR_L", "tRTP", "tRTRS", "tRFC", "tREFI",
)  # fmt: skip
OPTIONAL = ("tRC", "t32AW", "tPPD", "tCCD_L_WR", "tRFCpb", "tRREFD")


class Timing(NamedTuple):
    """Delays in cycles, named first_second[_scope]; l: same bank group, s: same rank, o: another rank."""

    rcd_rd: int
    rcd_wr: int
    ras: int
    rc: int
    rp: int
    rfc: int
    rfc_pb: int
    rrefd: int
    refi: int
    rrd_s: int
    rrd_l: int
    faw: int
    faw32: int
    ppd: int
    rd_pre: int
    wr_pre: int
    rd_rd_l: int
    rd_rd_s: int
    rd_rd_o: int
    rd_wr: int
    rd_wr_o: int
    wr_wr_l: int
    wr_wr_s: int
    wr_wr_o: int
    wr_rd_l: int
    wr_rd_s: int
    wr_rd_o: int
    read_delay: int
    write_delay: int


def check_device(device: Device, problems: Problems, place: Place | None = None) -> None:
    """Everything wrong with a device's row, told at once."""
    timing, name = device.timing, device.name
    for key in REQUIRED:
        if key not in timing:
            problems.add(f"{name}: timing {key} is missing", place)
        elif timing[key] < (0 if key in ("tRTRS", "tREFI") else 1):
            problems.add(f"{name}: timing {key} must be positive", place, found=timing[key])
    for key in timing:
        if key not in REQUIRED + OPTIONAL:
            problems.add(f"{name}: unknown timing", place, found=key, allowed=REQUIRED + OPTIONAL, suggest_for=key)
    if all(key in timing for key in REQUIRED):
        _check_order(device, problems, place)
    _check_size(device, problems, place)


def _check_order(device: Device, problems: Problems, place: Place | None) -> None:
    timing, name = device.timing, device.name
    cycle = timing.get("tRC", timing["tRAS"] + timing["tRP"])
    for low, high in (("tRRD_S", "tRRD_L"), ("tCCD_S", "tCCD_L"), ("tWTR_S", "tWTR_L")):
        if timing[low] > timing[high]:
            problems.add(f"{name}: {low} exceeds {high}", place, found=f"{timing[low]} > {timing[high]}")
    if timing["tRAS"] > cycle:
        problems.add(
            f"{name}: tRAS exceeds tRC", place, found=f"{timing['tRAS']} > {cycle}", allowed="tRAS at most tRC"
        )
    if 0 < timing["tREFI"] <= timing["tRFC"]:
        problems.add(f"{name}: tRFC does not fit in tREFI", place, found=f"{timing['tRFC']} >= {timing['tREFI']}")


def _check_size(device: Device, problems: Problems, place: Place | None) -> None:
    ranks = device.ranks * device.pseudochannels
    banks = ranks * device.bankgroups * device.banks_per_group
    limits = (
        ("channels", device.channels, 1 << 20),
        ("ranks", ranks, at.MAX_RANKS),
        ("bank groups of all ranks", ranks * device.bankgroups, at.MAX_GROUPS),
        ("banks of all ranks", banks, at.MAX_BANKS),
    )
    for what, size, most in limits:
        if not 1 <= size <= most:
            problems.add(f"{device.name}: {what} out of range", place, found=size, allowed=f"1 to {most}")
    if device.burst_length % device.beats_per_clock:
        problems.add(f"{device.name}: a burst must take whole clocks", place, found=device.burst_length)
    if device.pseudochannels < 1 or device.channels % device.pseudochannels:
        problems.add(f"{device.name}: channels must divide by pseudo-channels", place, found=device.pseudochannels)
    if device.burst_bytes and device.row_bytes % device.burst_bytes:
        problems.add(f"{device.name}: a row must hold whole bursts", place, found=device.row_bytes)


def resolve(device: Device) -> Timing:
    """The timing table of ``device``; raises InputError with every problem of its row."""
    problems = Problems()
    check_device(device, problems)
    problems.raise_if_any()
    t: Mapping[str, int] = device.timing
    burst, cl, cwl, gap = device.burst_clocks, t["CL"], t["CWL"], t["tRTRS"]
    read_delay, write_delay = cl + burst, cwl + burst
    return Timing(
        rcd_rd=t["tRCDRD"],
        rcd_wr=t["tRCDWR"],
        ras=t["tRAS"],
        rc=t.get("tRC", t["tRAS"] + t["tRP"]),
        rp=t["tRP"],
        rfc=t["tRFC"],
        rfc_pb=t.get("tRFCpb", 0),
        rrefd=t.get("tRREFD", 0),
        refi=t["tREFI"],
        rrd_s=t["tRRD_S"],
        rrd_l=t["tRRD_L"],
        faw=t["tFAW"],
        faw32=t.get("t32AW", 0),
        ppd=t.get("tPPD", 0),
        rd_pre=t["tRTP"],
        wr_pre=write_delay + t["tWR"],
        rd_rd_l=max(burst, t["tCCD_L"]),
        rd_rd_s=max(burst, t["tCCD_S"]),
        rd_rd_o=burst + gap,
        rd_wr=read_delay - cwl + gap,
        rd_wr_o=read_delay + burst + gap - write_delay,
        wr_wr_l=max(burst, t.get("tCCD_L_WR", t["tCCD_L"])),
        wr_wr_s=max(burst, t["tCCD_S"]),
        wr_wr_o=burst,
        wr_rd_l=write_delay + t["tWTR_L"],
        wr_rd_s=write_delay + t["tWTR_S"],
        wr_rd_o=write_delay + burst + gap - read_delay,
        read_delay=read_delay,
        write_delay=write_delay,
    )


_WORDS = {
    "rcd_rd": at.T_RCD_RD, "rcd_wr": at.T_RCD_WR, "ras": at.T_RAS, "rc": at.T_RC, "rp": at.T_RP, "rfc": at.T_RFC,
    "rfc_pb": at.T_RFC_PB, "rrefd": at.T_RREFD,
    "rrd_s": at.T_RRD_S, "rrd_l": at.T_RRD_L, "faw": at.T_FAW, "faw32": at.T_32AW, "ppd": at.T_PPD,
    "rd_pre": at.T_RTP, "wr_pre": at.T_WR_PRE, "rd_rd_l": at.T_RD_RD_L, "rd_rd_s": at.T_RD_RD_S,
    "rd_rd_o": at.T_RD_RD_O, "rd_wr": at.T_RD_WR, "rd_wr_o": at.T_RD_WR_O, "wr_wr_l": at.T_WR_WR_L,
    "wr_wr_s": at.T_WR_WR_S, "wr_wr_o": at.T_WR_WR_O, "wr_rd_l": at.T_WR_RD_L, "wr_rd_s": at.T_WR_RD_S,
    "wr_rd_o": at.T_WR_RD_O, "read_delay": at.READ_DELAY, "write_delay": at.WRITE_DELAY,
}  # fmt: skip


def parameters(device: Device, timing: Timing, policy: ControllerPolicy) -> npt.NDArray[np.int64]:
    """The flat parameter array of the compiled engine."""
    words = np.zeros(at.PARAMETERS, dtype=np.int64)
    for name, word in _WORDS.items():
        words[word] = getattr(timing, name)
    groups, per_group = device.bankgroups, device.banks_per_group
    ranks = device.ranks * (device.pseudochannels if policy.joins_pseudochannels else 1)
    decided = policy.words()
    per_bank = bool(decided.get(at.REFRESH_PER_BANK))
    if per_bank and timing.rfc_pb == 0:
        problem = Problem(f"{device.name} has no per-bank refresh", found="no tRFCpb", allowed="tRFCpb and tRREFD")
        raise InputError([problem])
    due_together = ranks * groups * per_group if per_bank else 1 if decided.get(at.REFRESH_ALL) else ranks
    organisation: dict[int, Any] = {
        at.RANKS: ranks,
        at.GROUPS: ranks * groups,
        at.BANKS: ranks * groups * per_group,
        at.GROUPS_PER_RANK: groups,
        at.BANKS_PER_RANK: groups * per_group,
        at.REFRESH_INTERVAL: timing.refi // due_together,
        at.DUAL_COMMAND: int(device.dual_command),
        at.ACT_CLOCKS: device.activate_clocks,
    }
    for word, value in (organisation | decided).items():
        words[word] = value
    banks = np.arange(organisation[at.BANKS])
    words[at.GROUP_OF_BANK : at.GROUP_OF_BANK + len(banks)] = banks // per_group
    words[at.RANK_OF_BANK : at.RANK_OF_BANK + len(banks)] = banks // (groups * per_group)
    all_groups = np.arange(organisation[at.GROUPS])
    words[at.RANK_OF_GROUP : at.RANK_OF_GROUP + len(all_groups)] = all_groups // groups
    words[at.PSEUDO_OF_GROUP : at.PSEUDO_OF_GROUP + len(all_groups)] = all_groups // (groups * device.ranks)
    return words
