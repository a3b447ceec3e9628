"""DRAM tiers: off-chip memory of a named device or of a plain bandwidth, behind the tier-model interface.

Busy means: the data bus is transferring. The timing model is a strategy (``model:``, see
:mod:`sim.hardware.memory.tier`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Self

from pydantic import Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, Rate, SizeBytes
from sim.config.spec import ComponentSpec, components
from sim.core.component import Activity, Context
from sim.core.errors import Problems, nearest
from sim.hardware.memory.address_map import FIELDS, check_mapping
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.memory import Memory
from sim.hardware.memory.tier import Access, TierModel, tier_models


class DramSpec(ComponentSpec):
    """YAML keys of ``kind: dram``. Give a ``device`` (and ``stacks``), or a ``bandwidth`` (and ``latency``)."""

    capacity: SizeBytes = Field(description="bytes of the whole tier")
    device: str | None = Field(default=None, description="a named device; gives bandwidth, latency and burst")
    stacks: PositiveInt = Field(default=1, description="stacks, modules or packages of the device side by side")
    bandwidth: Bandwidth | None = Field(
        default=None, description="peak bandwidth of one stack (of the tier, without stacks); overrides the device's"
    )
    latency: DurationPs | None = Field(default=None, description="idle access latency; overrides the device's")
    burst: SizeBytes | None = Field(default=None, description="bytes per access; overrides the device's")
    sustained: Rate = Field(default=Fraction(1), description="fraction of peak that a sequential stream sustains")
    model: str = Field(default="bandwidth", description="timing model of the tier: bandwidth, or bank (needs a device)")
    mapping: str | None = Field(
        default=None, description="address mapping of `model: bank`: a scheme or a field order such as rorabgbachco"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.device is None and self.bandwidth is None:
            raise ValueError("give either `device` or `bandwidth`")
        if self.device is not None and self.device not in DEVICES:
            near = nearest(self.device, DEVICES)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"unknown device {self.device!r}; one of {', '.join(sorted(DEVICES))}{hint}")
        if self.model == "bank" and self.device is None:
            raise ValueError("`model: bank` needs a `device`")
        if self.mapping is not None:
            problems = Problems()
            check_mapping(self.mapping, problems)
            if problems:
                raise ValueError(f"address mapping {self.mapping!r} needs each of {', '.join(FIELDS)} once")
        if self.sustained > 1:
            raise ValueError("`sustained` is a fraction of peak, at most 1")
        return self

    def timing(self) -> TierModel:
        """The tier's timing model (closed forms; no state)."""
        model: TierModel = tier_models.get(self.model).of(self)
        return model


@components.register("dram")
class Dram(Memory):
    """One DRAM tier in a run: one lane, its data bus."""

    Spec = DramSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: DramSpec, hz: Fraction | None
    ) -> None:
        self.model = spec.timing()
        super().__init__(context, path, rank, declared, self.model.engine(), self.model.latency_ps)

    def access(
        self,
        stream: Hashable,
        read_bytes: int,
        write_bytes: int,
        activity: Activity,
        done: Callable[[], None],
        conflicts: int = 1,
    ) -> None:
        """As in :class:`Memory`; the timing model is told whether the transfer writes."""
        super().access(Access(stream, write_bytes > 0), read_bytes, write_bytes, activity, done, conflicts)
