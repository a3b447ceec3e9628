"""Energy of a DRAM from its data-sheet currents and what it did: per command, and standby by state.

The usual current-difference method (Micron TN-46-03): an activate-precharge pair costs IDD0 over tRC less the standby
it would have drawn; a read, write or refresh costs its current above active standby for as long as it lasts; standby is
IDD3N while a rank has a row open and IDD2N otherwise. Volts x milliamperes x nanoseconds are picojoules. Leaves out
power-down states, termination and the interface's own drivers (a table prices those per bit).
"""

from __future__ import annotations

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


def command_energy(device: Device) -> CommandEnergy:
    """Energy per command of ``device``; raises InputError when its row gives no currents."""
    missing = [name for name in CURRENTS if name not in device.currents]
    if missing:
        raise InputError([Problem(f"{device.name} has no currents to price it by", found=f"no {', '.join(missing)}")])
    current, timing = device.currents, resolve(device)
    period_ns = float(10**9 / device.clock_hz)
    scale = current["VDD"] * device.devices_per_rank * period_ns
    standby = current["IDD3N"] * timing.ras + current["IDD2N"] * (timing.rc - timing.ras)
    return CommandEnergy(
        activate=scale * (current["IDD0"] * timing.rc - standby),
        read=scale * (current["IDD4R"] - current["IDD3N"]) * device.burst_clocks,
        write=scale * (current["IDD4W"] - current["IDD3N"]) * device.burst_clocks,
        refresh=scale * (current["IDD5AB"] - current["IDD3N"]) * timing.rfc,
        active_cycle=scale * current["IDD3N"],
        idle_cycle=scale * current["IDD2N"],
    )


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
