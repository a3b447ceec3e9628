"""What every controller policy owes, whatever it decides: all requests served, every constraint kept, any device."""

from __future__ import annotations

import numpy as np
import pytest

from sim.core.errors import InputError
from sim.hardware.memory import patterns
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.command_check import check_log
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.policies.policy import controller_policies

DEVICE_NAMES = ("HBM2_8Gb_x128", "HBM2_2000", "HBM3_6400", "DDR4_8Gb_x8_3200", "LPDDR5_6400", "GDDR6_8Gb_x16")


@pytest.mark.parametrize("policy", controller_policies.names())
@pytest.mark.parametrize("name", DEVICE_NAMES)
@pytest.mark.parametrize("pattern", ["rand_mix21", "seq_mix21", "stride65536"])
def test_a_policy_serves_everything_within_the_rules(policy: str, name: str, pattern: str) -> None:
    device = DEVICES[name]
    if policy == "per_bank_refresh" and "tRFCpb" not in device.timing:
        with pytest.raises(InputError, match="no per-bank refresh"):
            BankEngine(device, policy=policy)
        return
    requests = patterns.make(pattern, 2000, device.burst_bytes)
    engine = BankEngine(device, policy=policy)
    outcome = engine.run(requests.addresses, requests.is_write, issue_width=8, log_lines=30_000)
    counts = outcome.counts
    reads = counts["reads"] + counts["joined_reads"] + counts["forwarded_reads"]
    assert reads == int((~requests.is_write).sum())
    writes = counts["writes"] + counts["merged_writes"] + counts["buffered_writes"]
    assert writes == int(requests.is_write.sum())
    assert (outcome.done > outcome.added).all()
    assert len(outcome.log) == sum(counts[kind] for kind in ("reads", "writes", "activates", "precharges", "refreshes"))
    assert check_log(device, outcome.log) == []


@pytest.mark.parametrize("policy", controller_policies.names())
def test_a_policy_gives_the_same_run_twice(policy: str) -> None:
    device = DEVICES["HBM3_6400"]
    requests = patterns.make("rand_mix21", 1000, device.burst_bytes)
    first, second = (
        BankEngine(device, policy=policy).run(requests.addresses, requests.is_write, issue_width=4) for _ in range(2)
    )
    assert (first.done == second.done).all()
    assert first.counts == second.counts


def test_a_closed_page_leaves_no_conflicts_to_requests_far_apart() -> None:
    device = DEVICES["HBM2_8Gb_x128"]
    requests = patterns.make("rand_rd", 300, 64)
    apart = np.arange(300) * 100
    closed = BankEngine(device, policy="closed_page").run(requests.addresses, requests.is_write, not_before=apart)
    opened = BankEngine(device).run(requests.addresses, requests.is_write, not_before=apart)
    empty = device.idle_clocks + 1
    assert np.median(closed.read_latencies) == closed.read_latencies.min() == empty
    assert opened.mean_read_latency > closed.mean_read_latency
    assert closed.counts["activates"] == 300
