"""The static view of a link: what it joins, and the model of its kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sim.config.architecture import LinkNode
from sim.config.spec import links as link_kinds
from sim.core.errors import Place, Problems
from sim.hardware.noc.link import LinkModel, Passages


@dataclass(frozen=True)
class LinkView:
    """One link instance and the memories it joins."""

    path: str
    node: LinkNode
    endpoints: tuple[str, ...]

    @cached_property
    def model(self) -> LinkModel:
        made: LinkModel = link_class(self).model_of(self.node.spec, self.node.clock_hz)
        return made

    @cached_property
    def passages(self) -> Passages:
        """The ways through it."""
        found: Passages = link_class(self).passages(self.node.spec, self.node.clock_hz, self.endpoints)
        return found

    @property
    def one_port_per_endpoint(self) -> bool:
        """Do messages to different destinations share the source's port?"""
        return self.node.kind != "point_to_point"


def link_class(view: LinkView) -> Any:
    """The component class of a link."""
    return link_kinds.get(view.node.kind)


def check_copies(links: Iterable[LinkView], problems: Problems) -> None:
    """Adds a problem for every declaration of links several of whose copies join the same ends: one of them is used."""
    copies: dict[tuple[Place, tuple[str, ...]], list[str]] = {}
    for link in links:
        copies.setdefault((link.node.place, link.endpoints), []).append(link.path)
    for (place, _), paths in copies.items():
        if len(paths) > 1:
            problems.add(
                f"copies of a link join the same ends, and a route takes one of them: {', '.join(paths)}", place,
                found=f"count: {len(paths)}",
                allowed="count: 1, and the bandwidth or width of all together; between chips, `joins`",
            )  # fmt: skip
