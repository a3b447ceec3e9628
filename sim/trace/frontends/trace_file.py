"""The trivial frontend: a trace file is a trace already."""

from __future__ import annotations

from pathlib import Path

from sim.trace.frontends import Frontend, frontends
from sim.trace.model import Trace
from sim.trace.options import LowerOptions
from sim.trace.reader import read_trace


@frontends.register("trace")
class TraceFile(Frontend):
    """Reads ``.jsonl`` traces; takes no options, since everything is decided in the file."""

    reads = "a tilesim trace (.jsonl)"

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".jsonl"

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        return read_trace(path)
