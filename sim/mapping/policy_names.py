"""The strategies that ``policy:`` names: each must be known, and all that are not are told at once, at their places."""

from __future__ import annotations

from typing import Any

from sim.config.architecture import Architecture
from sim.core.errors import Problems
from sim.core.registry import Registry
from sim.mapping.dispatch.policy import dispatchers
from sim.mapping.placement.policy import placements
from sim.mapping.residency.policy import residencies
from sim.mapping.schedulers.policy import schedulers

NAMED: dict[str, Registry[Any]] = {
    "placement": placements,
    "residency": residencies,
    "scheduler": schedulers,
    "dispatch": dispatchers,
}
"""Keys of ``policy:`` that name a strategy, and where it is looked up."""


def check_policy_names(architecture: Architecture) -> None:
    """Raise InputError with every unknown strategy."""
    problems = Problems()
    for key, registry in NAMED.items():
        name = getattr(architecture.policy, key)
        if name not in registry:
            problems.add(f"policy.{key}: unknown {registry.what}", architecture.policy_place(key), found=name,
                         allowed=registry.names(), suggest_for=name)  # fmt: skip
    problems.raise_if_any()
