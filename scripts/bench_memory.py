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
KERNELS = {"row runs": ("bulk",), "all of a run": ("bulk", "mixed"), "all": ("bulk", "mixed", "bank")}


def bench_memory() -> None:
    """Print one row per engine and pattern, one long stream per device; then cold and warm starts of a fresh process."""
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
    for name in ("HBM2_2400", "DDR4_3200", "LPDDR4_4266"):
        runs, size = _bulk(1, name, 1, 16 * GIB)
        print(f"one stream of 16 GiB, {name}: {16 * GIB / size:.3f} s CPU", flush=True)
    for what, kernels in KERNELS.items():
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = _start(cache, kernels), _start(cache, kernels)
        print(f"imports and kernels, {what}: {cold:.2f} s CPU cold, {warm:.2f} s warm", flush=True)


def _requests(device: str, pattern: str) -> float:
    requests = patterns.make(pattern, REQUESTS, DEVICES[device].burst_bytes)
    rates = []
    for _ in range(2):
        engine = BankEngine(DEVICES[device])
        start = time.process_time()
        engine.run(requests.addresses, requests.is_write, issue_width=16)
        rates.append(REQUESTS / (time.process_time() - start))
    return max(rates)


def _bulk(streams: int, device: str = "HBM2_2400", stacks: int = 4, size: int = 64 * GIB) -> tuple[float, float]:
    """Row runs, and bytes of the whole tier, per second."""
    model = BankModel(DEVICES[device], stacks=stacks)
    rates = []
    for _ in range(2):
        engine = model.engine()
        start = time.process_time()
        for stream in range(streams):
            engine.submit(0, Access(stream, stream % 4 == 3), size // streams, stream)
        while (when := engine.next_event_ps()) is not None:
            engine.advance(when)
        seconds = time.process_time() - start
        rates.append((engine.counts()["runs"] / seconds, size / seconds))
    return max(rates)


def _start(cache: str, kernels: tuple[str, ...]) -> float:
    """CPU seconds of a fresh process that loads these kernels of the memory engines."""
    names = [f"sim.hardware.memory._kernels_{name}" for name in kernels]
    code = f"from sim.hardware.compiled import load_kernels\nfor name in {names}: load_kernels(name)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TILESIM_CACHE": cache}, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert np.equal(status, 0)
    return usage.ru_utime + usage.ru_stime
