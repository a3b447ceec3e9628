"""The keys an architecture file may have beside its groups and components, as pydantic models."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from sim.config.fields import Frequency, PositiveInt
from sim.config.policy import EnergyChoice, Policy
from sim.config.spec import FrozenSpec


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


class Header(FrozenSpec):
    """The top level of an architecture file, without its groups and components."""

    name: Annotated[str, BeforeValidator(_not_blank)] = Field(description="name of the architecture in reports")
    description: str = Field(default="", description="one line on what this architecture is")
    sources: str | list[str] = Field(default_factory=list, description="where the figures come from")
    technology: str | None = Field(default=None, description="process node, such as '7 nm'; chooses the energy table")
    notes: str | list[str] | None = Field(default=None, description="free text for readers")
    clocks: dict[str, Frequency] = Field(
        default_factory=dict, description="name -> frequency ('1.05 GHz', Hz) of each clock"
    )
    policy: Policy = Field(default_factory=Policy, description="how operators are mapped, placed and scheduled")
    energy: EnergyChoice = Field(default_factory=EnergyChoice, description="the energy table and its replaced entries")


class GroupKeys(FrozenSpec):
    """The keys a group may have beside its members and links."""

    count: PositiveInt = Field(default=1, description="number of identical copies side by side")
    source: str | list[str] | None = Field(default=None, description="where the figures of this group come from")
    notes: str | list[str] | None = Field(default=None, description="free text for readers")
