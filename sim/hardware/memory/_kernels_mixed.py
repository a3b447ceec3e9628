# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg"
"""Compiled: the transfers of a run served request by request, where whole row runs do not hold (short transfers).

The bulk engine's channel is handed to the request engine's controller (:func:`enter`), which serves the transfers in
flight burst by burst, and handed back when its queues are empty (:func:`leave`): open rows, timing windows and the
refresh schedule go along, nothing is reset. Requests are given to the controller one a cycle, the first of a cycle after
its command, so that it moves in the next (as in the request engine); transfers take turns row run by row run, as in the
bulk engine. One word of the state is coarser on the way in: of the columns before, only the last still counts for the
bus. Of the wait for a row, the activation windows have what they held its ACT.
"""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware._kernel import hot, inner, words
from sim.hardware.memory import _bank_layout as rq
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory._bank_layout import FAR, NONE
from sim.hardware.memory._kernels_bank_commands import after_read, after_write, find_candidates
from sim.hardware.memory._kernels_bank_cycle import advance, next_tick, tick
from sim.hardware.memory._kernels_bank_queues import accept, full
from sim.hardware.memory._kernels_bulk_rows import bank_of, go_on, leave_ring, refresh_due, row_of


@inner
def _enter_banks(p, q, s, c):
    """Rows and what each bank waits for."""
    for bank in range(q[rq.BANKS]):
        rank = q[rq.RANK_OF_BANK + bank]
        row, ready = s[at.OPEN_ROW + bank], s[at.ACT_OK + bank]
        c[rq.OPEN_ROW + bank] = row
        c[rq.HITS + bank] = 0 if row == NONE else max(1, q[rq.HIT_LIMIT])
        c[rq.BANK_ACT + bank] = ready
        c[rq.BANK_PRE + bank] = s[at.PRE_OK + bank]
        if row == NONE:
            c[rq.RANK_REF + rank] = max(c[rq.RANK_REF + rank], ready)
        else:
            c[rq.BANK_RD + bank] = ready - p[at.RC] + p[at.RCD_RD]
            c[rq.BANK_WR + bank] = ready - p[at.RC] + p[at.RCD_WR]


@inner
def _enter_ranks(p, q, s, c):
    """Activation windows, refreshes and the bus."""
    soonest = 0
    for rank in range(q[rq.RANKS]):
        count = min(s[at.RANK_ACTS + rank], 4)
        for k in range(count):
            slot = (s[at.RANK_ACTS + rank] - count + k) % 4
            c[rq.WINDOW + rank * 32 + k] = s[at.ACT_TIMES + rank * 4 + slot]
        c[rq.WINDOW_COUNT + rank] = count
        for group in range(rank * q[rq.GROUPS_PER_RANK], (rank + 1) * q[rq.GROUPS_PER_RANK]):
            if count > 0:
                gap = q[rq.T_RRD_L] if group == s[at.LAST_ACT_GROUP + rank] else q[rq.T_RRD_S]
                c[rq.GROUP_ACT + group] = s[at.LAST_ACT + rank] + gap
            if count == 4:
                window = c[rq.WINDOW + rank * 32] + q[rq.T_FAW]
                c[rq.GROUP_ACT + group] = max(c[rq.GROUP_ACT + group], window)
        c[rq.RANK_OPEN + rank] = s[at.RANK_OPEN + rank]
        c[rq.RANK_SINCE + rank] = max(s[at.OPEN_SINCE + rank], s[at.OPEN_UNTIL + rank])
        if s[at.RANK_OPEN + rank] > 0:
            c[rq.RANK_SINCE + rank] = s[at.OPEN_SINCE + rank]
        if s[at.NEXT_REFRESH + rank] < s[at.NEXT_REFRESH + soonest]:
            soonest = rank
    c[rq.NEXT_REFRESH], c[rq.REFRESH_RANK] = s[at.NEXT_REFRESH + soonest], soonest
    if s[at.LAST_RANK] != NONE:
        group = s[at.LAST_RANK] * q[rq.GROUPS_PER_RANK] + s[at.LAST_GROUP]
        if s[at.LAST_WRITE]:
            after_write(q, c, group, s[at.LAST_RANK], s[at.LAST_COLUMN])
        else:
            after_read(q, c, group, s[at.LAST_RANK], s[at.LAST_COLUMN])


@inner
def _enter(p, q, s, c, cycle):
    start = max(cycle, s[at.LAST_COLUMN] - p[at.LOOKAHEAD] * p[at.STEP])
    if q[rq.REFRESH_PER_BANK] == 0:
        refresh_due(p, s, start)
    for word in (rq.BLOCKED, rq.BLOCKED_BANK, rq.LAST_WRITE):
        c[word] = NONE
    c[rq.CLOCK] = c[rq.NEXT_COMMAND] = start + 1
    _enter_banks(p, q, s, c)
    _enter_ranks(p, q, s, c)
    if q[rq.REFRESH_PER_BANK]:
        c[rq.NEXT_REFRESH], c[rq.REFRESH_RANK] = q[rq.REFRESH_INTERVAL], 0
    if q[rq.REFRESH_INTERVAL] == 0:
        c[rq.NEXT_REFRESH] = FAR


@njit(void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64),
      cache=True)  # fmt: skip
def enter(parameters, request_parameters, state, controller, book, transfers, ring, requests, cycle):
    """The controller takes the channel over at ``cycle``, or when the row runs already decided leave its window."""
    controller[:] = 0
    _enter(words(parameters), words(request_parameters), words(state), words(controller), cycle)
    for bank in range(request_parameters[rq.BANKS]):
        find_candidates(words(request_parameters), words(controller), words(requests), bank)
    slots = requests.size // rq.REQUEST
    book[: at.SLOTS] = 0
    book[at.SLOT_COUNT] = book[at.FREE_SLOTS] = slots
    book[at.GIVING], book[at.GIVEN_AT] = 1, NONE
    for k in range(slots):
        book[at.SLOTS + k] = slots - 1 - k
    for k in range(state[at.ACTIVE]):
        first = ring[k] * at.TRANSFER
        transfers[first + at.TO_GIVE] = transfers[first + at.LEFT]


@hot
def _take_over(s, c, m):
    """Counters of the controller since the last look go to the channel's."""
    conflicts = c[rq.N_ONDEMAND] - m[at.SEEN_ONDEMAND]
    activates = c[rq.N_ACTIVATE] - m[at.SEEN_ACTIVATES]
    s[at.ACTIVATES] += activates
    s[at.ROW_CONFLICTS] += conflicts
    s[at.ROW_MISSES] += activates - conflicts
    s[at.REFRESHES] += c[rq.N_REFRESH] - m[at.SEEN_REFRESHES]
    m[at.SEEN_ONDEMAND], m[at.SEEN_ACTIVATES] = c[rq.N_ONDEMAND], c[rq.N_ACTIVATE]
    m[at.SEEN_REFRESHES] = c[rq.N_REFRESH]


@inner
def _leave_rank(q, s, c, rank):
    """Activation window, open rows and refreshes of a rank."""
    count = c[rq.WINDOW_COUNT + rank]
    held = min(count, 4)
    for k in range(held):
        s[at.ACT_TIMES + rank * 4 + k] = c[rq.WINDOW + rank * 32 + (count - held + k) % 32]
    s[at.RANK_ACTS + rank] = held
    first = rank * q[rq.GROUPS_PER_RANK]
    latest = first
    for group in range(first, first + q[rq.GROUPS_PER_RANK]):
        if c[rq.GROUP_ACT + group] > c[rq.GROUP_ACT + latest]:
            latest = group
    if count > 0:
        s[at.LAST_ACT + rank] = c[rq.WINDOW + rank * 32 + (count - 1) % 32]
        s[at.LAST_ACT_GROUP + rank] = latest
    s[at.ACTIVE_CYCLES] += c[rq.RANK_ACTIVE + rank]
    s[at.RANK_OPEN + rank] = c[rq.RANK_OPEN + rank]
    s[at.OPEN_SINCE + rank] = s[at.OPEN_UNTIL + rank] = c[rq.RANK_SINCE + rank]
    ahead = (rank - c[rq.REFRESH_RANK]) % q[rq.RANKS] - c[rq.REFRESH_PENDING]
    s[at.NEXT_REFRESH + rank] = c[rq.NEXT_REFRESH] + ahead * q[rq.REFRESH_INTERVAL]
    if q[rq.REFRESH_INTERVAL] == 0:
        s[at.NEXT_REFRESH + rank] = FAR


@inner
def _leave(p, q, s, c, m):
    _take_over(s, c, m)
    for bank in range(q[rq.BANKS]):
        s[at.OPEN_ROW + bank] = c[rq.OPEN_ROW + bank]
        s[at.ACT_OK + bank] = c[rq.BANK_ACT + bank]
        s[at.PRE_OK + bank] = c[rq.BANK_PRE + bank]
    for rank in range(q[rq.RANKS]):
        _leave_rank(q, s, c, rank)
    s[at.NEXT_COLUMN] = s[at.LAST_COLUMN] + p[at.STEP]


@njit(void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1]), cache=True)
def leave(parameters, request_parameters, state, controller, book):
    """The controller, its queues empty, hands the channel back."""
    _leave(words(parameters), words(request_parameters), words(state), words(controller), words(book))


@hot
def _wants_to_give(q, s, c, m, transfers, ring):
    """Is there a request that the controller would accept? The turn moves to the transfer that has it."""
    if m[at.GIVING] == 0 or m[at.FREE_SLOTS] == 0:
        return False
    for _ in range(s[at.ACTIVE]):
        t = ring[s[at.TURN]] * at.TRANSFER
        if transfers[t + at.TO_GIVE] > 0:
            return not full(q, c, transfers[t + at.WRITE])
        s[at.TURN] = 0 if s[at.TURN] + 1 >= s[at.ACTIVE] else s[at.TURN] + 1
    return False


@hot
def _give(p, q, s, c, m, transfers, ring, r):
    """Give the controller the next request of the transfer whose turn it is. Requests are never merged."""
    slot = ring[s[at.TURN]]
    t = slot * at.TRANSFER
    burst = transfers[t + at.NEXT_BURST]
    m[at.FREE_SLOTS] -= 1
    request = m[at.SLOTS + m[at.FREE_SLOTS]]
    m[at.SLOTS + m[at.SLOT_COUNT] + request] = slot
    line = request * rq.REQUEST
    m[at.GIVEN] += 1
    r[line + rq.ADDRESS] = m[at.GIVEN] << 5
    r[line + rq.BANK] = bank_of(p, burst, 0)
    r[line + rq.ROW] = row_of(p, burst)
    r[line + rq.COLUMN] = burst & (p[at.RUN_BURSTS] - 1)
    r[line + rq.WRITE], r[line + rq.JOIN] = transfers[t + at.WRITE], NONE
    accept(q, c, r, request, c[rq.CLOCK])
    m[at.GIVEN_AT] = c[rq.CLOCK]
    m[at.OUTSTANDING] += 1
    transfers[t + at.TO_GIVE] -= 1
    if transfers[t + at.TO_GIVE] == 0 and transfers[t + at.WRITE]:
        c[rq.DRAINING] = c[rq.WRITES_WAITING]
    go_on(transfers, t, 1)
    if (burst + 1) & (p[at.RUN_BURSTS] - 1) == 0 or transfers[t + at.NEXT_BURST] != burst + 1:
        s[at.TURN] = 0 if s[at.TURN] + 1 >= s[at.ACTIVE] else s[at.TURN] + 1


@hot
def _account(p, s, c, m, cycle, bank, rank, write):
    """Cover the data bus up to the end of the burst whose command issued in ``cycle``."""
    begin = max(s[at.COVERED], s[at.WORK_SINCE])
    s[at.IDLE] += begin - s[at.COVERED]
    if cycle > begin:
        why = at.BANK_GROUP
        if c[rq.N_REFRESH] > m[at.GAP_REFRESHES]:
            why = at.REFRESH
        elif c[rq.HITS + bank] == 1:
            why = at.BANK
            window = min(c[rq.ACT_HELD + bank], cycle - begin)
            s[at.LOST + at.ACTIVATION] += window
            begin += window
        elif s[at.LAST_WRITE] != write or s[at.LAST_RANK] != rank:
            why = at.TURNAROUND
        s[at.LOST + why] += cycle - begin
        begin = cycle
    m[at.GAP_REFRESHES] = c[rq.N_REFRESH]
    s[at.BUSY] += p[at.BURST]
    s[at.COVERED] = begin + p[at.BURST]


@hot
def _served(p, q, s, c, m, transfers, ring, r, cycle):
    """A column command issued in ``cycle``; returns the slot of the transfer that it completed, or NONE."""
    request = c[rq.LAST_SERVED]
    slot = m[at.SLOTS + m[at.SLOT_COUNT] + request]
    t, bank, write = slot * at.TRANSFER, r[request * rq.REQUEST + rq.BANK], r[request * rq.REQUEST + rq.WRITE]
    rank = q[rq.RANK_OF_BANK + bank]
    _account(p, s, c, m, cycle, bank, rank, write)
    s[at.LAST_COLUMN] = s[at.LAST_START] = cycle
    s[at.LAST_RANK], s[at.LAST_WRITE], s[at.LAST_BURSTS] = rank, write, 1
    s[at.LAST_GROUP] = q[rq.GROUP_OF_BANK + bank] - rank * q[rq.GROUPS_PER_RANK]
    s[at.COLUMNS] += 1
    opened = s[at.ACTIVATES]
    _take_over(s, c, m)
    transfers[t + at.OPENED] += s[at.ACTIVATES] - opened
    m[at.SLOTS + m[at.FREE_SLOTS]] = request
    m[at.FREE_SLOTS] += 1
    m[at.OUTSTANDING] -= 1
    transfers[t + at.LEFT] -= 1
    if transfers[t + at.LEFT] > 0:
        return NONE
    transfers[t + at.FINISH] = cycle + p[at.BURST]
    place = 0
    while ring[place] != slot:
        place += 1
    leave_ring(s, ring, place)
    return slot


@inner
def _serve(p, q, s, c, m, transfers, ring, r, log, until):
    while s[at.ACTIVE] > 0:
        if m[at.GIVING] == 0 and m[at.OUTSTANDING] == 0:
            return at.DRAINED
        if c[rq.CLOCK] > until:
            return NONE
        if m[at.GIVING] == 0 and c[rq.DRAINING] == 0:
            c[rq.DRAINING] = c[rq.WRITES_WAITING]
        wanted = _wants_to_give(q, s, c, m, transfers, ring)
        if wanted and m[at.GIVEN_AT] != c[rq.CLOCK]:
            _give(p, q, s, c, m, transfers, ring, r)
            continue
        cycle = next_tick(q, c)
        if wanted and cycle > c[rq.CLOCK]:
            c[rq.CLOCK] += 1
            continue
        if cycle > until:
            c[rq.CLOCK] = until + 1
            return NONE
        columns = c[rq.N_READ] + c[rq.N_WRITE]
        c[rq.CLOCK] = cycle
        tick(q, c, r, log)
        if c[rq.N_READ] + c[rq.N_WRITE] > columns:
            slot = _served(p, q, s, c, m, transfers, ring, r, cycle)
            if slot != NONE:
                return slot
    return NONE


@njit(int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],
            int64[::1], int64), cache=True)  # fmt: skip
def serve(parameters, request_parameters, state, controller, book, transfers, ring, requests, log, until):
    """Serve the transfers in ``ring`` request by request through cycle ``until``, up to a completion.

    Returns the slot of the transfer that completed (it has left the ring), NONE, or DRAINED: no more are given and the
    queues are empty.
    """
    return _serve(
        words(parameters), words(request_parameters), words(state), words(controller), words(book),
        words(transfers), words(ring), words(requests), words(log), until,
    )  # fmt: skip


@inner
def _given_until_one_ends(p, s, transfers, ring):
    """Requests that are given up to the last one of the transfer that comes to its last first (at most LOOK_AHEAD)."""
    for k in range(s[at.ACTIVE]):
        if transfers[ring[k] * at.TRANSFER + at.TO_GIVE] == 0:
            return 0
    given, turn = 0, s[at.TURN]
    while given < at.LOOK_AHEAD:
        t = ring[turn] * at.TRANSFER
        burst = transfers[t + at.NEXT_BURST]
        bursts = min(
            transfers[t + at.TO_GIVE], transfers[t + at.ROW_LEFT], p[at.RUN_BURSTS] - (burst & (p[at.RUN_BURSTS] - 1))
        )
        given += bursts
        transfers[t + at.TO_GIVE] -= bursts
        if transfers[t + at.TO_GIVE] == 0:
            return given
        go_on(transfers, t, bursts)
        if (burst + bursts) & (p[at.RUN_BURSTS] - 1) == 0 or transfers[t + at.NEXT_BURST] != burst + bursts:
            turn = 0 if turn + 1 >= s[at.ACTIVE] else turn + 1
    return given


@njit(int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1]), cache=True)
def none_ends_before(parameters, request_parameters, state, controller, book, transfers, ring):
    """A cycle before which no transfer completes, whatever arrives; CLOCK where one may soon. Spends ``transfers``.

    Requests are given in a fixed order, at most all slots of the queues are not served, and data do not overlap on the
    bus (a read's come after its command at another distance than a write's).
    """
    clock = controller[rq.CLOCK]
    if book[at.GIVING] == 0:
        return clock
    given = _given_until_one_ends(words(parameters), words(state), words(transfers), words(ring))
    served = book[at.OUTSTANDING] + given - book[at.SLOT_COUNT]
    skew = abs(request_parameters[rq.READ_DELAY] - request_parameters[rq.WRITE_DELAY])
    return clock + max(0, served * parameters[at.BURST] - skew)


@njit(void(int64[::1], int64[::1], int64[::1], int64[::1], int64), cache=True)
def pass_time(request_parameters, controller, requests, log, until):
    """Refreshes go on through cycle ``until`` on a channel without work."""
    advance(words(request_parameters), words(controller), words(requests), words(log), until)
