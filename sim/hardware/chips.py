"""Several chips in one architecture: which group is the chip, which links join chips, and which chips are simulated.

A *chip* is a copy of the group that holds a component of kind ``collectives``; a link that joins only those is a link
between chips. Chips that do the same work are one simulated chip and its copies; messages between all of them are real.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.config.architecture import Architecture, ComponentNode, Instance, LinkNode
from sim.core.errors import Problems
from sim.hardware.collectives import CollectivesSpec


@dataclass(frozen=True)
class Chips:
    """The chips: declared path of their ``group``, the collectives component of each (``ends``), links between them."""

    group: str
    ends: tuple[str, ...]
    links: tuple[LinkNode, ...]
    node: ComponentNode

    @property
    def paths(self) -> tuple[str, ...]:
        """Instance path of every chip."""
        name = self.node.path.rpartition(".")[2]
        return tuple(end.removesuffix(f".{name}") for end in self.ends)

    def endpoints(self, link: Instance) -> tuple[str, ...]:
        """The ends that a copy of a link between chips joins: all, or its ``joins`` consecutive ones."""
        assert isinstance(link.node, LinkNode)
        size = link.node.spec.joins
        copy = link.indices[-1] if link.indices else 0
        return self.ends if size is None else self.ends[copy * size : (copy + 1) * size]


def find_chips(architecture: Architecture) -> Chips | None:
    """The chips of an architecture; None when it has no component of kind ``collectives``. Raises InputError."""
    nodes = [node for node in architecture.components if isinstance(node.spec, CollectivesSpec)]
    if not nodes:
        return None
    problems, node = Problems(), nodes[0]
    for other in nodes[1:]:
        problems.add("an architecture has one kind of chip: one `kind: collectives`", other.place, found=other.path)
    if not node.group or node.spec.count > 1:
        problems.add("`kind: collectives` stands once in the group that is a chip", node.place, found=node.path)
    problems.raise_if_any()
    links = tuple(link for link in architecture.links if set(link.connects) == {node.path})
    for link in links:
        if link.group:
            problems.add("a link between chips stands at the top level", link.place, found=link.group)
        size = link.spec.joins
        if size is not None and size * link.total != node.total:
            message = f"{link.path}: its copies times `joins` are the chips they join"
            problems.add(
                message, link.written.at(["joins"]).place, found=f"{link.total} x {size}", allowed=f"{node.total} chips"
            )
    problems.raise_if_any()
    return Chips(node.group, tuple(one.path for one in architecture.instances(node)), links, node)


def one_chip(architecture: Architecture, chips: Chips, chip: int) -> Architecture:
    """The architecture with only chip number ``chip``, and without the links between chips."""
    inside = tuple(link for link in architecture.links if link not in chips.links)
    return replace(architecture, links=inside, kept=(chips.group, chips.paths[chip]))
