"""What the routed mesh of ``mesh_16core`` adds to a layer of Llama-2-7B, beside a crossbar of equal ports on that chip."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from bench import CONFIG, CROSSBAR

import sim
from sim.core.data_files import find_data
from sim.run.simulate import run_trace
from sim.trace.load import FOLDER, SUFFIXES
from sim.trace.model import Trace

PROMPT, LAYERS, RUNS = 512, 32, 3
TARGET_S = 2.0
"""What the mesh may add to all layers."""


def bench_mesh() -> None:
    """Print CPU seconds of a layer on both sides: a second layer's, for the search of mappings comes once.

    The least of RUNS by turns, after one that is not counted, because other work on the machine only ever adds.
    """
    machines = {name: sim.load_architecture(name) for name in ("mesh_16core", CROSSBAR)}
    traces = {layers: decoder(layers) for layers in (1, 2)}
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(RUNS + 1):
        for name, machine in machines.items():
            for layers, trace in traces.items():
                start = time.process_time()
                run_trace(trace, machine)
                taken.setdefault((name, layers), []).append(time.process_time() - start)
    mesh, ports = (min(taken[name, 2][1:]) - min(taken[name, 1][1:]) for name in machines)
    print(
        f"a layer of Llama-2-7B, {PROMPT} tokens: {mesh:.2f} s on mesh_16core, {ports:.2f} on a crossbar of equal ports;"
    )
    print(f"{LAYERS} layers: {LAYERS * (mesh - ports):+.1f} s on the mesh (target {TARGET_S} s)")


def decoder(layers: int) -> Trace:
    """The model with so many decoder layers."""
    config = json.loads(find_data(FOLDER, CONFIG, SUFFIXES, what="model").read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config | {"num_hidden_layers": layers}))
        return sim.lower(path, prompt=PROMPT)
