"""tilesim: event-driven, cycle-approximate simulation of machine-learning accelerators.

The public names are imported when they are first asked for, so that ``import sim`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.config.load import load_architecture as load_architecture
    from sim.report.compare import compare as compare
    from sim.report.result import Result as Result
    from sim.report.simulation import simulate as simulate
    from sim.trace.load import load_trace as load_trace
    from sim.trace.load import lower as lower

_WHERE = {
    "load_architecture": "sim.config.load",
    "load_trace": "sim.trace.load",
    "lower": "sim.trace.load",
    "simulate": "sim.report.simulation",
    "compare": "sim.report.compare",
    "Result": "sim.report.result",
}

__all__ = ["Result", "compare", "load_architecture", "load_trace", "lower", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
