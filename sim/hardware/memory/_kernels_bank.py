# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg, var-annotated"
"""Compiled: a stream of requests issued in order to all channels of a memory."""

from __future__ import annotations

from numba import njit

from sim.hardware._kernel import moved, words
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory._kernels_bank_cycle import advance, run_to_rest, run_to_space
from sim.hardware.memory._kernels_bank_queues import accept, full


@njit(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64, int64, int64, int64[::1])",
    cache=True,
)
def issue_in_order(parameters, states, requests, channel, not_before, lines, width, start, base, outcome):
    """Issue requests in order, at most ``width`` a cycle, stalling at the head while its channel is full.

    Request i stands at ``base + i`` of the request array. ``outcome``: the last cycle that accepted one, and the cycles
    in which the head waited. Returns the cycle after the last.
    """
    p, r, log, first = words(parameters), words(requests), words(lines), words(states)
    cycle, used, last, stalls = start, 0, start, 0
    for i in range(channel.size):
        if not_before[i] > cycle:
            cycle, used = not_before[i], 0
        elif used == width:
            cycle, used = cycle + 1, 0
        s = moved(first, channel[i] * at.STATE)
        write = requests[(base + i) * at.REQUEST + at.WRITE]
        advance(p, s, r, log, cycle)
        if full(p, s, write):
            free = run_to_space(p, s, r, log, write)
            stalls += free - cycle
            cycle, used = free, 0
        accept(p, s, r, base + i, cycle + 1)
        used += 1
        last = cycle
    outcome[0] = last
    outcome[1] = stalls
    return cycle + 1


@njit("void(int64[::1], int64[::1], int64[::1], int64[::1])", cache=True)
def drain_all(parameters, states, requests, lines):
    """Run every channel until nothing is left to do."""
    p, r, log = words(parameters), words(requests), words(lines)
    for first in range(0, states.size, at.STATE):
        run_to_rest(p, moved(words(states), first), r, log)


@njit("void(int64[::1], int64[::1], int64[::1], int64[::1], int64)", cache=True)
def advance_all(parameters, states, requests, lines, until):
    """Run every channel through cycle ``until``."""
    p, r, log = words(parameters), words(requests), words(lines)
    for first in range(0, states.size, at.STATE):
        advance(p, moved(words(states), first), r, log, until)
