#!/usr/bin/env python3
"""Make the traces that ship in ``traces/``: one line of the table per trace.

    scripts/make_traces.py [NAME]... [--to FOLDER]

A test makes them again and compares, so a change of a frontend shows as a change of these files.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = "traces/configs"

#: name -> (source, lowering options). A source is a file of the repository, or ``onnx:`` and the name of one of the
#: graphs without weights that the onnx wheel brings for its own tests, or ``script:`` and the name of a script beside
#: this one that writes an ONNX graph.
TRACES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert_base": (f"{CONFIGS}/bert_base/config.json", {"prompt": 384}),
    "gpt2": (f"{CONFIGS}/gpt2/config.json", {"prompt": 1024}),
    "llama2_7b_prefill": (f"{CONFIGS}/llama2_7b/config.json", {"prompt": 2048}),
    "llama2_7b_decode": (f"{CONFIGS}/llama2_7b/config.json", {"phase": "decode", "context": 2048}),
    "mixtral_8x7b_decode": (f"{CONFIGS}/mixtral_8x7b/config.json", {"phase": "decode", "batch": 16, "context": 2048}),
    "resnet50": ("onnx:light_resnet50.onnx", {}),
    "mobilenet_v2": ("script:make_mobilenet_v2.py", {}),
}


def source_file(name: str, source: str, scratch: Path) -> Path:
    """The file a source stands for; one that must be written first goes to ``scratch``."""
    where, _, what = source.rpartition(":")
    if where == "onnx":
        package = importlib.util.find_spec("onnx")
        assert package is not None
        assert package.origin is not None
        return Path(package.origin).parent / "backend" / "test" / "data" / "light" / what
    if where == "script":
        path = scratch / f"{name}.onnx"
        subprocess.run([sys.executable, str(ROOT / "scripts" / what), str(path)], check=True)
        return path
    return ROOT / what


def make_trace(name: str, folder: Path) -> Path:
    """Write the trace ``name`` to ``folder``; returns its path."""
    from sim.trace.load import lower
    from sim.trace.writer import write_trace

    source, options = TRACES[name]
    path = folder / f"{name}.jsonl"
    with tempfile.TemporaryDirectory() as scratch:
        trace = lower(source_file(name, source, Path(scratch)), **options)
    write_trace(dataclasses.replace(trace, name=name), path)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--to", type=Path, default=ROOT / "traces", help="folder to write to (default: traces/)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in TRACES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(TRACES)}")
    for name in arguments.names or TRACES:
        print(make_trace(name, arguments.to))
    return 0


if __name__ == "__main__":
    sys.exit(main())
