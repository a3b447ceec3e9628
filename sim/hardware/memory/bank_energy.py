"""Energy of a DRAM from its data-sheet currents and what it did: per command, and standby by state.

The usual current-difference method (Micron TN-46-03): an activate-precharge pair costs IDD0 over tRC less the standby
it would have drawn; a read, write or refresh costs its current above active standby for as long as it lasts; standby is
IDD3N while a rank has a row open and IDD2N otherwise. Volts x milliamperes x nanoseconds are picojoules. Leaves out
power-down states, termination and the interface's own drivers (a table prices those per bit).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sim.core.errors import InputError, Problem
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_timing import resolve
from sim.hardware.memory.devices.device import Device

CURRENTS = ("VDD", "IDD0", "IDD2N", "IDD3N", "IDD4R", "IDD4W", "IDD5AB")


class CommandEnergy(NamedTuple):
    """Picojoules per command of a rank, and per cycle of standby of a rank."""

    activate: float
    read: float
    write: float
    refresh: float
    active_cycle: float
    idle_cycle: float


class Energy(NamedTuple):
    """Picojoules by cause."""

    activate: float
    read: float
    write: float
    refresh: float
    active_standby: float
    idle_standby: float

    @property
    def total(self) -> float:
        return sum(self)


NEEDS: Mapping[str, tuple[str, ...]] = {
    "activate": ("VDD", "IDD0", "IDD2N", "IDD3N"),
    "read": ("VDD", "IDD4R", "IDD3N"),
    "write": ("VDD", "IDD4W", "IDD3N"),
    "refresh": ("VDD", "IDD5AB", "IDD3N"),
    "active_cycle": ("VDD", "IDD3N"),
    "idle_cycle": ("VDD", "IDD2N"),
}
"""The currents that each entry of :class:`CommandEnergy` follows from."""


def currents_missing(device: Device, part: str) -> list[str]:
    """What the device's row lacks to price ``part`` (a key of :data:`NEEDS`)."""
    return [name for name in NEEDS[part] if name not in device.currents]


def part_energy(device: Device, part: str) -> float:
    """Picojoules of one command or standby cycle of a rank; the currents it needs must be there."""
    timing = resolve(device)
    get = device.currents.get
    idd0, idle, active = (get(name, 0.0) for name in ("IDD0", "IDD2N", "IDD3N"))
    scale = device.currents["VDD"] * device.devices_per_rank * float(10**9 / device.clock_hz)
    milliampere_cycles = {
        "activate": idd0 * timing.rc - active * timing.ras - idle * (timing.rc - timing.ras),
        "read": (get("IDD4R", 0.0) - active) * device.burst_clocks,
        "write": (get("IDD4W", 0.0) - active) * device.burst_clocks,
        "refresh": (get("IDD5AB", 0.0) - active) * timing.rfc,
        "active_cycle": active,
        "idle_cycle": idle,
    }
    return scale * milliampere_cycles[part]


def command_energy(device: Device) -> CommandEnergy:
    """Energy per command of ``device``; raises InputError when its row gives no currents."""
    missing = [name for name in CURRENTS if name not in device.currents]
    if missing:
        raise InputError([Problem(f"{device.name} has no currents to price it by", found=f"no {', '.join(missing)}")])
    return CommandEnergy(*(part_energy(device, part) for part in CommandEnergy._fields))


def energy(engine: BankEngine, end_cycle: int) -> Energy:
    """What ``engine`` has drawn before ``end_cycle``, over all its channels (run it through that cycle before)."""
    if engine.parameters[at.REFRESH_PER_BANK]:
        raise InputError([Problem("no current of a per-bank refresh (IDD5PB) is known; it cannot be priced")])
    price = command_energy(engine.device)
    active = engine.active_rank_cycles(end_cycle)
    all_ranks = end_cycle * engine.device.ranks * engine.map.channels
    return Energy(
        activate=price.activate * engine.count("activates"),
        read=price.read * engine.count("reads"),
        write=price.write * engine.count("writes"),
        refresh=price.refresh * engine.count("refreshes"),
        active_standby=price.active_cycle * active,
        idle_standby=price.idle_cycle * (all_ranks - active),
    )
