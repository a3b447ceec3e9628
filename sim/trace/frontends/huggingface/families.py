"""The table of model families, by ``model_type``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.core.registry import Registry
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.phases import LENGTHS
from sim.trace.model import Trace
from sim.trace.options import LowerOptions


class Family:
    """Base of all families. ``phases`` it can run, and the ``options`` it understands besides lengths."""

    #: phase -> the length options it uses.
    lengths: ClassVar[Mapping[str, frozenset[str]]] = LENGTHS
    phases: ClassVar[tuple[str, ...]] = ("prefill",)
    options: ClassVar[frozenset[str]] = frozenset({"batch", "phase", "dtype", "weights"})

    @classmethod
    def lower(cls, config: ModelConfig, options: LowerOptions) -> Trace:
        """The trace. Reads the whole config before it raises, so that all its problems are told."""
        raise NotImplementedError


families: Registry[type[Family]] = Registry("huggingface_families", "model_type")
