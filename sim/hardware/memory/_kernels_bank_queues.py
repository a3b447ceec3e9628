# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
"""Compiled: the queues of one channel (read queue, write buffer, bank queues) and requests to the same address.

A request is a number; its eight words stand in the request array ``r``. Small counting filters keep the search for a
pending request of the same address off the common path; a search that is made is exact.
"""

from __future__ import annotations

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory._bank_layout import NONE
from sim.hardware.memory._bank_types import inner
from sim.hardware.memory._kernels_bank_commands import find_candidates


@inner
def _slot(address):
    return ((address >> 5) ^ (address >> 15) ^ (address >> 25)) & (at.FILTER - 1)


@inner
def _find(s, r, request, base, length):
    """The entry of a list of requests that has the address and kind wanted (``request`` words), or NONE."""
    for k in range(base, base + length):
        if r[s[k] * at.REQUEST + at.ADDRESS] == request:
            return s[k]
    return NONE


@inner
def pending(s, r, address, bank, write):
    """The queued request of this kind and address that no command has served yet, or NONE."""
    filters = at.FILTER_WR if write else at.FILTER_RD
    if s[filters + _slot(address)] == 0:
        return NONE
    if write:
        found = _find(s, r, address, at.WRITES, s[at.WRITES_WAITING])
    else:
        found = _find(s, r, address, at.READS, s[at.READS_WAITING])
    if found != NONE:
        return found
    base = at.QUEUE + bank * at.MAX_BANK_QUEUE
    for k in range(base, base + s[at.LENGTH + bank]):
        q = s[k] * at.REQUEST
        if r[q + at.ADDRESS] == address and r[q + at.WRITE] == write:
            return s[k]
    return NONE


@inner
def full(p, s, write):
    """Does the channel refuse a request of this kind?"""
    if write:
        return s[at.WRITES_WAITING] >= p[at.WRITE_QUEUE]
    return s[at.READS_WAITING] + p[at.SHARED_QUEUE] * s[at.READS_QUEUED] >= p[at.READ_QUEUE]


@inner
def accept(p, s, r, request, cycle):
    """A request reaches the channel; ``cycle`` is the first cycle in which it may move on."""
    q = request * at.REQUEST
    address, bank, write = r[q + at.ADDRESS], r[q + at.BANK], r[q + at.WRITE]
    r[q + at.ADDED] = cycle
    same_write = pending(s, r, address, bank, 1)
    if write:
        r[q + at.DONE] = cycle + 1
        if same_write != NONE:
            s[at.MERGED] += 1
            return
        s[at.WRITES + s[at.WRITES_WAITING]] = request
        s[at.WRITES_WAITING] += 1
        s[at.WAIT_WR + bank] += 1
        if s[at.LENGTH + bank] < p[at.BANK_QUEUE]:
            s[at.WRITES_MOVABLE] += 1
        s[at.FILTER_WR + _slot(address)] += 1
        return
    if same_write != NONE:
        r[q + at.DONE] = cycle + 1
        s[at.LAST_READ_DONE] = max(s[at.LAST_READ_DONE], cycle + 1)
        s[at.FORWARDED] += 1
        return
    same_read = pending(s, r, address, bank, 0)
    if same_read != NONE:
        r[q + at.JOIN] = r[same_read * at.REQUEST + at.JOIN]
        r[same_read * at.REQUEST + at.JOIN] = request
        s[at.JOINED] += 1
        return
    s[at.READS + s[at.READS_WAITING]] = request
    s[at.READS_WAITING] += 1
    s[at.WAIT_RD + bank] += 1
    if s[at.LENGTH + bank] < p[at.BANK_QUEUE]:
        s[at.READS_MOVABLE] += 1
    s[at.FILTER_RD + _slot(address)] += 1


@inner
def _erase(s, base, place, length):
    for k in range(base + place, base + length - 1):
        s[k] = s[k + 1]


@inner
def _enter_bank(p, s, r, request, bank):
    length = s[at.LENGTH + bank]
    s[at.QUEUE + bank * at.MAX_BANK_QUEUE + length] = request
    s[at.LENGTH + bank] = length + 1
    s[at.QUEUED] += 1
    if length + 1 == p[at.BANK_QUEUE]:
        s[at.READS_MOVABLE] -= s[at.WAIT_RD + bank]
        s[at.WRITES_MOVABLE] -= s[at.WAIT_WR + bank]
    find_candidates(p, s, r, bank)
    group = p[at.GROUP_OF_BANK + bank]
    ready = min(
        max(s[at.CAN_ACT + bank], s[at.GROUP_ACT + group]),
        max(s[at.CAN_PRE + bank], s[at.GROUP_PRE + group]),
        max(s[at.CAN_RD + bank], s[at.GROUP_RD + group]),
        max(s[at.CAN_WR + bank], s[at.GROUP_WR + group]),
    )
    s[at.NEXT_COMMAND] = min(s[at.NEXT_COMMAND], ready)


@inner
def _move_read(p, s, r):
    for k in range(s[at.READS_WAITING]):
        request = s[at.READS + k]
        bank = r[request * at.REQUEST + at.BANK]
        if s[at.LENGTH + bank] < p[at.BANK_QUEUE]:
            _erase(s, at.READS, k, s[at.READS_WAITING])
            s[at.READS_WAITING] -= 1
            s[at.WAIT_RD + bank] -= 1
            s[at.READS_MOVABLE] -= 1
            s[at.READS_QUEUED] += 1
            _enter_bank(p, s, r, request, bank)
            return True
    return False


@inner
def _move_write(p, s, r):
    """Move the oldest write that fits; a pending read of its address ends the drain instead (returns False)."""
    for k in range(s[at.WRITES_WAITING]):
        request = s[at.WRITES + k]
        q = request * at.REQUEST
        bank = r[q + at.BANK]
        if s[at.LENGTH + bank] < p[at.BANK_QUEUE]:
            if pending(s, r, r[q + at.ADDRESS], bank, 0) != NONE:
                s[at.DRAINING] = 0
                return False
            _erase(s, at.WRITES, k, s[at.WRITES_WAITING])
            s[at.WRITES_WAITING] -= 1
            s[at.WAIT_WR + bank] -= 1
            s[at.WRITES_MOVABLE] -= 1
            s[at.DRAINING] -= 1
            _enter_bank(p, s, r, request, bank)
            return True
    return False


@inner
def drain_starts(p, s):
    """Would the write buffer start to drain now?"""
    waiting = s[at.WRITES_WAITING]
    return waiting >= p[at.DRAIN_HIGH] or (waiting > p[at.DRAIN_IDLE] and s[at.QUEUED] == 0)


@inner
def can_move(p, s):
    """Would the next cycle move a request to its bank queue (or try to)?"""
    if s[at.DRAINING] == 0 and not drain_starts(p, s):
        return s[at.READS_MOVABLE] > 0
    return s[at.WRITES_MOVABLE] > 0


@inner
def move_one(p, s, r):
    """Move one request to its bank queue, the oldest that fits; from the write buffer while it drains."""
    if s[at.DRAINING] == 0 and drain_starts(p, s):
        s[at.DRAINING] = s[at.WRITES_WAITING]
    if s[at.DRAINING] == 0:
        if s[at.READS_MOVABLE] > 0:
            _move_read(p, s, r)
    elif s[at.WRITES_MOVABLE] > 0 and not _move_write(p, s, r) and s[at.QUEUED] == 0:
        # With empty bank queues nothing but this read can end the wait: it moves, or both would wait for ever.
        _move_read(p, s, r)


@inner
def leave_bank(p, s, r, bank, place):
    """Take the request at ``place`` out of its bank queue; returns it."""
    base = at.QUEUE + bank * at.MAX_BANK_QUEUE
    request = s[base + place]
    length = s[at.LENGTH + bank]
    if length == p[at.BANK_QUEUE]:
        s[at.READS_MOVABLE] += s[at.WAIT_RD + bank]
        s[at.WRITES_MOVABLE] += s[at.WAIT_WR + bank]
    _erase(s, base, place, length)
    s[at.LENGTH + bank] = length - 1
    s[at.QUEUED] -= 1
    s[at.READS_QUEUED] -= 1 - r[request * at.REQUEST + at.WRITE]
    return request


@inner
def complete(p, s, r, request, cycle):
    """Its command issues in ``cycle``: stamp a read and all that joined it; forget the address."""
    q = request * at.REQUEST
    s[at.LAST_SERVED] = request
    if r[q + at.WRITE]:
        s[at.FILTER_WR + _slot(r[q + at.ADDRESS])] -= 1
        s[at.LAST_WRITE] = cycle
        return
    s[at.FILTER_RD + _slot(r[q + at.ADDRESS])] -= 1
    done = cycle + p[at.READ_DELAY]
    s[at.LAST_READ_DONE] = max(s[at.LAST_READ_DONE], done)
    while request != NONE:
        r[request * at.REQUEST + at.DONE] = done
        request = r[request * at.REQUEST + at.JOIN]
