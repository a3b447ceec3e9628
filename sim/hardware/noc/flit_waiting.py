"""Explains a deadlock of the flit model: who waits for what."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.hardware.noc import _flit_layout as at
from sim.hardware.noc.flit_state import FlitState
from sim.hardware.noc.routes import MOST_SHOWN, Ints, Routes


def waiting_report(state: FlitState, routes: Routes, nodes: Ints, now: int) -> str:
    """Who waits for what: each blocked packet with the channel it holds and the one it wants; of a multicast, a line for
    each branch that has not sent its tail. ``nodes``: those of trees."""
    blocked = np.flatnonzero(state.inputs[:, at.COUNT] > 0)
    lines = []
    for q in blocked[:MOST_SHOWN]:
        row = state.inputs[q]
        flit = int(row[at.FLITS + row[at.HEAD]])
        packet = (flit & at.FLIT_MASK) >> 1
        ends = state.packets[packet]
        many = ends[at.DESTINATION] < 0
        to = f"{nodes[-ends[at.DESTINATION] + at.N_COPIES]} terminals" if many else str(ends[at.DESTINATION])
        where = (
            f"packet {packet} ({ends[at.SOURCE]} to {to}) in router {row[at.ROUTER]} port {row[at.PORT]} "
            f"channel {row[at.INDEX]} waits for"
        )
        waits = _branches(state, row, int(q)) if row[at.STATE] == at.FORKED else [_want(row)]
        lines += [f"{where} {what} on {_output(routes, row, out)}" for what, out in waits]
    more = f"; and {len(blocked) - MOST_SHOWN} more" if len(blocked) > MOST_SHOWN else ""
    total = int(state.counters[at.IN_FLIGHT])
    return f"at cycle {now} no flit can move, {total} are under way: " + "; ".join(lines) + more


def _want(row: Ints) -> tuple[str, int]:
    what = f"a credit of channel {row[at.OUT_VC]}" if row[at.STATE] == at.ACTIVE else "a free virtual channel"
    return what, int(row[at.OUT])


def _branches(state: FlitState, row: Ints, q: int) -> Iterator[tuple[str, int]]:
    for out in range(state.layout.n_ports):
        if row[at.BRANCHES] >> out & 1:
            _, vc, sent = state.branches[q, out]
            starved = sent - row[at.GONE] == row[at.COUNT]
            has_channel = f"its own rest, for channel {vc}" if starved else f"a credit of channel {vc}"
            yield (has_channel if vc >= 0 else "a free virtual channel"), out


def _output(routes: Routes, row: Ints, out: int) -> str:
    link = int(routes.link_at_port[row[at.ROUTER], out])
    return f"link {routes.links.name(link)}" if link >= 0 else f"the terminal at port {out}"
