"""An independent check of a DRAM command log: replays it, command by command, against every rule of the device's row.

Written from the JEDEC names of the device row and from the occupancy of the buses, not from the engine's resolved
table: command gaps from the rows of :func:`gap_rules`; turnaround from the data-bus intervals themselves (a burst
starts CL or CWL after its command; a change of direction or rank keeps tRTRS apart, except write after write);
activation windows from the activates of a rank; and the state of each bank. Plain Python, for tests and audits.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.devices.device import Device

NAMES = {at.ACT: "ACT", at.PRE: "PRE", at.RD: "RD", at.WR: "WR", at.REF: "REF", at.REFPB: "REFPB"}
POSTPONED_REFRESHES = 8
"""Refresh commands that JEDEC DDR4 (JESD79-4) lets a controller postpone."""


class Command(NamedTuple):
    cycle: int
    kind: str
    rank: int
    bank: int
    row: int


class Violation(NamedTuple):
    """``command`` broke ``rule``: it came ``short_by`` cycles early (0: the rule is about state, not time)."""

    rule: str
    channel: int
    command: Command
    short_by: int


class Gap(NamedTuple):
    """At least ``cycles`` from ``first`` to ``second`` within ``scope`` (bank, group or rank)."""

    rule: str
    first: str
    second: str
    scope: str
    cycles: int


def gap_rules(device: Device) -> tuple[Gap, ...]:
    """The minimum distances between commands that the row of ``device`` demands."""
    t, burst = device.timing, device.burst_clocks
    after_write = t["CWL"] + burst
    rules = [
        Gap("tRC", "ACT", "ACT", "bank", t.get("tRC", t["tRAS"] + t["tRP"])),
        Gap("tRCDRD", "ACT", "RD", "bank", t["tRCDRD"]),
        Gap("tRCDWR", "ACT", "WR", "bank", t["tRCDWR"]),
        Gap("tRAS", "ACT", "PRE", "bank", t["tRAS"]),
        Gap("tRP", "PRE", "ACT", "bank", t["tRP"]),
        Gap("tRP", "PRE", "REF", "rank", t["tRP"]),
        Gap("tRTP", "RD", "PRE", "bank", t["tRTP"]),
        Gap("tWR", "WR", "PRE", "bank", after_write + t["tWR"]),
        Gap("tRFC", "REF", "ACT", "rank", t["tRFC"]),
        Gap("tRFC", "REF", "REF", "rank", t["tRFC"]),
        Gap("tRRD_L", "ACT", "ACT", "group", t["tRRD_L"]),
        Gap("tRRD_S", "ACT", "ACT", "rank", t["tRRD_S"]),
        Gap("tCCD_L", "RD", "RD", "group", max(burst, t["tCCD_L"])),
        Gap("tCCD_S", "RD", "RD", "rank", max(burst, t["tCCD_S"])),
        Gap("tCCD_L_WR", "WR", "WR", "group", max(burst, t.get("tCCD_L_WR", t["tCCD_L"]))),
        Gap("tCCD_S", "WR", "WR", "rank", max(burst, t["tCCD_S"])),
        Gap("tWTR_L", "WR", "RD", "group", after_write + t["tWTR_L"]),
        Gap("tWTR_S", "WR", "RD", "rank", after_write + t["tWTR_S"]),
    ]
    if t.get("tRFCpb", 0):
        rules += [
            Gap("tRC", "ACT", "REFPB", "bank", t.get("tRC", t["tRAS"] + t["tRP"])),
            Gap("tRP", "PRE", "REFPB", "bank", t["tRP"]),
            Gap("tRRD_S", "ACT", "REFPB", "rank", t["tRRD_S"]),
            Gap("tRFCpb", "REFPB", "ACT", "bank", t["tRFCpb"]),
            Gap("tRFCpb", "REFPB", "REFPB", "rank", t["tRFCpb"]),
            Gap("tRREFD", "REFPB", "ACT", "rank", t.get("tRREFD", 0)),
        ]
    if t.get("tPPD", 0):
        rules.append(Gap("tPPD", "PRE", "PRE", "rank", t["tPPD"]))
    return tuple(rules)


class _Channel:
    """What the checker knows of one channel."""

    def __init__(self, device: Device, number: int) -> None:
        self.device = device
        self.number = number
        self.per_rank = device.bankgroups * device.banks_per_group
        self.rules: dict[str, list[Gap]] = defaultdict(list)
        for rule in gap_rules(device):
            self.rules[rule.second].append(rule)
        self.last: dict[tuple[str, str, int], int] = {}
        self.rows: dict[int, int] = {}
        self.activates: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=32))
        self.refreshed: dict[int, int] = defaultdict(int)
        self.data: dict[int, tuple[int, str, int]] = {}
        self.bus: dict[str, int] = {}
        self.found: list[Violation] = []

    def violate(self, rule: str, command: Command, short_by: int = 0) -> None:
        self.found.append(Violation(rule, self.number, command, short_by))

    def units(self, command: Command) -> dict[str, int]:
        """The bank, group and rank a command belongs to."""
        if command.kind == "REF":
            return {"rank": command.rank}
        return {"bank": command.bank, "group": command.bank // self.device.banks_per_group, "rank": command.rank}

    def check(self, command: Command) -> None:
        units = self.units(command)
        for rule in self.rules[command.kind]:
            earlier = self.last.get((rule.first, rule.scope, units.get(rule.scope, -1)))
            if earlier is not None and command.cycle < earlier + rule.cycles:
                self.violate(rule.rule, command, earlier + rule.cycles - command.cycle)
        self.check_command_bus(command)
        self.check_state(command)
        if command.kind in ("RD", "WR"):
            self.check_data_bus(command)
        for scope, unit in units.items():
            self.last[command.kind, scope, unit] = command.cycle

    def check_command_bus(self, command: Command) -> None:
        """One command at a time, an activate for as long as it takes; two command buses: column and row commands."""
        bus = "column" if self.device.dual_command and command.kind in ("RD", "WR") else "row"
        free = self.bus.get(bus, 0)
        if command.cycle < free:
            self.violate("command bus", command, free - command.cycle)
        self.bus[bus] = command.cycle + (self.device.activate_clocks if command.kind == "ACT" else 1)

    def check_state(self, command: Command) -> None:
        """Is the bank in a state in which it may take this command?"""
        if command.kind == "ACT":
            if command.bank in self.rows:
                self.violate("bank already open", command)
            self.rows[command.bank] = command.row
            self.check_windows(command)
        elif command.kind == "PRE":
            if self.rows.pop(command.bank, None) is None:
                self.violate("bank not open", command)
        elif command.kind == "REF":
            first = command.rank * self.per_rank
            self.check_refresh(command, command.rank, range(first, first + self.per_rank))
        elif command.kind == "REFPB":
            self.check_refresh(command, -1 - command.bank, range(command.bank, command.bank + 1))
        elif self.rows.get(command.bank) != command.row:
            self.violate("row not open", command)

    def check_windows(self, command: Command) -> None:
        """tFAW over four activates, t32AW over thirty-two."""
        earlier = self.activates[command.rank]
        for rule, length in (("tFAW", 4), ("t32AW", 32)):
            span = self.device.timing.get(rule, 0)
            if span and len(earlier) >= length and command.cycle < earlier[-length] + span:
                self.violate(rule, command, earlier[-length] + span - command.cycle)
        earlier.append(command.cycle)

    def check_refresh(self, command: Command, unit: int, banks: range) -> None:
        """The banks to refresh are closed, and it is not later than the standard lets refreshes be postponed."""
        if any(bank in self.rows for bank in banks):
            self.violate("refresh of an open bank", command)
        interval = self.device.timing["tREFI"]
        if interval and command.cycle > self.refreshed[unit] + (1 + POSTPONED_REFRESHES) * interval:
            self.violate("tREFI", command)
        self.refreshed[unit] = command.cycle

    def check_data_bus(self, command: Command) -> None:
        """Bursts do not overlap; a change of direction or rank keeps tRTRS (a write after a write does not)."""
        timing = self.device.timing
        start = command.cycle + (timing["CL"] if command.kind == "RD" else timing["CWL"])
        pins = command.rank // self.device.ranks
        end, kind, rank = self.data.get(pins, (-(1 << 60), "RD", -1))
        changed = kind != command.kind or rank != command.rank
        apart = timing["tRTRS"] if changed and (kind, command.kind) != ("WR", "WR") else 0
        if start < end + apart:
            self.violate("data bus", command, end + apart - start)
        self.data[pins] = (start + self.device.burst_clocks, command.kind, command.rank)


def check_log(device: Device, log: Iterable[Iterable[int]]) -> list[Violation]:
    """Every violation in a command log (lines as the engine records them), channel by channel in order of time."""
    channels: dict[int, _Channel] = {}
    for line in log:
        words = [int(word) for word in line]
        number = words[at.LOG_CHANNEL]
        channel = channels.get(number)
        if channel is None:
            channel = channels[number] = _Channel(device, number)
        kind = NAMES[words[at.LOG_KIND]]
        channel.check(Command(words[at.LOG_CYCLE], kind, words[at.LOG_RANK], words[at.LOG_BANK], words[at.LOG_ROW]))
    return [violation for channel in channels.values() for violation in channel.found]
