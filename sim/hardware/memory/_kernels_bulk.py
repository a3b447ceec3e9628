# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
"""Compiled: transfers served row run by row run on one channel, each run of same-row bursts in closed form.

A run is the part of a transfer in one row (or in the rows of equal number of all bank groups, where the mapping puts the
bank group below the column: ``LANES`` banks). Its rows are opened as early as bank, tRRD and tFAW allow from when its
first burst comes into the controller's window (``LOOKAHEAD`` bursts ahead); its columns follow the previous run's, or,
in another bank group and where tCCD_L leaves room for twice the columns, mix with those still in the window.
"""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory._bank_types import POINTER
from sim.hardware.memory._bulk_layout import NONE


@njit(int64(POINTER, POINTER, int64, int64), cache=True)
def _activate_time(p, s, bank, earliest):
    """When the bank's row can be opened, from ``earliest`` on; notes the activate."""
    group = bank // p[at.BANKS_PER_GROUP]
    rank = group // p[at.GROUPS]
    when = max(earliest, s[at.ACT_OK + bank])
    count = s[at.RANK_ACTS + rank]
    slot = at.ACT_TIMES + rank * 4 + count % 4
    if count > 0:
        gap = p[at.RRD_L] if group == s[at.LAST_ACT_GROUP + rank] else p[at.RRD_S]
        when = max(when, s[at.LAST_ACT + rank] + gap)
    if count >= 4:
        when = max(when, s[slot] + p[at.FAW])
    s[slot] = when
    s[at.RANK_ACTS + rank] = count + 1
    s[at.LAST_ACT + rank] = when
    s[at.LAST_ACT_GROUP + rank] = group
    s[at.ACTIVATES] += 1
    return when


@njit(int64(POINTER, POINTER, int64, int64, int64, int64), cache=True)
def _open(p, s, bank, row, write, enters):
    """From when the bank takes columns of ``row``: at once when it is open, else after tRP, tRCD and what else binds."""
    present = s[at.OPEN_ROW + bank]
    if present == row:
        s[at.ROW_HITS] += 1
        return s[at.ACT_OK + bank] - p[at.RC] + (p[at.RCD_WR] if write else p[at.RCD_RD])
    earliest = enters
    if present != NONE:
        s[at.ROW_CONFLICTS] += 1
        earliest = max(enters, s[at.PRE_OK + bank]) + p[at.RP]
    opened = _activate_time(p, s, bank, earliest)
    s[at.OPEN_ROW + bank] = row
    s[at.ACT_OK + bank] = opened + p[at.RC]
    s[at.PRE_OK + bank] = opened + p[at.RAS]
    return opened + (p[at.RCD_WR] if write else p[at.RCD_RD])


@njit(void(POINTER, POINTER, int64), cache=True)
def _refresh_due(p, s, cycle):
    """Refresh every rank whose time has come by ``cycle``: close its banks, tRP, REF, tRFC."""
    per_rank = p[at.GROUPS] * p[at.BANKS_PER_GROUP]
    for rank in range(p[at.RANKS]):
        while s[at.NEXT_REFRESH + rank] <= cycle:
            start = s[at.NEXT_REFRESH + rank]
            closed = start
            for bank in range(rank * per_rank, (rank + 1) * per_rank):
                if s[at.OPEN_ROW + bank] != NONE:
                    closed = max(closed, max(s[at.PRE_OK + bank], start) + p[at.RP])
                    s[at.OPEN_ROW + bank] = NONE
            for bank in range(rank * per_rank, (rank + 1) * per_rank):
                s[at.ACT_OK + bank] = max(s[at.ACT_OK + bank], closed + p[at.RFC])
            s[at.REFRESHES] += 1
            s[at.LOST_REFRESH] += closed + p[at.RFC] - start
            s[at.NEXT_REFRESH + rank] += p[at.REFI]


@njit(int64(POINTER, POINTER, int64, int64), cache=True)
def _direction(p, s, rank, write):
    """The first column slot after the previous run, with the turnaround that a change of kind or rank costs."""
    slot = s[at.NEXT_COLUMN]
    if s[at.LAST_RANK] == NONE:
        return slot
    if s[at.LAST_WRITE] != write:
        turn = p[at.RD_WR] if write else p[at.WR_RD]
        slot = max(slot, s[at.LAST_COLUMN] + turn)
    elif s[at.LAST_RANK] != rank:
        slot = max(slot, s[at.LAST_COLUMN] + p[at.RANK_SWITCH])
    return slot


@njit(void(POINTER, POINTER, int64, int64, int64, int64), cache=True)
def _run(p, s, first, bursts, write, enters):
    """One row run: ``bursts`` from local burst ``first`` on."""
    index, lanes = first // p[at.RUN_BURSTS], p[at.LANES]
    bank_in_group = (index >> p[at.SHIFT_BANK]) & p[at.MASK_BANK]
    low = (index >> p[at.SHIFT_GROUP]) & p[at.MASK_GROUP]
    rank = (index >> p[at.SHIFT_RANK]) & p[at.MASK_RANK]
    row = (index >> p[at.SHIFT_ROW]) & p[at.MASK_ROW]
    _refresh_due(p, s, max(enters, s[at.LAST_COLUMN]))
    slot = _direction(p, s, rank, write)
    s[at.LOST_TURNAROUND] += max(0, slot - max(s[at.NEXT_COLUMN], enters))
    if write == s[at.LAST_WRITE] and lanes == 1 and p[at.STEP] >= 2 * p[at.OTHER_STEP] and low != s[at.LAST_GROUP]:
        shared = min(p[at.LOOKAHEAD], bursts, s[at.LAST_BURSTS])
        slot = max(s[at.LAST_START], s[at.LAST_COLUMN] + p[at.OTHER_STEP] - shared * p[at.STEP])
    start = max(slot, enters)
    used = min(lanes, bursts)
    for lane in range(used):
        bank = (rank * p[at.GROUPS] + low + lane) * p[at.BANKS_PER_GROUP] + bank_in_group
        start = max(start, _open(p, s, bank, row, write, enters) - lane * p[at.STEP])
    s[at.LOST_ROW] += start - max(slot, enters)
    last = start + (bursts - 1) * p[at.STEP]
    recover = p[at.WR_PRE] if write else p[at.RD_PRE]
    for lane in range(used):
        bank = (rank * p[at.GROUPS] + low + lane) * p[at.BANKS_PER_GROUP] + bank_in_group
        s[at.PRE_OK + bank] = max(s[at.PRE_OK + bank], last + recover)
    last = max(last, s[at.LAST_COLUMN] + p[at.OTHER_STEP])
    s[at.NEXT_COLUMN], s[at.LAST_COLUMN], s[at.LAST_START] = last + p[at.STEP], last, start
    s[at.LAST_GROUP], s[at.LAST_BURSTS] = low, bursts
    s[at.LAST_WRITE], s[at.LAST_RANK] = write, rank
    s[at.RUNS] += 1
    s[at.BUSY] += bursts * p[at.BURST]


@njit(int64(POINTER, POINTER, POINTER, POINTER, int64), cache=True)
def _serve(p, s, transfers, ring, until):
    while s[at.ACTIVE] > 0:
        place = s[at.TURN]
        t = ring[place] * at.TRANSFER
        decided = max(s[at.LAST_START], transfers[t + at.ARRIVED])
        if decided > until:
            return NONE
        first = transfers[t + at.NEXT_BURST]
        bursts = min(transfers[t + at.LEFT], p[at.RUN_BURSTS] - first % p[at.RUN_BURSTS])
        enters = max(transfers[t + at.ARRIVED], s[at.LAST_COLUMN] - p[at.LOOKAHEAD] * p[at.STEP])
        _run(p, s, first, bursts, transfers[t + at.WRITE], enters)
        transfers[t + at.NEXT_BURST] = first + bursts
        transfers[t + at.LEFT] -= bursts
        if transfers[t + at.LEFT] == 0:
            transfers[t + at.FINISH] = s[at.LAST_COLUMN] + p[at.BURST]
            slot = ring[place]
            for k in range(place, s[at.ACTIVE] - 1):
                ring[k] = ring[k + 1]
            s[at.ACTIVE] -= 1
            s[at.TURN] = 0 if place >= s[at.ACTIVE] else place
            return slot
        s[at.TURN] = 0 if place + 1 >= s[at.ACTIVE] else place + 1
    return NONE


@njit(int64(int64[::1], int64[::1], int64[::1], int64[::1], int64), cache=True)
def serve(parameters, state, transfers, ring, until):
    """Serve the transfers in ``ring`` (slots, ACTIVE of them) run by run, in turn, up to a completion.

    A run is decided when the run before it starts its columns, and only if that is not past cycle ``until``. Returns the
    slot of the transfer that completed (it has left the ring), or NONE.
    """
    return _serve(parameters.ctypes, state.ctypes, transfers.ctypes, ring.ctypes, until)
