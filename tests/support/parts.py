"""A component outside any machine, for tests of the kernel."""

from __future__ import annotations

from sim.core.component import Component, Context
from sim.core.engine import Engine
from sim.core.probe import Probe


def context() -> Context:
    return Context(Engine(), Probe())


def component(shared: Context | None = None, path: str = "unit", rank: int = 1) -> Component:
    return Component(shared or context(), path, rank, path)
