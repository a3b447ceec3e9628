"""Frontends: from a model as people have it (ONNX, Hugging Face config, SCALE-Sim CSV, trace file) to a trace.

One file each; a frontend is a class registered in :data:`frontends`. It decides by the path whether a file is its own,
names the lowering options it understands, and lowers. What it cannot lower it reports by type, name and count.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sim.core.registry import Registry
from sim.trace.model import Trace
from sim.trace.options import LowerOptions


class Frontend:
    """Base of all frontends. ``reads`` says in words which files; ``options`` are the option names it understands."""

    reads: ClassVar[str] = ""
    options: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Is this file for this frontend? Must be cheap and must not raise; the file exists."""
        raise NotImplementedError

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        """The trace of the model in ``path``; raises InputError with all problems."""
        raise NotImplementedError


frontends: Registry[type[Frontend]] = Registry("frontends", "frontend")
