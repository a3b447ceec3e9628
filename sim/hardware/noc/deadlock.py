"""Freedom from deadlock, judged before a run on the channels (link, class of virtual channels) that routes use.

A packet that holds one channel and waits for the next makes the second a dependency of the first. If no chain of
dependencies closes a circle, some packet can always move (Dally and Seitz, "Deadlock-free message routing in
multiprocessor interconnection networks", IEEE Trans. Computers C-36(5), 1987). Terminals always take what arrives, so
injection and ejection close no circle.
"""

from __future__ import annotations

import numpy as np

from sim.core.errors import Problems
from sim.hardware.noc.routes import MOST_SHOWN, PORT_BITS, PORT_MASK, Ints, Routes


def refuse_cycles(routes: Routes, allowed: str) -> None:
    """Raise InputError when some pair is not connected, or when channels can wait for each other, showing the circle and
    what is ``allowed`` instead."""
    problems = Problems()
    pairs, lost = dependencies(routes)
    for variant, source, destination in lost[:MOST_SHOWN]:
        homes = f"(routers {routes.terminal_router[source]} and {routes.terminal_router[destination]})"
        problems.add(f"terminal {destination} cannot be reached from terminal {source} {homes}, route set {variant}")
    if len(lost) > MOST_SHOWN:
        problems.add(f"... and {len(lost) - MOST_SHOWN} more pairs of terminals")
    if not lost:
        circle = find_circle(pairs)
        if circle:
            names = [f"{routes.links.name(at // routes.classes)} (class {at % routes.classes})" for at in circle]
            problems.add(
                "the routes can deadlock: these channels wait for each other in a circle",
                found=" -> ".join(names[:MOST_SHOWN] + (["..."] if len(names) > MOST_SHOWN else []) + names[:1]),
                allowed=allowed,
            )
    problems.raise_if_any()


def dependencies(routes: Routes) -> tuple[Ints, list[tuple[int, int, int]]]:
    """Walk every route at once: pairs (channel held, channel wanted next) with channel = link * classes + class, sorted;
    and the (variant, source, destination) whose route leads nowhere."""
    links, at_port = routes.links, routes.link_at_port
    variant, source, destination = (
        index.ravel() for index in np.indices((routes.variants, routes.terminals, routes.terminals))
    )
    router = routes.terminal_router[source]
    held = np.full(len(router), -1, dtype=np.int64)
    found = [np.zeros((0, 2), dtype=np.int64)]
    lost = np.zeros(len(router), dtype=bool)
    for _ in range(len(links) * routes.classes + 1):
        entry = routes.table[variant, router, destination]
        port = entry & PORT_MASK
        link = np.where(port < routes.ports, at_port[router, np.minimum(port, routes.ports - 1)], -1)
        home = (router == routes.terminal_router[destination]) & (port == routes.terminal_port[destination])
        stuck = (link < 0) & ~home
        lost |= _spread(stuck, variant, source, destination, routes, lost.size)
        go = link >= 0
        if not go.any():
            break
        variant, source, destination, link, held, entry = (
            values[go] for values in (variant, source, destination, link, held, entry)
        )
        ring, last = links.ring[link], held // routes.classes
        keep = (held >= 0) & (ring >= 0) & (links.ring[last] == ring)
        wanted = link * routes.classes + np.where(keep, held % routes.classes, entry >> PORT_BITS)
        chained = held >= 0
        found.append(np.unique(np.stack([held[chained], wanted[chained]], axis=1), axis=0))
        held, router = wanted, links.target[link]
    else:
        lost |= _spread(np.ones(len(variant), dtype=bool), variant, source, destination, routes, lost.size)
    where = np.argwhere(lost.reshape(routes.variants, routes.terminals, routes.terminals))
    return np.unique(np.concatenate(found), axis=0), [(int(a), int(b), int(c)) for a, b, c in where]


def _spread(which: Ints, variant: Ints, source: Ints, destination: Ints, routes: Routes, size: int) -> Ints:
    full = np.zeros(size, dtype=bool)
    full[((variant * routes.terminals + source) * routes.terminals + destination)[which]] = True
    return full


def find_circle(pairs: Ints) -> list[int]:
    """A circle in the relation ``pairs`` (from, to), as the list of its members; empty when there is none."""
    after: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        after.setdefault(one, []).append(other)
    done: set[int] = set()
    for start in sorted(after):
        trail: dict[int, int] = {}
        stack = [(start, iter(after.get(start, ())))]
        trail[start] = 0
        while stack:
            here, rest = stack[-1]
            following = next((other for other in rest if other not in done), None)
            if following is None:
                done.add(here)
                trail.pop(here, None)
                stack.pop()
            elif following in trail:
                return [at for at, _ in stack[trail[following] :]]
            else:
                trail[following] = len(stack)
                stack.append((following, iter(after.get(following, ()))))
    return []
