"""DRAM tiers: off-chip memory of a named device or of a plain bandwidth, behind the tier-model interface.

Busy means: the data bus is transferring. The timing model is a strategy (``model:``, see
:mod:`sim.hardware.memory.tier`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, Rate, SizeBytes, among
from sim.config.spec import components
from sim.core.arith import ceil_div
from sim.core.channel import Channel, TransferEngine
from sim.core.component import Activity, Cause, Context
from sim.core.errors import InputError, Problems
from sim.hardware.memory.address_map import FIELDS, check_mapping
from sim.hardware.memory.bank_channel import BankChannel
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.bank_timing import check_device
from sim.hardware.memory.bulk_engine import BulkEngine
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import rated
from sim.hardware.memory.memory import Memory
from sim.hardware.memory.paced_channel import PacedChannel
from sim.hardware.memory.tier import Access, OffChipSpec, TierModel, TierTiming, Where, tier_models
from sim.hardware.pim.pim_spec import PimSpec
from sim.hardware.pim.turns import Turns

OF_A_DEVICE = frozenset({"channels", "mapping", "policy"})
"""Keys that are about the banks of a device."""


class DramSpec(OffChipSpec):
    """YAML keys of ``kind: dram``. Give a ``device`` (and ``stacks``), or a ``bandwidth`` (and ``latency``)."""

    device: Annotated[str, AfterValidator(among(lambda: sorted(DEVICES)))] | None = Field(
        default=None, description="a named device; gives timing, bandwidth, latency and burst"
    )
    stacks: PositiveInt = Field(default=1, description="stacks, modules or packages of the device side by side")
    channels: PositiveInt | None = Field(
        default=None, description="how many of a stack's channels are used; default all"
    )
    bandwidth: Bandwidth | None = Field(
        default=None,
        description="peak bandwidth of one stack (of the tier, without stacks); a device is clocked to give it",
    )
    latency: DurationPs | None = Field(default=None, description="idle access latency; overrides the device's")
    burst: SizeBytes | None = Field(
        default=None, description="bytes per access of `model: bandwidth`; overrides the device's"
    )
    sustained: Rate = Field(
        default=Fraction(1),
        description="fraction of peak that a sequential stream sustains; for `model: bandwidth` (bank finds its own)",
    )
    model: str = Field(
        default="",
        description="timing model of the tier: bank (needs a device; the default of one), or bandwidth for a quick look",
    )
    mapping: str | None = Field(
        default=None, description="address mapping of `model: bank`: a scheme or a field order such as rorabgbachco"
    )
    policy: str | None = Field(
        default=None,
        description="controller policy of `model: bank`: bank_round_robin (default), closed_page or per_bank_refresh",
    )

    @model_validator(mode="before")
    @classmethod
    def _choose_model(cls, values: Any) -> Any:
        """Bank timing wherever there is a device."""
        if isinstance(values, dict) and "model" not in values:
            return {**values, "model": "bank" if values.get("device") is not None else "bandwidth"}
        return values

    pim: PimSpec | None = Field(default=None, description="processing units at the banks; needs `model: bank`")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.device is None and self.bandwidth is None:
            raise ValueError("give either `device` or `bandwidth`")
        if self.model == "bank" and self.device is None:
            raise ValueError("`model: bank` needs a `device`")
        idle = sorted(self.model_fields_set & OF_A_DEVICE) if self.device is None else []
        if idle:
            raise ValueError(f"{', '.join(f'`{key}`' for key in idle)} says nothing without a `device`")
        if self.pim is not None:
            if self.model != "bank":
                raise ValueError(f"pim: processing units work on banks; give the tier `model: bank`, not {self.model}")
            problem = self.pim.problem(self.device)
            if problem is not None:
                raise ValueError(problem)
        if self.mapping is not None:
            problems = Problems()
            check_mapping(self.mapping, problems)
            if problems:
                raise ValueError(f"address mapping {self.mapping!r} needs each of {', '.join(FIELDS)} once")
        if self.model == "bank":
            self._check_bank()
        if self.sustained > 1:
            raise ValueError("`sustained` is a fraction of peak, at most 1")
        return self

    def _check_bank(self) -> None:
        """The device as used here must make sense, and the capacity must divide over its channels and rows."""
        assert self.device is not None
        device = rated(DEVICES[self.device], self.channels, self.bandwidth)
        problems = Problems()
        check_device(device, problems)
        stripe = device.channels * self.stacks * device.row_bytes
        if self.capacity % stripe:
            problems.add("the capacity does not divide over channels and rows", found=f"{self.capacity} bytes",
                         allowed=f"multiples of {stripe} bytes ({device.channels * self.stacks} channels, rows of "
                         f"{device.row_bytes})")  # fmt: skip
        try:
            problems.raise_if_any()
            self.timing()
        except InputError as error:
            raise ValueError("; ".join(map(str, error.problems))) from None

    def works_beside_pim(self) -> bool:
        """Are there processing units that work at the same time as the host, over the same command bus?"""
        if self.pim is None or not self.pim.enabled or self.device is None:
            return False
        return self.pim.shares_commands(self.pim.parts(self.device)[0])

    def timing(self) -> TierTiming:
        """The tier's timing model (closed forms; no state)."""
        model: TierModel = tier_models.get(self.model).of(self)
        return model


@components.register("dram")
class Dram(Memory):
    """One DRAM tier in a run: one lane, its data bus (with bank timing, that of each channel: all do the same)."""

    Spec: type[OffChipSpec] = DramSpec
    turns: Turns | None = None
    """Set, for the run, where host and PIM take turns on the banks."""

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: OffChipSpec, hz: Fraction | None
    ) -> None:
        self.model: TierTiming = spec.timing()
        self._beside_pim = isinstance(spec, DramSpec) and spec.works_beside_pim()
        super().__init__(context, path, rank, declared, self.model.engine(), self.model.latency_ps)

    def _make_channel(self, engine: TransferEngine) -> Channel:
        if isinstance(self.model, BankModel) and isinstance(engine, BulkEngine):
            kind, count = PacedChannel if self._beside_pim else BankChannel, self.model.channels
            lane = self.lane(f"{count} channels alike" if count > 1 else "")
            return kind(self, engine, lane, count, self.model.device.burst_bytes)
        return super()._make_channel(engine)

    def pace(self, slowdown: Fraction) -> None:
        """From now on transfers take ``slowdown`` times as long as by themselves, because processing units work."""
        if isinstance(self._channel, PacedChannel):
            self._channel.pace(slowdown)

    def finish(self, end_ps: int) -> None:
        """The run ended at ``end_ps``: refreshes and standby are counted up to there."""
        if isinstance(self._channel, BankChannel):
            self._channel.finish(end_ps)

    def access(
        self,
        stream: Hashable,
        read_bytes: int,
        write_bytes: int,
        activity: Activity,
        done: Callable[[], None],
        conflicts: int = 1,
        at: Where | None = None,
    ) -> None:
        """As in :class:`Memory`; the timing model is told whether the transfer writes, and where."""
        if isinstance(self._channel, BankChannel):
            bursts = ceil_div(read_bytes + write_bytes, self._channel.burst_bytes)
            self.count(activity.owner, "writes" if write_bytes else "reads", bursts)
        turns, access = self.turns, Access(stream, write_bytes > 0, *(at or ()))
        if turns is None:
            super().access(access, read_bytes, write_bytes, activity, done, conflicts)
            return
        lane, waited = self.lanes[0], False

        def served() -> None:
            turns.leave()
            done()

        def start() -> None:
            if waited:
                lane.withdraw(self.engine.now, Cause.PIM, activity.owner)
            super(Dram, self).access(access, read_bytes, write_bytes, activity, served, conflicts)

        if not turns.enter("host", start):
            waited = True
            lane.assign(self.engine.now)
