"""One row of the device library: organisation, timing in clocks by JEDEC name, currents, and where they come from.

``timing`` keys, all in cycles of the command clock: CL, CWL, tRCDRD, tRCDWR, tRP, tRAS, tRC (default tRAS + tRP),
tRRD_S, tRRD_L, tFAW, t32AW (GDDR: 32 activates), tCCD_S, tCCD_L, tCCD_L_WR (default tCCD_L), tWR, tWTR_S, tWTR_L, tRTP,
tPPD (precharge to precharge, where a standard has it), tRTRS (rank to rank and read to write switch), tRFC, tREFI;
tRFCpb and tRREFD where a device can refresh one bank at a time.
``currents`` keys: VDD in volts, IDD0, IDD2N, IDD3N, IDD4R, IDD4W, IDD5AB in milliamperes per device.

A *channel* here is what has its own data pins and banks: a pseudo-channel of HBM, a sub-channel of DDR5;
``pseudochannels`` of them make a channel of the standard, with one controller and its command buses. An activate holds
the row command bus for ``activate_clocks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

ANALOG = (
    "CL", "CWL", "tRCDRD", "tRCDWR", "tRP", "tRAS", "tRC", "tRRD_S", "tRRD_L", "tFAW", "t32AW", "tWR", "tWTR_S",
    "tWTR_L", "tRTP", "tRFC", "tREFI", "tRFCpb", "tRREFD",
)  # fmt: skip
"""Timings that a standard fixes in time rather than in clocks (CL and CWL follow tAA)."""


@dataclass(frozen=True)
class Device:
    """A memory device as a stack (HBM), module (DDR) or package (LPDDR, GDDR): ``channels`` alike, side by side."""

    name: str
    family: str
    clock_hz: Fraction
    beats_per_clock: int
    burst_length: int
    channels: int
    bus_bits: int
    device_bits: int
    ranks: int
    bankgroups: int
    banks_per_group: int
    rows: int
    row_bytes: int
    mapping: str
    timing: Mapping[str, int] = field(hash=False)
    source: str
    currents: Mapping[str, float] = field(default_factory=dict, hash=False)
    dual_command: bool = False
    pseudochannels: int = 1
    activate_clocks: int = 1

    @property
    def bytes_per_s(self) -> Fraction:
        """Bandwidth of all data pins."""
        return self.channels * self.bus_bits * self.beats_per_clock * self.clock_hz / 8

    @property
    def burst_bytes(self) -> int:
        """Bytes of one column access of one channel."""
        return self.bus_bits // 8 * self.burst_length

    @property
    def burst_clocks(self) -> int:
        """Clocks that one column access holds the data bus."""
        return self.burst_length // self.beats_per_clock

    @property
    def idle_clocks(self) -> int:
        """Clocks from ACT to the last beat of a read from a closed row: tRCD + CL + burst."""
        return self.timing["tRCDRD"] + self.timing["CL"] + self.burst_clocks

    @property
    def latency_ns(self) -> int:
        """Idle latency of a read from a closed row, in nanoseconds rounded up."""
        return ceil(self.idle_clocks * 10**9 / self.clock_hz)

    @property
    def capacity_bytes(self) -> int:
        return self.channels * self.ranks * self.bankgroups * self.banks_per_group * self.rows * self.row_bytes

    @property
    def devices_per_rank(self) -> int:
        return self.bus_bits // self.device_bits


def scaled(base: Device, name: str, megatransfers: int, source: str, **changes: object) -> Device:
    """``base`` at another data rate: analog timings keep their time (rounded up to clocks), the others their clocks."""
    text = f"{source}; timings in ns as {base.name} ({base.source}), counted in this clock (derived, not a data sheet)"
    changed = replace(_clocked(base, Fraction(megatransfers * 10**6, base.beats_per_clock)), name=name, source=text)
    return replace(changed, **changes)  # type: ignore[arg-type]


def _clocked(base: Device, clock_hz: Fraction) -> Device:
    timing = {
        key: ceil(value * clock_hz / base.clock_hz) if key in ANALOG else value for key, value in base.timing.items()
    }
    return replace(base, clock_hz=clock_hz, timing=timing)


def rated(base: Device, channels: int | None, bytes_per_s: Fraction | None) -> Device:
    """``base`` with only ``channels`` of its channels in use, and its clock set so that they give ``bytes_per_s``."""
    used = base if channels is None else replace(base, channels=channels)
    if bytes_per_s is None or bytes_per_s == used.bytes_per_s:
        return used
    return _clocked(used, base.clock_hz * bytes_per_s / used.bytes_per_s)
