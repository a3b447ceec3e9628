"""Frozen routes: the links of a fabric and the next hop from each router to each terminal, as integer tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
PORT_BITS = 16
PORT_MASK = (1 << PORT_BITS) - 1
MOST_SHOWN = 8


@dataclass(frozen=True)
class Links:
    """The directed links between routers, one entry each: where it starts and ends, cycles on it, ring number or -1."""

    source: Ints
    source_port: Ints
    target: Ints
    target_port: Ints
    latency: Ints
    ring: Ints

    def __len__(self) -> int:
        return len(self.source)

    def name(self, link: int) -> str:
        """How messages call it: ``3.0->4.1`` leads from port 0 of router 3 to port 1 of router 4."""
        return f"{self.source[link]}.{self.source_port[link]}->{self.target[link]}.{self.target_port[link]}"


@dataclass(frozen=True)
class Routes:
    """A fabric as integers. ``table[variant, router, terminal]`` is the output port plus ``class << PORT_BITS``."""

    routers: int
    ports: int
    terminals: int
    variants: int
    classes: int
    links: Links
    terminal_router: Ints
    terminal_port: Ints
    table: Ints
    shape: tuple[int, ...]

    @cached_property
    def link_at_port(self) -> Ints:
        """[router, port]: the link that leaves there, -1 where none does."""
        found = np.full((self.routers, self.ports), -1, dtype=np.int64)
        found[self.links.source, self.links.source_port] = np.arange(len(self.links))
        return found

    def path(self, source: int, destination: int, variant: int = 0) -> list[tuple[int, int]]:
        """The (link, class) sequence of a packet from one terminal to another."""
        at_port = self.link_at_port
        router, ring, vc_class = int(self.terminal_router[source]), -1, 0
        steps: list[tuple[int, int]] = []
        while True:
            entry = int(self.table[variant, router, destination])
            link = int(at_port[router, entry & PORT_MASK])
            if link < 0:
                return steps
            here = int(self.links.ring[link])
            vc_class = vc_class if here >= 0 and here == ring else entry >> PORT_BITS
            steps.append((link, vc_class))
            router, ring = int(self.links.target[link]), here
