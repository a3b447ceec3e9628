"""Multicast in the flit model: a packet to several terminals takes each channel of its tree once, and routers fork it.

In an input virtual channel a packet of a tree has a *branch* for every output behind it. Each branch waits for an output
channel and sends flits by itself; a flit leaves the buffer, and its credit goes back, when the slowest branch has sent it.
An input port reads one flit per cycle, and the switch hands it to all branches at that flit whose outputs have granted; of
branches that have come apart, those furthest behind go first, so they meet again. Where two branches want the same output
in two classes (from a source on a ring, say) the second begins when the first has sent its tail.

Why this cannot end in a deadlock. A fork is dangerous when its buffer cannot take all of the packet: a branch that holds a
channel then needs the packet's rest, which cannot come in while another branch keeps the buffer full, so a channel waits for
one of another route, which the check of routes has not judged (two trees that hold one of two outputs each wait for ever).
Therefore packets of a tree are no longer than a buffer. A packet forks only when it is in front of its buffer. Then all
that was ahead of it is gone, nobody else sends into the buffer before its tail is in, and so the buffer has room for all of
it. Nothing but turns at the switch keeps the packet's rest from coming in: upstream it is in front of its buffer, too, and
as much room for it there. By induction from the source on, no branch waits for another, but only for the channel behind it,
as a packet to one terminal would: all dependencies between channels are those of routes.

Left out: reading several flits of one buffer in a cycle, trees that fork late to balance links, reduction in routers.
"""

from __future__ import annotations

import numpy as np

from sim.hardware.noc import _flit_layout as at
from sim.hardware.noc.multicast_tree import TreeNode, tree_of
from sim.hardware.noc.routes import Ints, Routes


class FlitTrees:
    """The trees of a network, as rows of ``nodes`` (see :mod:`sim.hardware.noc._flit_layout`); they only get more, so all
    copies of a network share them."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._rows = np.zeros((1, at.NODE_WIDTH), dtype=np.int64)  # no node is number 0
        self._used = 1
        self._roots: dict[tuple[int, tuple[int, ...]], int] = {}

    @property
    def nodes(self) -> Ints:
        """Rows of nodes, flat."""
        return self._rows.ravel()

    def root(self, source: int, destinations: tuple[int, ...]) -> int:
        """Where the tree's root stands in :attr:`nodes`."""
        found = self._roots.get((source, destinations))
        if found is None:
            nodes = tree_of(self._routes, source, destinations)
            found = self._roots[source, destinations] = self._plant(nodes, len(set(destinations)))
        return found

    def copies_of(self, destinations: Ints) -> Ints:
        """How many terminals each entry of ``Packets.destination`` stands for."""
        copies = np.ones(len(destinations), dtype=np.int64)
        trees = destinations < 0
        copies[trees] = self.nodes[at.N_COPIES - destinations[trees]]
        return copies

    def _plant(self, nodes: list[TreeNode], copies: int) -> int:
        first = self._used
        self._used += 1 + len(nodes)
        if self._used > len(self._rows):
            more = np.zeros((max(self._used, 2 * len(self._rows)) - len(self._rows), at.NODE_WIDTH), dtype=np.int64)
            self._rows = np.concatenate([self._rows, more])
        mine = self._rows[first : self._used]
        mine[:] = -1
        mine[0, at.N_COPIES] = copies
        for place, (parent, port, vc_class) in enumerate(nodes, 1):
            mine[place, at.N_OUT], mine[place, at.N_CLASS] = port % self._routes.ports, vc_class
            self._hang(mine, first, parent + 1, place)
        return first * at.NODE_WIDTH

    @staticmethod
    def _hang(mine: Ints, first: int, parent: int, place: int) -> None:
        """Node ``place`` becomes the first behind its parent, or of those there that want its output."""
        here, field, number = parent, at.N_CHILD, (first + place) * at.NODE_WIDTH
        while mine[here, field] >= 0:
            child = int(mine[here, field]) // at.NODE_WIDTH - first
            if mine[child, at.N_OUT] == mine[place, at.N_OUT]:
                mine[place, at.N_SIBLING], mine[child, at.N_SIBLING] = mine[child, at.N_SIBLING], -1
                mine[place, at.N_AGAIN], mine[here, field] = mine[here, field], number
                return
            here, field = child, at.N_SIBLING
        here, field = parent, at.N_CHILD
        mine[place, at.N_SIBLING], mine[here, field] = mine[here, field], number
