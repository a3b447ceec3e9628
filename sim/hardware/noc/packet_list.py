"""Packets to send through a fabric, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.hardware.noc.routes import Ints


@dataclass(frozen=True)
class Packets:
    """Packets to send, one entry each: terminals, flits, the cycle they are created in, the route set they take.

    Packets of one source leave in this order; ``created`` must not fall for any source.
    """

    source: Ints
    destination: Ints
    flits: Ints
    created: Ints
    variant: Ints

    def __len__(self) -> int:
        return len(self.source)


def packets_of(rows: list[tuple[int, int, int, int]] | Any, variants: Ints | None = None) -> Packets:
    """Packets from rows (source, destination, flits, created), sorted by creation; variant 0 unless given."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    variant = np.zeros(len(table), dtype=np.int64) if variants is None else variants
    order = np.argsort(table[:, 3], kind="stable")
    source, destination, flits, created = (np.ascontiguousarray(table[order, column]) for column in range(4))
    return Packets(source, destination, flits, created, np.ascontiguousarray(variant[order]))
