"""What the routed mesh of ``mesh_16core`` adds to a layer of Llama-2-7B, beside a crossbar of equal ports on that chip."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench import CONFIG, CROSSBAR

import sim
from sim.core.data_files import find_data
from sim.run.simulate import run_trace
from sim.trace.load import FOLDER, SUFFIXES
from sim.trace.model import Trace

PROMPT, LAYERS, RUNS = 512, 32, 4
TARGET_S = 2.0
"""What the mesh may add to all layers."""


def bench_mesh() -> None:
    """Print CPU seconds of a layer on both sides, in two processes at once, so that other work on the machine costs both."""
    with ProcessPoolExecutor(2) as pool:
        mesh, ports = pool.map(layer_s, ("mesh_16core", CROSSBAR))
    print(
        f"a layer of Llama-2-7B, {PROMPT} tokens: {mesh:.2f} s on mesh_16core, {ports:.2f} on a crossbar of equal ports;"
    )
    print(f"{LAYERS} layers: {LAYERS * (mesh - ports):+.1f} s on the mesh (target {TARGET_S} s)")


def layer_s(machine: str) -> float:
    """CPU seconds of one more layer, mean of RUNS: the first layers warm up and pay for the search of mappings."""
    architecture, taken = sim.load_architecture(machine), []
    for layers in (1, 1 + RUNS):
        trace, start = decoder(layers), time.process_time()
        run_trace(trace, architecture)
        taken.append(time.process_time() - start)
    return (taken[1] - taken[0]) / RUNS


def decoder(layers: int) -> Trace:
    """The model with so many decoder layers."""
    config = json.loads(find_data(FOLDER, CONFIG, SUFFIXES, what="model").read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config | {"num_hidden_layers": layers}))
        return sim.lower(path, prompt=PROMPT)
