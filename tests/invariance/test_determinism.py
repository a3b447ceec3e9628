"""Same inputs, same bytes: whatever the order of keys in the YAML and the seed of Python's hashes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from sim.config.load import load_architecture
from sim.core.data_files import package_folder
from sim.run.simulate import run_trace
from sim.trace.load import load_trace

PRESET = package_folder("arch") / "tpu_v4.yaml"
SCRIPT = """
import json, pathlib, sys
from toy_cores import chain, toy_cores
from sim.config.load import load_architecture
from sim.run.simulate import run_trace
from sim.trace.load import load_trace
record = run_trace(load_trace("bert_base"), load_architecture("tpu_v4"))
json.dump(record.to_dict(), sys.stdout, default=str)
record = run_trace(chain(4), toy_cores(pathlib.Path(sys.argv[1])))
json.dump(record.to_dict(), sys.stdout, default=str)
"""


def shuffled(value: Any, source: random.Random) -> Any:
    """The same mapping with its keys in another order, all the way down; lists keep theirs."""
    if isinstance(value, dict):
        keys = list(value)
        source.shuffle(keys)
        return {key: shuffled(value[key], source) for key in keys}
    return [shuffled(entry, source) for entry in value] if isinstance(value, list) else value


def facts(record: Any) -> str:
    """Everything a run says, except the text and digest of the architecture as written."""
    table = record.to_dict()
    del table["architecture"]
    return json.dumps(table, default=str)


def test_the_order_of_keys_in_the_architecture_changes_nothing(tmp_path: Path) -> None:
    trace = load_trace("bert_base")
    expected = facts(run_trace(trace, load_architecture("tpu_v4")))
    document = yaml.safe_load(PRESET.read_text())
    for seed in (1, 2, 3):
        file = tmp_path / f"tpu_v4_{seed}.yaml"
        file.write_text(yaml.safe_dump(shuffled(document, random.Random(seed)), sort_keys=False))
        assert facts(run_trace(trace, load_architecture(file))) == expected


def test_the_seed_of_hashes_changes_nothing(tmp_path: Path) -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed in ("0", "1", "4242")
    ]
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) > 10_000
