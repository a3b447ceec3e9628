"""Speed of the memory engines, in this process: requests, row runs and simulated bytes per second of CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from sim.hardware.memory import patterns
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.tier import Access

PATTERNS = ("seq_rd", "seq_wr", "seq_mix21", "stride2048", "rand_rd", "rand_mix21", "two_streams")
REQUESTS = 500_000
GIB = 1 << 30


def bench_memory() -> None:
    """Print one row per engine and pattern; then cold and warm starts of a fresh process."""
    for name in ("HBM2_8Gb_x128", "DDR4_8Gb_x8_3200"):
        for pattern in PATTERNS:
            print(
                f"per request, {name}, {pattern}: {_requests(name, pattern) / 1e6:.2f} million requests/s", flush=True
            )
    for streams in (1, 2, 8):
        runs, size = _bulk(streams)
        print(
            f"bulk, HBM2_2400, {streams} stream(s): {runs / 1e6:.1f} million row runs/s, {size / 1e9:.0f} GB/s simulated"
        )
    with tempfile.TemporaryDirectory() as cache:
        for what in ("cold", "warm"):
            print(f"{what} start, bulk kernels and imports: {_start(cache):.2f} s CPU", flush=True)


def _requests(device: str, pattern: str) -> float:
    requests = patterns.make(pattern, REQUESTS, DEVICES[device].burst_bytes)
    rates = []
    for _ in range(2):
        engine = BankEngine(DEVICES[device])
        start = time.process_time()
        engine.run(requests.addresses, requests.is_write, issue_width=16)
        rates.append(REQUESTS / (time.process_time() - start))
    return max(rates)


def _bulk(streams: int) -> tuple[float, float]:
    """Row runs, and bytes of the whole tier, per second."""
    model = BankModel(DEVICES["HBM2_2400"], stacks=4)
    rates = []
    for _ in range(2):
        engine = model.engine()
        start = time.process_time()
        for stream in range(streams):
            engine.submit(0, Access(stream, stream % 4 == 3), 64 * GIB // streams, stream)
        while (when := engine.next_event_ps()) is not None:
            engine.advance(when)
        seconds = time.process_time() - start
        rates.append((engine.counts()["runs"] / seconds, 64 * GIB / seconds))
    return max(rates)


def _start(cache: str) -> float:
    """CPU seconds of a fresh process that times one transfer."""
    code = (
        "from sim.hardware.memory.bank_model import BankModel; from sim.hardware.memory.devices import DEVICES\n"
        "e = BankModel(DEVICES['HBM2_2400']).engine(); e.submit(0, 'x', 1 << 20, 0); e.advance(e.next_event_ps())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TILESIM_CACHE": cache}, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert np.equal(status, 0)
    return usage.ru_utime + usage.ru_stime
