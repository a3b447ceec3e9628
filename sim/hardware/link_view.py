"""The static view of a link: what it joins, and the model of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sim.config.architecture import LinkNode
from sim.config.spec import links as link_kinds
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
