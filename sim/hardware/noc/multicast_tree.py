"""The tree of a multicast: the union of the routes from one terminal to several, as both network models take it.

A channel is one class of virtual channels of one output port. Two destinations share the channels of their routes as far
as these agree from the source on: routes that part and meet again stay two branches, and around a ring a route that
crosses the dateline and one that does not are in different classes. So each branch is a route that the check for deadlocks
has judged, and each channel of a tree waits only for those that follow it on a route.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.hardware.noc.routes import Routes


class TreeNode(NamedTuple):
    """One channel of a tree, reached over the node ``parent`` (-1: the source itself). ``port`` counts all routers' output
    ports: router * ports + port."""

    parent: int
    port: int
    vc_class: int


def tree_of(routes: Routes, source: int, destinations: tuple[int, ...]) -> list[TreeNode]:
    """The nodes of the tree, those of the first destination first, each after its parent; the last one of every route is
    the port of its terminal. All packets of a tree take the first route set."""
    links = routes.links
    nodes: list[TreeNode] = []
    found: dict[tuple[tuple[int, int], ...], int] = {(): -1}
    for destination in destinations:
        channels = [(int(links.source[link] * routes.ports + links.source_port[link]), vc_class)
                    for link, vc_class in routes.path(source, destination)]  # fmt: skip
        channels.append((terminal_port(routes, destination), 0))
        for end in range(1, len(channels) + 1):
            key = tuple(channels[:end])
            if key not in found:
                found[key] = len(nodes)
                nodes.append(TreeNode(found[key[:-1]], *channels[end - 1]))
    return nodes


def links_of_tree(nodes: list[TreeNode], destinations: tuple[int, ...]) -> int:
    """How often a message takes a link on its tree: every node but those of the terminals."""
    return len(nodes) - len(set(destinations))


def terminal_port(routes: Routes, terminal: int) -> int:
    """The output port that leads to a terminal: router * ports + port."""
    return int(routes.terminal_router[terminal] * routes.ports + routes.terminal_port[terminal])
