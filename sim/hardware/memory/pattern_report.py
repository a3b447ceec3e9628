"""What a request pattern gets out of a memory device: bandwidth, latency, row hits, energy, and where time is lost.

Lost time is measured, not attributed: the same requests run again with one cause taken away (no refresh; no bus
turnaround; no activation windows; all three), and the shares are of the finish time. Causes overlap, so shares do not
add up; what is left after all three is bank conflicts, queueing and the rate of the requests themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.core.errors import Problems
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.bank_energy import CURRENTS, energy
from sim.hardware.memory.bank_engine import DEFAULT_POLICY, BankEngine, Outcome
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.patterns import Requests, make

TURNAROUND = (at.T_RD_WR, at.T_RD_WR_O, at.T_WR_RD_L, at.T_WR_RD_S, at.T_WR_RD_O)
WINDOWS = (at.T_FAW, at.T_32AW)


def find_device(name: str) -> Device:
    """The library's device of this name; raises InputError naming the nearest."""
    if name not in DEVICES:
        problems = Problems()
        problems.add("unknown memory device", found=name, allowed=DEVICES, suggest_for=name)
        problems.raise_if_any()
    return DEVICES[name]


def _without(engine: BankEngine, cause: str) -> dict[int, int]:
    """Parameter words that take one cause of lost time away."""
    timing = engine.timing
    words: dict[int, int] = {}
    if cause in ("refresh", "all three"):
        words[at.REFRESH_INTERVAL] = 0
    if cause in ("turnaround", "all three"):
        words |= dict.fromkeys(TURNAROUND, timing.rd_rd_s)
    if cause in ("activation window", "all three"):
        words |= dict.fromkeys(WINDOWS, 0)
    return words


def pattern_report(
    device_name: str,
    pattern: str,
    count: int = 100_000,
    *,
    granule_bytes: int | None = None,
    issue_width: int = 16,
    channels: int | None = None,
    mapping: str | None = None,
    policy: str = DEFAULT_POLICY,
) -> dict[str, Any]:
    """Run ``count`` requests of ``pattern`` (see :mod:`sim.hardware.memory.patterns`); plain data, units in the names."""
    device = find_device(device_name)
    requests = make(pattern, count, granule_bytes or device.burst_bytes)

    def run(words: Mapping[int, int]) -> tuple[BankEngine, Outcome]:
        engine = BankEngine(device, mapping, channels, policy, dict(words))
        earliest = np.arange(count) * requests.gap_cycles
        outcome = engine.run(requests.addresses, requests.is_write, issue_width=issue_width, not_before=earliest)
        return engine, outcome

    engine, outcome = run({})
    lost = {
        cause: 1 - run(_without(engine, cause))[1].finish_cycle / outcome.finish_cycle
        for cause in ("refresh", "turnaround", "activation window", "all three")
    }
    engine.run_through(outcome.finish_cycle - 1)
    return {
        "device": device.name,
        "source": device.source,
        "pattern": pattern,
        "policy": policy,
        "mapping": engine.map.text,
        **_rates(engine, outcome, requests),
        "time_lost": lost,
        "energy_pj": _energy(engine, outcome.finish_cycle),
    }


def _rates(engine: BankEngine, outcome: Outcome, requests: Requests) -> dict[str, Any]:
    device, counts = engine.device, outcome.counts
    period_ns = float(10**9 / device.clock_hz)
    time_ns = outcome.finish_cycle * period_ns
    moved = (counts["reads"] + counts["writes"]) * device.burst_bytes
    peak = float(device.bytes_per_s) * engine.map.channels / device.channels
    latencies = outcome.read_latencies
    percentiles = np.percentile(latencies, (50, 95, 99)) * period_ns if latencies.size else (0.0, 0.0, 0.0)
    columns = counts["reads"] + counts["writes"]
    return {
        "requests": len(requests.addresses),
        "clock_hz": float(device.clock_hz),
        "cycles": outcome.finish_cycle,
        "time_s": time_ns / 1e9,
        "achieved_bytes_per_s": moved / time_ns * 1e9,
        "peak_bytes_per_s": peak,
        "efficiency": moved / time_ns * 1e9 / peak,
        "row_hit_rate": (counts["read_hits"] + counts["write_hits"]) / columns if columns else 0.0,
        "read_latency_ns": {
            "mean": outcome.mean_read_latency * period_ns,
            **{name: float(value) for name, value in zip(("p50", "p95", "p99"), percentiles, strict=True)},
        },
        "counts": counts,
    }


def _energy(engine: BankEngine, cycles: int) -> dict[str, float] | None:
    """Picojoules by cause, or None without the currents for it."""
    unpriced = bool(engine.parameters[at.REFRESH_PER_BANK])
    if unpriced or any(name not in engine.device.currents for name in CURRENTS):
        return None
    spent = energy(engine, cycles)
    return {**spent._asdict(), "total": spent.total}
