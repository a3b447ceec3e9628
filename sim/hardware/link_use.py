"""Which links of a machine nothing can take: routes are frozen, and each takes one link where several join the same ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sim.core.errors import Place
from sim.hardware.layout import Layout
from sim.hardware.link_view import LinkView


def untaken(layout: Layout) -> Iterator[str]:
    """A sentence about every declared link that nothing can take, as others are faster or lead by fewer; with its place."""
    idle = {link.path: why for link, why in (*_inside(layout), *_between_chips(layout))}
    copies: defaultdict[Place, list[LinkView]] = defaultdict(list)
    for link in (*layout.links, *layout.chip_links):
        copies[link.node.place].append(link)
    for place, links in copies.items():
        if all(link.path in idle for link in links):
            yield f"{place}: {links[0].node.path} carries nothing: {idle[links[0].path]}"


def _inside(layout: Layout) -> Iterator[tuple[LinkView, str]]:
    routes = [*layout.routes.values(), *layout.engine_routes.values()]
    paths = {tier.path for tier in layout.tiers}
    for path in sorted(paths):
        routes += [hops for end, hops in layout.reached_from(path).items() if end in paths]
    taken = {hop.link for hops in routes for hop in hops}
    if layout.link_between_cores is not None:
        taken.add(layout.link_between_cores.path)
    for link in layout.links:
        if link.path not in taken:
            yield link, "every route has fewer links, or links declared before it"


def _between_chips(layout: Layout) -> Iterator[tuple[LinkView, str]]:
    at: defaultdict[str, list[LinkView]] = defaultdict(list)
    for link in layout.chip_links:
        for end in link.endpoints:
            at[end].append(link)
    for link in layout.chip_links:
        beside = [other for other in at[link.endpoints[0]] if set(link.endpoints) <= set(other.endpoints)]
        best = max(beside, key=lambda other: other.model.bytes_per_s)
        if best is not link:
            yield link, f"two chips take the fastest link that joins them, here {best.path}"
