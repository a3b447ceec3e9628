"""``model: bank``: a memory tier timed at its banks, transfer by transfer.

Models: row activation and conflicts, bank groups, tFAW, turnaround between reads and writes, all-bank and per-bank
refresh, open and closed page, and the mixing of concurrent transfers row run by row run; state carries from transfer to
transfer. Where row runs do not hold, the same channel is served request by request
(:mod:`sim.hardware.memory.request_path`). A transfer spreads evenly over all channels, so one channel stands for all
(left out: a transfer smaller than one burst per channel, and channels out of step). Streams without an address are laid
out one after another, each in a part of the memory of its own: tensors are taken to lie packed in the order in which
their tiles move.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import numpy.typing as npt

from sim.core.clock import PS_PER_S, Clock
from sim.core.errors import InputError, Problem, Problems
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory.address_map import XOR, field_sizes, kept_on_channel_bytes, split_mapping
from sim.hardware.memory.bank_timing import Timing, parameters, resolve
from sim.hardware.memory.bulk_engine import BulkEngine
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device, rated
from sim.hardware.memory.policies.bank_round_robin import BankRoundRobin
from sim.hardware.memory.policies.policy import controller_policies
from sim.hardware.memory.tier import TierSpec, tier_models

DEFAULT_POLICY = "bank_round_robin"
POLICIES = (DEFAULT_POLICY, "closed_page", "per_bank_refresh")
"""Controller policies that a run knows; it mixes streams run by run under each."""
Array = npt.NDArray[np.int64]


def bulk_parameters(device: Device, timing: Timing, mapping: str, policy: str = DEFAULT_POLICY) -> Array:
    """The parameter array of the bulk kernels; raises InputError for a mapping or policy that it cannot follow."""
    fields, xor = split_mapping(mapping)
    local = [name for name in reversed(fields) if name not in ("ch", "pc")]
    sizes = field_sizes(device, 1, [])
    together = local[0] == "bg"
    problems = Problems()
    if xor == XOR or (local[0] != "co" and local[:2] != ["bg", "co"]):
        problems.add("`model: bank` follows mappings with the column lowest, or bank group then column",
                     found=mapping, allowed="such as rorabgbachco or rorabacobgch")  # fmt: skip
    if policy not in POLICIES:
        problems.add("`model: bank` cannot follow this policy", found=policy, allowed=POLICIES, suggest_for=policy)
    problems.raise_if_any()
    lanes = device.bankgroups if together else 1
    same_group = -(-timing.rd_rd_l // lanes)
    words = np.zeros(at.PARAMETERS, dtype=np.int64)
    words[[at.RUN_BURSTS, at.LANES, at.GROUPS]] = sizes["co"] * lanes, lanes, device.bankgroups
    words[[at.BANKS_PER_GROUP, at.RANKS]] = device.banks_per_group, device.ranks
    words[[at.STEP, at.BURST]] = max(timing.rd_rd_s if lanes > 1 else timing.rd_rd_l, same_group), device.burst_clocks
    words[at.LOOKAHEAD] = BankRoundRobin.request_queue + BankRoundRobin.bank_queue * lanes - 1
    words[[at.OTHER_STEP, at.GROUP_STEP]] = timing.rd_rd_s, timing.rd_rd_l
    words[at.CLOSED_PAGE] = policy == "closed_page"
    shift = (sizes["co"] * lanes - 1).bit_length()
    places = {"ba": at.SHIFT_BANK, "bg": at.SHIFT_GROUP, "ra": at.SHIFT_RANK, "ro": at.SHIFT_ROW}
    for name in local:
        if name in places and not (name == "bg" and together):
            words[places[name]], words[places[name] + 1] = shift, sizes[name] - 1
            shift += (sizes[name] - 1).bit_length()
    gaps = (at.RCD_RD, at.RCD_WR, at.RAS, at.RC, at.RP, at.RFC, at.REFI, at.RRD_S, at.RRD_L, at.FAW, at.RD_PRE,
            at.WR_PRE, at.RD_WR, at.WR_RD, at.RANK_SWITCH)  # fmt: skip
    words[list(gaps)] = (
        timing.rcd_rd, timing.rcd_wr, timing.ras, timing.rc, timing.rp, timing.rfc, timing.refi, timing.rrd_s,
        timing.rrd_l, timing.faw, timing.rd_pre, timing.wr_pre, timing.rd_wr, timing.wr_rd_l, timing.rd_rd_o,
    )  # fmt: skip
    return words


@tier_models.register("bank")
class BankModel:
    """A tier of ``stacks`` of ``device`` side by side."""

    def __init__(
        self,
        device: Device,
        stacks: int = 1,
        mapping: str | None = None,
        policy: str = DEFAULT_POLICY,
        latency_ps: int | None = None,
    ) -> None:
        self.device = device
        self.stacks = stacks
        self.timing = resolve(device)
        self.mapping = mapping or device.mapping
        self.parameters = bulk_parameters(device, self.timing, self.mapping, policy)
        self._request_parameters = parameters(device, self.timing, controller_policies.get(policy)())
        self.clock = Clock(device.clock_hz)
        self.channels = device.channels * stacks
        self.peak_bytes_per_s = self.limit_bytes_per_s = device.bytes_per_s * stacks
        self.latency_ps = self.clock.duration_ps(device.timing["CL"]) if latency_ps is None else latency_ps

    @classmethod
    def of(cls, spec: TierSpec) -> BankModel:
        if spec.device is None:
            raise InputError([Problem("`model: bank` needs a `device`", allowed=", ".join(sorted(DEVICES)))])
        device = rated(DEVICES[spec.device], spec.channels, spec.bandwidth)
        return cls(device, spec.stacks, spec.mapping, spec.policy or DEFAULT_POLICY, spec.latency)

    @property
    def sustained_bytes_per_s(self) -> Fraction:
        """Closed form of an endless sequential stream: the bus at its column spacing, less refresh.

        A refresh costs tRP + tRFC + tRCD of its rank; the stream is in one rank at a time.
        """
        timing = self.timing
        spacing = Fraction(int(self.parameters[at.BURST]), int(self.parameters[at.STEP]))
        lost = Fraction(timing.rp + timing.rfc + timing.rcd_rd, timing.refi) if timing.refi else Fraction(0)
        return self.peak_bytes_per_s * spacing * (1 - lost)

    def engine(self) -> BulkEngine:
        stripe = self.device.burst_bytes * self.channels
        kept = kept_on_channel_bytes(self.device, self.mapping)
        return BulkEngine(self.device, self.parameters, self._request_parameters, stripe, kept, self.clock)

    def service_ps(self, size_bytes: int) -> int:
        """One transfer alone on an idle tier: the first row's activation, then the sustained rate."""
        opening = self.clock.duration_ps(self.timing.rcd_rd)
        return opening + ceil(size_bytes * PS_PER_S / self.sustained_bytes_per_s)
