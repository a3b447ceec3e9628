"""``policy:``: the strategies that it names must be known, and keys that only say how something else is done need that.

All that is wrong is told at once, at its place.
"""

from __future__ import annotations

from typing import Any

from sim.config.architecture import Architecture
from sim.core.errors import Problems
from sim.core.registry import Registry
from sim.hardware.noc.traffic_collectives import ALGORITHMS
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


def check_policy(architecture: Architecture) -> None:
    """Raise InputError with every unknown strategy and every key that says nothing."""
    problems, policy = Problems(), architecture.policy
    for key, registry in NAMED.items():
        name = getattr(policy, key)
        if name not in registry:
            problems.add(f"policy.{key}: unknown {registry.what}", architecture.policy_place(key), found=name,
                         allowed=registry.names(), suggest_for=name)  # fmt: skip
    for function, algorithm in policy.collectives.items():
        place = architecture.policy_place(f"collectives.{function}")
        known = ALGORITHMS.get(function)
        if known is None:
            problems.add("policy.collectives: unknown function", place, found=function, allowed=ALGORITHMS,
                         suggest_for=function)  # fmt: skip
        elif algorithm not in known:
            problems.add(f"policy.collectives: unknown algorithm of {function}", place, found=algorithm, allowed=known,
                         suggest_for=algorithm)  # fmt: skip
    if policy.sub_batches == 1:
        idle = {"sub_batch_split": "sub_batch_split" in policy.model_fields_set,
                "scheduler": policy.scheduler == "lock_step"}  # fmt: skip
        for key in (key for key, given in idle.items() if given):
            message = f"policy.{key}: {getattr(policy, key)} says nothing without sub-batches"
            problems.add(
                message, architecture.policy_place(key), found="sub_batches: 1", allowed="sub_batches of 2 or more"
            )
    problems.raise_if_any()
