# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg, var-annotated"
"""Compiled: the queues of one channel (read queue, write buffer, bank queues) and requests to the same address.

A request is a number; its words stand in the request array ``r``. Reads and writes that wait for a bank are a list each,
linked by the words BEHIND; the banks with such and room in their queue are the bits of a MOVABLE word. Small counting
filters keep the search for a pending request of the same address off the common path; a search that is made is exact.
"""

from __future__ import annotations

from sim.hardware._kernel import hot, inner, lowest
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory._bank_layout import FAR, NONE
from sim.hardware.memory._kernels_bank_commands import find_candidates


@hot
def _slot(address):
    return ((address >> 5) ^ (address >> 15) ^ (address >> 25)) & (at.FILTER - 1)


@inner
def pending(p, s, r, address, bank, write):
    """The queued request of this kind and address that no command has served yet, or NONE."""
    filters = at.FILTER_WR if write else at.FILTER_RD
    if s[filters + _slot(address)] == 0:
        return NONE
    kind = write * at.MAX_BANKS + bank
    request = s[at.FIRST_WAITING + kind]
    for _ in range(s[at.WAITING + kind]):
        if r[request * at.REQUEST + at.ADDRESS] == address:
            return request
        request = r[request * at.REQUEST + at.BEHIND]
    base = at.QUEUE + bank * at.MAX_BANK_QUEUE
    for k in range(base, base + s[at.LENGTH + bank]):
        q = s[k] * at.REQUEST
        if r[q + at.ADDRESS] == address and r[q + at.WRITE] == write:
            return s[k]
    return NONE


@hot
def full(p, s, write):
    """Does the channel refuse a request of this kind?"""
    if write:
        return s[at.WRITES_WAITING] >= p[at.WRITE_QUEUE]
    return s[at.READS_WAITING] + p[at.SHARED_QUEUE] * s[at.READS_QUEUED] >= p[at.READ_QUEUE]


@hot
def _wait(p, s, r, request, bank, write):
    """A request joins those of its kind and bank that wait, in the order in which they came."""
    kind, q = write * at.MAX_BANKS + bank, request * at.REQUEST
    r[q + at.AGE] = s[at.ACCEPTED]
    s[at.ACCEPTED] += 1
    if s[at.WAITING + kind] == 0:
        s[at.FIRST_WAITING + kind] = request
    else:
        r[s[at.LAST_WAITING + kind] * at.REQUEST + at.BEHIND] = request
    s[at.LAST_WAITING + kind] = request
    s[at.WAITING + kind] += 1
    s[at.READS_WAITING + write] += 1
    if s[at.LENGTH + bank] < p[at.BANK_QUEUE]:
        s[at.MOVABLE + write] |= 1 << bank
    s[at.FILTER_RD + write * at.FILTER + _slot(r[q + at.ADDRESS])] += 1


@hot
def accept(p, s, r, request, cycle):
    """A request reaches the channel; ``cycle`` is the first cycle in which it may move on."""
    q = request * at.REQUEST
    address, bank, write = r[q + at.ADDRESS], r[q + at.BANK], r[q + at.WRITE]
    r[q + at.ADDED] = cycle
    same_write = pending(p, s, r, address, bank, 1)
    if write:
        r[q + at.DONE] = cycle + 1
        if same_write != NONE:
            s[at.MERGED] += 1
            return
    else:
        if same_write != NONE:
            r[q + at.DONE] = cycle + 1
            s[at.LAST_READ_DONE] = max(s[at.LAST_READ_DONE], cycle + 1)
            s[at.FORWARDED] += 1
            return
        same_read = pending(p, s, r, address, bank, 0)
        if same_read != NONE:
            r[q + at.JOIN] = r[same_read * at.REQUEST + at.JOIN]
            r[same_read * at.REQUEST + at.JOIN] = request
            s[at.JOINED] += 1
            return
    _wait(p, s, r, request, bank, write)


@hot
def _erase(s, base, place, length):
    for k in range(base + place, base + length - 1):
        s[k] = s[k + 1]


@hot
def _enter_bank(p, s, r, request, bank):
    length = s[at.LENGTH + bank]
    s[at.QUEUE + bank * at.MAX_BANK_QUEUE + length] = request
    s[at.LENGTH + bank] = length + 1
    s[at.QUEUED] += 1
    s[at.WRITES_IN + bank] += r[request * at.REQUEST + at.WRITE]
    if length + 1 == p[at.BANK_QUEUE]:
        s[at.READS_MOVABLE] &= ~(1 << bank)
        s[at.WRITES_MOVABLE] &= ~(1 << bank)
    find_candidates(p, s, r, bank)
    s[at.NEXT_COMMAND] = min(s[at.NEXT_COMMAND], s[at.READY_ROW + bank], s[at.READY_COLUMN + bank])


@hot
def _oldest(s, r, write):
    """The bank of the oldest request of this kind that fits in its bank queue."""
    movable, found, oldest = s[at.MOVABLE + write], NONE, FAR
    while movable:
        bank = lowest(movable)
        movable &= movable - 1
        age = r[s[at.FIRST_WAITING + write * at.MAX_BANKS + bank] * at.REQUEST + at.AGE]
        if age < oldest:
            found, oldest = bank, age
    return found


@hot
def _move(p, s, r, bank, write):
    """The first of those of this kind that wait for ``bank`` enters its queue."""
    kind = write * at.MAX_BANKS + bank
    request = s[at.FIRST_WAITING + kind]
    s[at.FIRST_WAITING + kind] = r[request * at.REQUEST + at.BEHIND]
    s[at.WAITING + kind] -= 1
    s[at.READS_WAITING + write] -= 1
    if s[at.WAITING + kind] == 0:
        s[at.MOVABLE + write] &= ~(1 << bank)
    _enter_bank(p, s, r, request, bank)


@hot
def _move_read(p, s, r):
    s[at.READS_QUEUED] += 1
    _move(p, s, r, _oldest(s, r, 0), 0)


@inner
def _move_write(p, s, r):
    """Move the oldest write that fits; a pending read of its address ends the drain instead (returns False)."""
    bank = _oldest(s, r, 1)
    request = s[at.FIRST_WAITING + at.MAX_BANKS + bank]
    if pending(p, s, r, r[request * at.REQUEST + at.ADDRESS], bank, 0) != NONE:
        s[at.DRAINING] = 0
        return False
    s[at.DRAINING] -= 1
    _move(p, s, r, bank, 1)
    return True


@hot
def drain_starts(p, s):
    """Would the write buffer start to drain now?"""
    waiting = s[at.WRITES_WAITING]
    return waiting >= p[at.DRAIN_HIGH] or (waiting > p[at.DRAIN_IDLE] and s[at.QUEUED] == 0)


@hot
def can_move(p, s):
    """Would the next cycle move a request to its bank queue (or try to)?"""
    if s[at.DRAINING] == 0 and not drain_starts(p, s):
        return s[at.READS_MOVABLE] != 0
    return s[at.WRITES_MOVABLE] != 0


@hot
def move_one(p, s, r):
    """Move one request to its bank queue, the oldest that fits; from the write buffer while it drains."""
    if s[at.DRAINING] == 0 and drain_starts(p, s):
        s[at.DRAINING] = s[at.WRITES_WAITING]
    if s[at.DRAINING] == 0:
        if s[at.READS_MOVABLE]:
            _move_read(p, s, r)
    elif s[at.WRITES_MOVABLE] and not _move_write(p, s, r) and s[at.QUEUED] == 0 and s[at.READS_MOVABLE]:
        # With empty bank queues nothing but this read can end the wait: it moves, or both would wait for ever.
        _move_read(p, s, r)


@hot
def leave_bank(p, s, r, bank, place):
    """Take the request at ``place`` out of its bank queue; returns it."""
    base = at.QUEUE + bank * at.MAX_BANK_QUEUE
    request = s[base + place]
    length = s[at.LENGTH + bank]
    if length == p[at.BANK_QUEUE]:
        s[at.READS_MOVABLE] |= min(s[at.WAITING + bank], 1) << bank
        s[at.WRITES_MOVABLE] |= min(s[at.WAITING + at.MAX_BANKS + bank], 1) << bank
    _erase(s, base, place, length)
    s[at.LENGTH + bank] = length - 1
    s[at.QUEUED] -= 1
    s[at.READS_QUEUED] -= 1 - r[request * at.REQUEST + at.WRITE]
    s[at.WRITES_IN + bank] -= r[request * at.REQUEST + at.WRITE]
    return request


@hot
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
