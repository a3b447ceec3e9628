"""The static view of a link: what it joins, and the model of its kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sim.config.architecture import LinkNode
from sim.config.check import tell_faults
from sim.config.link_ends import unknown_endpoints
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


def check_links(inside: Iterable[LinkView], between_chips: Iterable[LinkView], problems: Problems) -> None:
    """Adds what is wrong between the keys of links and the ends that they join."""
    _check_copies((*inside, *between_chips), problems)
    for link in inside:
        if link.node.spec.joins is not None:
            message = f"{link.path}: only a link between chips `joins` a number of them"
            problems.add(message, link.node.written.at(["joins"]).place)
    for link in (*inside, *between_chips):
        spec, sound = link.node.spec, dict(link.node.spec)
        faults = [*unknown_endpoints(type(spec), sound, link.endpoints), *spec.faults_with(sound, link.endpoints)]
        tell_faults(faults, link.node.written, f"{link.node.path} ({link.node.kind})", problems)


def _check_copies(links: Iterable[LinkView], problems: Problems) -> None:
    """Adds a problem for every declaration of links several of whose copies join the same ends: one of them is used."""
    copies: dict[tuple[Place, tuple[str, ...]], list[str]] = {}
    for link in links:
        copies.setdefault((link.node.written.at(["count"]).place, link.endpoints), []).append(link.path)
    for (place, _), paths in copies.items():
        if len(paths) > 1:
            problems.add(
                f"copies of a link join the same ends, and a route takes one of them: {', '.join(paths)}", place,
                found=f"count: {len(paths)}",
                allowed="count: 1, and the bandwidth or width of all together; between chips, `joins`",
            )  # fmt: skip


def tell_missed(
    start: str, place: Place, ends: Iterable[tuple[str, Place]], links: Iterable[LinkView], problems: Problems
) -> None:
    """Adds a problem for the ``ends`` that no link leads to from ``start``: at the place of what is on no link, of the start
    when both are or neither is."""
    joined = {end for link in links for end in link.endpoints}
    by_place: dict[Place, list[str]] = {}
    for end, end_place in ends:
        blamed = end_place if start in joined and end not in joined else place
        by_place.setdefault(blamed, []).append(end)
    for blamed, paths in by_place.items():
        alone = [path for path in (start, *paths) if path not in joined]
        found = f"{', '.join(alone)} on no link" if alone else None
        problems.add(f"no link leads from {start} to {', '.join(paths)}", blamed, found=found)
