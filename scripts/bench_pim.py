"""Time of a GPT3-7B decoder block at batch 256 on NPU and PIM, on the dual row buffer preset and with two sub-batches."""

from __future__ import annotations

import random
import time

from sim.config.load import load_architecture
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block

BATCH = 256
TARGET_S = 2.0
MODES = {"dual row buffers": {}, "two sub-batches": {"policy.sub_batches": 2, "policy.lookahead": 16}}


def bench_pim() -> None:
    """Print simulated cycles and CPU seconds of each mode: the first run of the process, and the second."""
    drawn = random.Random(0)
    block = decoder_block("gpt3_7b_block", 4096, 32, 128, 16384, [drawn.randint(80, 672) for _ in range(BATCH)])
    for name, changes in MODES.items():
        architecture = load_architecture("neupims", changes)
        taken = []
        for _ in range(2):
            start = time.process_time()
            record = run_trace(block, architecture)
            taken.append(f"{time.process_time() - start:.2f}")
        print(
            f"GPT3-7B block, batch {BATCH}, {name}: {record.elapsed_ps // 1000} cycles in {' and '.join(taken)} s",
            end=" ",
        )
        print(f"(target {TARGET_S} s)")
