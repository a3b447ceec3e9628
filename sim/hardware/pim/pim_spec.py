"""The ``pim:`` section of a dram tier: which command set its processing units have and how host and PIM share the banks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sim.config.fields import Frequency, among
from sim.config.spec import FrozenSpec
from sim.core.errors import InputError
from sim.hardware.pim.command_set import CommandSet, command_set_of, command_sets
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.pim_device import PimDevice

Access = Literal["blocked", "concurrent", "split"]
NEEDS: dict[str, str] = {"concurrent": "two row buffers a bank", "split": "units that use some of the banks at a time"}


class PimSpec(FrozenSpec):
    """YAML keys of ``pim:`` in a ``kind: dram``."""

    commands: Annotated[str, AfterValidator(among(command_sets.names))] = Field(
        description="PIM command set of the device, such as newton or neupims"
    )
    enabled: bool = Field(default=True, description="false: the same machine without its processing units")
    access: Access | None = Field(
        default=None,
        description="host and PIM take turns on the tier; or work side by side, concurrent: on two row buffers of the same "
        "banks, split: on banks apart; default: what the command set allows",
    )
    balance: Literal["greedy", "round_robin"] = Field(
        default="greedy", description="how requests are laid over channels: the least loaded first, or in turn"
    )
    share: Literal["request", "head"] = Field(
        default="request", description="what of attention goes to one channel: a whole request, or one head of it"
    )
    refresh: bool = Field(default=True, description="refresh the banks while PIM works")
    refresh_ranks: Literal["together", "in_turn"] = Field(
        default="together", description="ranks are refreshed at once, or one after the other over the refresh interval"
    )
    order: Literal["dependencies", "program"] = Field(
        default="dependencies",
        description="operators on the units begin when their operands are there, or one after the other in program order",
    )
    command_bus: Literal["shared", "own"] = Field(
        default="shared",
        description="side by side on two row buffers: do host and PIM share the commands of a channel, or has each its own?",
    )
    issue_rate: Frequency | None = Field(
        default=None, description="commands a second that the host sends to all channels together, in order; null: any"
    )
    source: str | list[str] | None = Field(default=None, description="where the figures of this section come from")

    def problem(self, device: str | None) -> str | None:
        """What is wrong with this section on a tier of ``device``; None when nothing is."""
        if device is None or device not in PIM_DEVICES:
            return (
                f"pim: {device or 'a tier without a device'} has no processing units; one of {', '.join(PIM_DEVICES)}"
            )
        try:
            commands = command_set_of(self.commands, PIM_DEVICES[device])
        except InputError as error:
            return f"pim: {error}"
        if self.access not in (None, "blocked", at_best(commands)):
            return f"pim: access {self.access} needs {NEEDS[self.access]}, which {self.commands} has not"
        access = self.access or at_best(commands)
        if self.command_bus == "own" and access != "concurrent":
            return f"pim: command_bus own needs access concurrent, host and PIM on two row buffers, not {access}"
        return None

    def is_blocked(self, commands: CommandSet) -> bool:
        """Do host and PIM take turns?"""
        return (self.access or at_best(commands)) == "blocked"

    def shares_commands(self, commands: CommandSet) -> bool:
        """Do host and PIM work at the same time, on two row buffers of the same banks and one command bus?"""
        return self.command_bus == "shared" and (self.access or at_best(commands)) == "concurrent"

    def parts(self, device: str) -> tuple[CommandSet, PimDevice]:
        """The command set and the device row (checked before)."""
        found = PIM_DEVICES[device]
        return command_set_of(self.commands, found), found


def at_best(commands: CommandSet) -> Access:
    """The most that a command set lets host and PIM do at the same time."""
    if any(command.row_buffer > 0 for command in commands.commands.values()):
        return "concurrent"
    return "split" if commands.split_banks else "blocked"
