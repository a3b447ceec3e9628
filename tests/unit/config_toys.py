"""Small component and link kinds for the tests of sim.config, so that these do not hang on the real models' keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from pydantic import Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, Rate, SizeBytes
from sim.config.spec import ComponentSpec, FrozenSpec, LinkSpec, components, links


class ToyArraySpec(ComponentSpec):
    """An array of PEs."""

    rows: PositiveInt = Field(description="PEs per column")
    dataflow: Literal["os", "ws", "is"] = Field(default="ws", description="dataflow")
    types: dict[str, Rate] = Field(default_factory=dict, description="MACs per PE per cycle")


class ToyTiming(FrozenSpec):
    """Timing of a toy memory."""

    activate: DurationPs = Field(default=0, description="time to open a row")


class ToyMemorySpec(ComponentSpec):
    """A memory."""

    capacity: SizeBytes = Field(description="capacity (bytes)")
    bandwidth: Bandwidth | None = Field(default=None, description="bandwidth (bytes/s)")
    timing: ToyTiming = Field(default_factory=ToyTiming, description="timing")
    banks: PositiveInt = Field(default=1, description="banks")

    @model_validator(mode="after")
    def _whole_banks(self) -> ToyMemorySpec:
        if self.capacity % self.banks:
            raise ValueError("the banks do not divide the capacity")
        return self


class ToyBusSpec(LinkSpec):
    """A bus."""

    width: SizeBytes = Field(default=8, description="width (bytes)")


class ToyArray:
    Spec = ToyArraySpec


class ToyMemory:
    Spec = ToyMemorySpec


class ToyBus:
    Spec = ToyBusSpec


@contextmanager
def toy_kinds() -> Iterator[None]:
    """The toy kinds, known while the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(components._known, "toy_array", ToyArray)
        patch.setitem(components._known, "toy_memory", ToyMemory)
        patch.setitem(links._known, "toy_bus", ToyBus)
        yield
