"""Checks of what the YAML pins of a mapping, and of names that only the mapper can resolve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from sim.config.policy import MappingPin
from sim.core.errors import Problems
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import dataflows

AUTO = "auto"


def wants(pin: MappingPin | None, engine: str, core: CoreView) -> bool:
    """Does ``pin`` allow the unit ``engine`` ("array" or "vector") of ``core``? It may name it by path too."""
    if pin is None or pin.engine is None:
        return True
    node = core.arrays if engine == "array" else core.vector
    return node is not None and pin.engine in (engine, node.path)


def pin_of(pins: Mapping[str, MappingPin], name: str) -> str | None:
    """The pattern whose pin holds for an operator, the first that matches; None where nothing is pinned."""
    return next((pattern for pattern in pins if fnmatchcase(name, pattern)), None)


def idle_pins(pins: Mapping[str, MappingPin], heads: Iterable[str]) -> list[str]:
    """Patterns whose pin holds for none of the operators that ``heads`` names, those whose regions were planned."""
    used = {pin_of(pins, name) for name in heads} if pins else set()
    return [pattern for pattern in pins if pattern not in used]


def check_pins(layout: Layout, dataflow: str | None, named: Sequence[str] = ()) -> None:
    """Raise InputError with every unknown engine or dataflow named by pins, components or ``dataflow``.

    ``named``: engines that a pin may name besides the units of cores.
    """
    problems = Problems()
    architecture = layout.architecture
    flows = (*dataflows.names(), AUTO)
    engines = {"array", "vector", *(name for name in named if name)}
    for core in layout.cores:
        engines |= {node.path for node in (core.arrays, core.vector) if node is not None}
        if core.array_model is not None and core.array_model.spec.dataflow not in flows:
            found = core.array_model.spec.dataflow
            assert core.arrays is not None
            problems.add("unknown dataflow", core.arrays.place, found=found, allowed=flows, suggest_for=found)
    if dataflow is not None and dataflow not in flows:
        problems.add("--dataflow: unknown dataflow", found=dataflow, allowed=flows, suggest_for=dataflow)
    if layout.architecture.policy.reduction != "none" and layout.links and layout.link_between_cores is None:
        problems.add("policy.reduction: no link joins the scratchpads of all cores", architecture.policy_place("reduction"),
                     found=architecture.policy.reduction)  # fmt: skip
    for pattern, pin in layout.architecture.policy.mapping.items():
        what = f"policy.mapping[{pattern!r}]"
        engine, flow, cores, order = (
            architecture.policy_place(f"mapping.{pattern}.{key}") for key in ("engine", "dataflow", "cores", "order")
        )
        if pin.engine is not None and pin.engine not in engines:
            problems.add(f"{what}: unknown engine", engine, found=pin.engine, allowed=engines, suggest_for=pin.engine)
        if pin.dataflow is not None and pin.dataflow not in flows:
            problems.add(f"{what}: unknown dataflow", flow, found=pin.dataflow, allowed=flows, suggest_for=pin.dataflow)
        used = math.prod((pin.cores or {}).values())
        if used > max(1, len(layout.cores)):
            problems.add(
                f"{what}: more cores than there are", cores, found=used, allowed=f"at most {len(layout.cores)}"
            )
        if (pin.cores or {}).get("k", 1) > 1 and layout.architecture.policy.reduction == "none":
            problems.add(f"{what}: K is split over cores, but policy.reduction is none", cores, found=pin.cores,
                         allowed="chain, tree")  # fmt: skip
        if pin.order is not None and not {"m", "n"} <= set(pin.order):
            problems.add(f"{what}: a loop order names at least m and n", order, found="".join(pin.order))
    problems.raise_if_any()
