"""Engines that are not cores: what executes regions beside (or instead of) arrays with a scratchpad.

A component kind whose spec is an :class:`EngineSpec` is an engine. It reads operands from memory tiers and writes results
there itself; the links that reach it are those that name it. Which regions it takes and how long they last is said by
the planning engine and the run of the same kind (:mod:`sim.mapping.engines`, :mod:`sim.run.engines`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.config.architecture import Architecture, ComponentNode
from sim.config.spec import ComponentSpec
from sim.core.errors import Place
from sim.hardware.memory.dram import DramSpec


class EngineSpec(ComponentSpec):
    """Base of the specs of engines that are not cores."""


@dataclass(frozen=True)
class EngineView:
    """One engine instance: its path, the component it was declared as, and its spec.

    ``memory``: instance path of the memory tier that it is part of; "" for one that stands by itself.
    """

    kind: str
    path: str
    declared: str
    node: ComponentNode
    spec: Any
    clock_hz: Fraction | None
    memory: str = ""

    @property
    def place(self) -> Place:
        """Where it is declared."""
        return self.node.place


def find_engines(architecture: Architecture) -> tuple[EngineView, ...]:
    """Every engine of an architecture that is not a core, by path."""
    found = [
        EngineView(node.kind, one.path, node.path, node, node.spec, node.clock_hz)
        for node in architecture.components
        if isinstance(node.spec, EngineSpec)
        for one in architecture.instances(node)
    ]
    found += [
        EngineView("pim", f"{one.path}.pim", f"{node.path}.pim", node, node.spec, None, one.path)
        for node in architecture.components
        if isinstance(node.spec, DramSpec) and node.spec.pim is not None and node.spec.pim.enabled
        for one in architecture.instances(node)
    ]
    return tuple(sorted(found, key=lambda view: view.path))
