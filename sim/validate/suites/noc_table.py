"""What the network suites have in common: the columns that describe a network, and building it from a row."""

from __future__ import annotations

import re
from functools import cache
from math import isqrt, prod

from pydantic import ValidationError

from sim.core.errors import InputError, Problem
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import Topology, topologies
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze
from sim.validate.table import Column, Row

ORIGIN = "BookSim2, commit 28f43299"
SEEDS = range(5)
SHAPES = "mesh4x4, torus4x4x2, ring8, xbar16, fattree16"
_NAME = re.compile(r"(mesh|torus|ring|xbar|fattree)([0-9]{1,5}(?:x[0-9]{1,5}){0,4})")
MAX_NODES = 4096
"""Terminals of one network of a table."""
MAX_DELAY = 1000


def router_columns(*, optional: bool = False) -> tuple[Column, ...]:
    """Columns of the router's parameters; ``optional`` ones default to the router's own."""
    least = dict.fromkeys(("vc_alloc_delay", "sw_alloc_delay", "st_final_delay"), 1)
    least |= dict.fromkeys(("routing_delay", "credit_delay", "speculative"), 0)
    return (
        Column("num_vcs", "integer", at_least=1, at_most=64),
        Column("vc_buf_size", "integer", at_least=1, at_most=65_536),
        *(Column(name, "integer", optional, lowest, MAX_DELAY) for name, lowest in least.items()),
    )


def router_of(row: Row) -> RouterSpec:
    """The router that a row describes."""
    named = {
        "routing_delay": "routing_delay", "vc_alloc_delay": "vc_allocation_delay",
        "sw_alloc_delay": "switch_allocation_delay", "st_final_delay": "switch_traversal_delay",
        "credit_delay": "credit_delay", "speculative": "speculative",
    }  # fmt: skip
    given = {field: row.integer(column) for column, field in named.items() if column in row.values and row.has(column)}
    keys = {"virtual_channels": row.integer("num_vcs"), "buffer_flits": row.integer("vc_buf_size"), **given}
    try:
        return RouterSpec.model_validate(keys)
    except ValidationError as error:
        message = "; ".join(f"{one['loc'][0] if one['loc'] else 'router'}: {one['msg']}" for one in error.errors())
        raise InputError([Problem(f"no such router: {message}", row.place("num_vcs"))]) from error


def network_of(row: Row, link_latency: int = 1) -> tuple[Topology, Routes]:
    """The topology that a row names and its routes."""
    name = row.text("topology")
    match = _NAME.fullmatch(name)
    sizes = tuple(int(size) for size in match.group(2).split("x")) if match else ()
    square = all(isqrt(size) ** 2 == size for size in sizes)
    if match is None or not 1 <= prod(sizes) <= MAX_NODES or (match.group(1) == "fattree" and not square):
        raise InputError([Problem("unknown network", row.place("topology"), found=name, allowed=f"such as {SHAPES}")])
    return _network(match.group(1), sizes, link_latency)


@cache
def _network(kind: str, sizes: tuple[int, ...], link_latency: int) -> tuple[Topology, Routes]:
    keys: dict[str, object] = {"link_latency": link_latency}
    if kind in ("mesh", "torus", "ring"):
        registered, keys["dims"] = ("torus" if kind == "ring" else kind), sizes
    elif kind == "xbar":
        registered, keys["terminals"] = "crossbar", sizes[0]
    else:
        registered, keys["levels"] = "fat_tree", 2
        keys["arity"] = isqrt(sizes[0])
    chosen = topologies.get(registered)
    topology = chosen(chosen.Spec.model_validate(keys))
    return topology, freeze(topology)
