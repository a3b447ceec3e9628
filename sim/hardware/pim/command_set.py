"""The interface of PIM command sets and their registry; each set is one file in ``command_sets``."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar

from sim.core.errors import Problems
from sim.core.registry import Registry
from sim.hardware.pim.command import Command, Rule, check_commands
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.reservation import Reserved


class CommandSet(ABC):
    """Data of a command set; no state.

    ``mode_switch``: for each mode, the command that changes to it where a channel has modes ("" keys none).
    ``refresh``: the all-bank refresh command. ``first_mode``: the mode a channel starts in. ``multiply``: the command
    that multiplies one column of each bank it touches, with up to ``vectors`` vectors at once. ``split_banks``: host and
    PIM work side by side on different banks, though a bank has one row buffer. ``announces``: the controller knows how long
    a macro-command takes before it begins, and refreshes first where it would run into a refresh; ``reserved``: how it
    adds that up, where it does not know the exact time. ``carried``: commands
    that the host need not send one by one, because the packet of another command stands for them too.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    commands: ClassVar[Mapping[str, Command]]
    rules: ClassVar[tuple[Rule, ...]]
    refresh: ClassVar[str]
    multiply: ClassVar[str]
    vectors: ClassVar[int] = 1
    split_banks: ClassVar[bool] = False
    announces: ClassVar[bool] = False
    reserved: ClassVar[tuple[Reserved, ...]] = ()
    carried: ClassVar[tuple[str, ...]] = ()
    first_mode: ClassVar[str] = ""
    mode_switch: ClassVar[Mapping[str, str]] = {}


command_sets: Registry[type[CommandSet]] = Registry("command_sets", "PIM command set")


def command_set_of(name: str, device: PimDevice) -> CommandSet:
    """The command set ``name`` for ``device``; raises InputError when it is unknown or the device has not got it."""
    found = command_sets.get(name)()
    if name not in device.command_sets:
        problems = Problems()
        problems.add(f"{device.name} does not have this PIM command set", found=name, allowed=device.command_sets)
        problems.raise_if_any()
    check_commands(found.commands, found.rules, device.cycles())
    return found


def by_name(*commands: Command) -> Mapping[str, Command]:
    """The commands as a table."""
    return {command.name: command for command in commands}
