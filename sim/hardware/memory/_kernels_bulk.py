# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg"
"""Compiled: transfers served row run by row run on one channel, each run of same-row bursts in closed form.

A run is the part of a transfer in one row (or in the rows of equal number of all bank groups, where the mapping puts the
bank group below the column: ``LANES`` banks). Its rows are opened as early as bank, tRRD and tFAW allow from when its
first burst comes into the controller's window (``LOOKAHEAD`` bursts ahead); its columns follow the previous run's, or,
in another bank group and where tCCD_L leaves room for twice the columns, mix with those still in the window. A refresh
cuts the run that it falls into, unless what is left of it fits the queues and the next run is in another rank: those
columns go first, and the bus loses nothing. Of several banks opened one after another, the first takes columns while the
others are opened, and stays ahead of them (LEAD): it is done and may be closed before them.

Columns that the controller leaves behind: banks take turns and a column bars its bank group for tCCD_L, so that the turn
passes on and the lower bank number of a group always comes first. Where a stream over all groups goes on to a lower bank
number, what is still queued at the higher one waits until the stream is back there (HELD). Each refresh in between
closes those rows with the others, and they are opened again. The columns themselves are served in order here.

Account of the data bus: IDLE + BUSY + the LOST words = COVERED, in cycles, always. A gap goes to what cleared last; of
a row's opening, the activation window has what it added.
"""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware._kernel import inner, words
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory._bulk_layout import NONE
from sim.hardware.memory._kernels_bulk_rows import (
    bank_of,
    burst_after,
    close_row,
    go_on,
    leave_ring,
    open_row,
    rank_of,
    refresh_due,
    row_of,
)


@inner
def _first_column(p, s, rank, low, write, bursts):
    """The first column slot behind the previous run; WHY says what it costs."""
    slot = s[at.NEXT_COLUMN]
    s[at.WHY] = at.BANK_GROUP
    if s[at.LAST_RANK] == NONE:
        return slot
    if s[at.LAST_WRITE] != write:
        turn = s[at.LAST_COLUMN] + (p[at.RD_WR] if write else p[at.WR_RD])
        if turn > slot:
            s[at.WHY] = at.TURNAROUND
            return turn
    elif s[at.LAST_RANK] != rank:
        turn = s[at.LAST_COLUMN] + p[at.RANK_SWITCH]
        if turn > slot:
            s[at.WHY] = at.TURNAROUND
            return turn
    elif p[at.LANES] == 1 and p[at.STEP] >= 2 * p[at.OTHER_STEP] and low != s[at.LAST_GROUP]:
        shared = min(p[at.LOOKAHEAD], bursts, s[at.LAST_BURSTS])
        return max(s[at.LAST_START], s[at.LAST_COLUMN] + p[at.OTHER_STEP] - shared * p[at.STEP])
    return slot


@inner
def _start(p, s, first, bursts, write, enters):
    """Open the rows of a run; returns when its first column issues. WHY and WINDOW say what held it."""
    lanes, rank = p[at.LANES], rank_of(p, first)
    row = row_of(p, first)
    low = (first >> p[at.SHIFT_GROUP]) & p[at.MASK_GROUP]
    slot = max(_first_column(p, s, rank, low, write, bursts), enters)
    start, why, window = slot, s[at.WHY], 0
    for lane in range(min(lanes, bursts)):
        ready = open_row(p, s, bank_of(p, first, lane), row, write, enters)
        s[at.LEAD + lane] = ready - lane * p[at.STEP]
        if s[at.LEAD + lane] > start:
            start, why, window = s[at.LEAD + lane], s[at.WHY], s[at.WINDOW]
    s[at.WHY], s[at.WINDOW] = why, window
    return start if lanes == 1 else start - _ahead(p, s, slot, start, bursts) * p[at.STEP]


@inner
def _ahead(p, s, slot, start, bursts):
    """Columns of a run that the lanes opened first issue before, from ``start`` on, all of them could take turns.

    One each tCCD_L, and at most a lane's share of the window; LEAD becomes those of each lane.
    """
    first, issued = start, 0
    most = min((p[at.LOOKAHEAD] + 1) // p[at.LANES], bursts // p[at.LANES])
    for lane in range(min(p[at.LANES], bursts)):
        opened = max(slot, s[at.LEAD + lane])
        s[at.LEAD + lane] = min(most, (start - opened) // p[at.GROUP_STEP])
        issued += s[at.LEAD + lane]
        first = min(first, opened)
    return min(issued, (start - first) // p[at.STEP])


@inner
def _left_after(p, s, lane, bursts):
    """Columns of a run that come after the last of ``lane``: of lanes later in turn, and of those it is ahead of."""
    later = (bursts - 1 - lane) & (p[at.LANES] - 1)
    for other in range(min(p[at.LANES], bursts)):
        later += max(0, s[at.LEAD + lane] - s[at.LEAD + other])
    return later


@inner
def _account(p, s, start, last, bursts):
    """Cover the data bus up to the end of the run's last burst."""
    begin = max(s[at.COVERED], s[at.WORK_SINCE])
    s[at.IDLE] += begin - s[at.COVERED]
    if start > begin:
        window = min(s[at.WINDOW], start - begin)
        s[at.LOST + at.ACTIVATION] += window
        s[at.LOST + s[at.WHY]] += start - begin - window
        begin = start
    end = last + p[at.BURST]
    s[at.BUSY] += bursts * p[at.BURST]
    s[at.LOST + at.BANK_GROUP] += end - begin - bursts * p[at.BURST]
    s[at.COVERED] = end


@inner
def _opened_in_vain(p, s, first, seen, write, due):
    """A refresh cuts a run when ``seen`` bursts of the next one are in the window: their rows are open and get closed."""
    row = row_of(p, first)
    for lane in range(min(p[at.LANES], seen)):
        open_row(p, s, bank_of(p, first, lane), row, write, due - seen * p[at.STEP])


@inner
def _bank_in_group(p, first):
    return (first >> p[at.SHIFT_BANK]) & p[at.MASK_BANK]


@inner
def _leave_behind(p, s, first, enters):
    """A run begins at ``first``: do columns of the run before stay in the queues, and do older ones leave them?"""
    before = s[at.LAST_FIRST]
    if p[at.LANES] == 1 or before == NONE or p[at.GROUP_STEP] <= p[at.OTHER_STEP]:
        return
    bank = _bank_in_group(p, first)
    if s[at.HELD] != NONE and bank >= _bank_in_group(p, s[at.HELD]):
        s[at.HELD] = NONE
    if bank < _bank_in_group(p, before) and rank_of(p, before) == rank_of(p, first) and enters < s[at.LAST_COLUMN]:
        s[at.HELD] = before


@inner
def _open_again(p, s, write, enters):
    """Rows that a refresh closed and that the queues hold columns of are opened, behind those of the present run."""
    held = s[at.HELD]
    if held == NONE or p[at.CLOSED_PAGE]:
        return
    row = row_of(p, held)
    for lane in range(p[at.LANES]):
        bank = bank_of(p, held, lane)
        if s[at.OPEN_ROW + bank] == NONE:
            open_row(p, s, bank, row, write, enters)


@inner
def _run(p, s, first, wanted, following, after, write, enters):
    """One row run of ``wanted`` bursts from ``first`` on; returns how many a refresh left of it.

    ``after`` more bursts of the transfer come then, from ``following`` on.
    """
    lanes, rank = p[at.LANES], rank_of(p, first)
    _leave_behind(p, s, first, enters)
    refresh_due(p, s, max(enters, s[at.NEXT_COLUMN]))
    start = _start(p, s, first, wanted, write, enters)
    next_refresh = at.NEXT_REFRESH + rank
    if s[next_refresh] <= start:
        refresh_due(p, s, start)
        start = _start(p, s, first, wanted, write, enters)
    _open_again(p, s, write, enters)
    bursts = min(wanted, max(1, -(-(s[next_refresh] - start) // p[at.STEP])))
    if bursts < wanted:
        seen = p[at.LOOKAHEAD] - (wanted - bursts)
        if rank_of(p, following) != rank and seen >= 0:
            bursts = wanted
        elif bank_of(p, following, 0) != bank_of(p, first, 0):
            _opened_in_vain(p, s, following, min(after, seen), write, s[next_refresh])
    last = max(start + (bursts - 1) * p[at.STEP], s[at.LAST_COLUMN] + p[at.OTHER_STEP])
    recover = p[at.WR_PRE] if write else p[at.RD_PRE]
    for lane in range(min(lanes, wanted)):
        bank = bank_of(p, first, lane)
        done = last - _left_after(p, s, lane, wanted) * p[at.STEP] if bursts == wanted and lanes > 1 else last
        s[at.PRE_OK + bank] = max(s[at.PRE_OK + bank], done + recover)
        if p[at.CLOSED_PAGE]:
            close_row(p, s, bank, s[at.PRE_OK + bank])
    _account(p, s, start, last, bursts)
    s[at.NEXT_COLUMN], s[at.LAST_COLUMN], s[at.LAST_START] = last + p[at.STEP], last, start
    s[at.LAST_GROUP], s[at.LAST_BURSTS] = (first >> p[at.SHIFT_GROUP]) & p[at.MASK_GROUP], bursts
    s[at.LAST_WRITE], s[at.LAST_RANK] = write, rank
    s[at.LAST_FIRST] = first
    s[at.RUNS] += 1
    s[at.COLUMNS] += bursts
    return bursts


@inner
def _serve(p, s, transfers, ring, until):
    while s[at.ACTIVE] > 0:
        slot = ring[s[at.TURN]]
        t = slot * at.TRANSFER
        decided = max(s[at.LAST_START], transfers[t + at.ARRIVED])
        if decided > until:
            return NONE
        first, opened = transfers[t + at.NEXT_BURST], s[at.ACTIVATES]
        left = transfers[t + at.LEFT]
        enters = max(transfers[t + at.ARRIVED], s[at.LAST_COLUMN] - p[at.LOOKAHEAD] * p[at.STEP])
        wanted = min(left, transfers[t + at.ROW_LEFT], p[at.RUN_BURSTS] - (first & (p[at.RUN_BURSTS] - 1)))
        following = burst_after(transfers, t, wanted)
        bursts = _run(p, s, first, wanted, following, left - wanted, transfers[t + at.WRITE], enters)
        go_on(transfers, t, bursts)
        transfers[t + at.LEFT] -= bursts
        transfers[t + at.OPENED] += s[at.ACTIVATES] - opened
        if transfers[t + at.LEFT] == 0:
            transfers[t + at.FINISH] = s[at.LAST_COLUMN] + p[at.BURST]
            leave_ring(s, ring, s[at.TURN])
            return slot
        if bursts == wanted:
            s[at.TURN] = 0 if s[at.TURN] + 1 >= s[at.ACTIVE] else s[at.TURN] + 1
    return NONE


@njit(int64(int64[::1], int64[::1], int64[::1], int64[::1], int64), cache=True)
def serve(parameters, state, transfers, ring, until):
    """Serve the transfers in ``ring`` (slots, ACTIVE of them) run by run, in turn, up to a completion.

    A run is decided when the run before it starts its columns, and only if that is not past cycle ``until``. Returns the
    slot of the transfer that completed (it has left the ring), or NONE.
    """
    return _serve(words(parameters), words(state), words(transfers), words(ring), until)


@njit(void(int64[::1], int64[::1], int64), cache=True)
def refresh_through(parameters, state, cycle):
    """Let the refreshes up to ``cycle`` happen on a channel without work."""
    refresh_due(words(parameters), words(state), cycle)
