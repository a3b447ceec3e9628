# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg, var-annotated"
"""Compiled: one channel's controller, cycle by cycle, skipping the cycles in which nothing can happen.

A cycle does, in this order: refresh due? one command (a refresh's own first; HBM may add one of the other kind); move
at most one request to its bank queue. Requests are accepted after the cycle. Across banks the controller goes
round-robin, starting after the bank chosen last; within a bank the oldest ready entry, the head first.
"""

from __future__ import annotations

from sim.hardware._kernel import hot, inner, lowest
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory._bank_layout import FAR, NONE
from sim.hardware.memory._kernels_bank_commands import (
    activate,
    column,
    find_candidates,
    note_ready,
    precharge,
    refresh_one_bank,
    refresh_rank,
)
from sim.hardware.memory._kernels_bank_queues import can_move, complete, full, leave_bank, move_one


@hot
def _search(p, s, cycle):
    """The next bank in turn with a ready command (the pointer moves there), or NONE (NEXT_COMMAND: none before).

    What is known of a bank only ever grows until its candidates are found anew, so that it is looked at again only when
    that has passed. A blocked bank's are found anew at the end of its refresh.
    """
    free = s[at.BUS_FREE]
    soonest = min(s[at.ROW_FROM], max(s[at.COLUMN_FROM], free))
    if soonest <= cycle:
        blocked, wanting = s[at.BLOCKED], s[at.WANTING]
        rows = columns = FAR
        later = wanting & (-2 << s[at.POINTER])
        earlier = wanting & ~later
        while later | earlier:
            if later:
                bank = lowest(later)
                later &= later - 1
            else:
                bank = lowest(earlier)
                earlier &= earlier - 1
            row, column = s[at.READY_ROW + bank], s[at.READY_COLUMN + bank]
            if min(row, max(column, free)) <= cycle:
                if p[at.RANK_OF_BANK + bank] == blocked or bank == s[at.BLOCKED_BANK]:
                    continue
                note_ready(p, s, bank)
                row, column = s[at.READY_ROW + bank], s[at.READY_COLUMN + bank]
                if min(row, column) <= cycle:
                    s[at.POINTER] = bank
                    return bank
            rows, columns = min(rows, row), min(columns, column)
        s[at.ROW_FROM], s[at.COLUMN_FROM] = rows, columns
        soonest = min(rows, max(columns, free))
    s[at.NEXT_COMMAND] = soonest
    return NONE


@hot
def _kind(p, s, bank, cycle):
    """The command that a ready ``bank`` issues."""
    group = p[at.GROUP_OF_BANK + bank]
    if max(s[at.CAN_ACT + bank], s[at.GROUP_ACT + group]) <= cycle:
        return at.ACT
    if max(s[at.CAN_PRE + bank], s[at.GROUP_PRE + group]) <= cycle:
        s[at.N_ONDEMAND] += 1
        return at.PRE
    read = max(s[at.CAN_RD + bank], s[at.GROUP_RD + group]) <= cycle
    write = max(s[at.CAN_WR + bank], s[at.GROUP_WR + group]) <= cycle
    if read and (not write or s[at.PLACE_RD + bank] < s[at.PLACE_WR + bank]):
        return at.RD
    return at.WR


@hot
def _issue(p, s, r, log, bank, kind, cycle):
    if kind == at.ACT:
        head = s[at.QUEUE + bank * at.MAX_BANK_QUEUE]
        able = max(s[at.BANK_ACT + bank], r[head * at.REQUEST + at.ADDED])
        s[at.ACT_HELD + bank] = max(0, s[at.GROUP_ACT + p[at.GROUP_OF_BANK + bank]] - able)
        activate(p, s, r, log, bank, r[head * at.REQUEST + at.ROW], cycle)
    elif kind == at.PRE:
        precharge(p, s, r, log, bank, cycle)
    else:
        place = s[at.PLACE_RD + bank] if kind == at.RD else s[at.PLACE_WR + bank]
        request = leave_bank(p, s, r, bank, place)
        column(p, s, r, log, bank, request, cycle)
        complete(p, s, r, request, cycle)
        find_candidates(p, s, r, bank)


@inner
def _refresh_bank(p, s, rank):
    """The open bank of ``rank`` whose precharge is ready first (lowest bank at a tie), or NONE: all are closed."""
    found, soonest = NONE, FAR
    first = rank * p[at.BANKS_PER_RANK]
    for bank in range(first, first + p[at.BANKS_PER_RANK]):
        if s[at.OPEN_ROW + bank] != NONE:
            ready = max(s[at.BANK_PRE + bank], s[at.GROUP_PRE + p[at.GROUP_OF_BANK + bank]])
            if ready < soonest:
                found, soonest = bank, ready
    return found


@inner
def _refresh_first_ready(p, s, rank, cycle):
    """The first open bank of ``rank`` in bank order that may be precharged now, or NONE."""
    first = rank * p[at.BANKS_PER_RANK]
    for bank in range(first, first + p[at.BANKS_PER_RANK]):
        if s[at.OPEN_ROW + bank] != NONE:
            ready = max(s[at.BANK_PRE + bank], s[at.GROUP_PRE + p[at.GROUP_OF_BANK + bank]])
            if ready <= cycle:
                return bank
    return NONE


@inner
def _refresh_step(p, s, r, log, cycle):
    """Work on the refresh that is due: block its rank, close its banks one a cycle, then refresh. True: issued."""
    rank = s[at.REFRESH_RANK]
    s[at.BLOCKED] = rank
    if s[at.RANK_OPEN + rank] > 0:
        bank = _refresh_first_ready(p, s, rank, cycle)
        if bank == NONE:
            return False
        precharge(p, s, r, log, bank, cycle)
        return True
    if cycle < s[at.RANK_REF + rank]:
        return False
    refresh_rank(p, s, r, log, rank, cycle)
    s[at.REFRESH_PENDING] -= 1
    s[at.REFRESH_RANK] = (rank + 1) % p[at.RANKS]
    s[at.BLOCKED] = NONE
    s[at.NEXT_COMMAND] = cycle
    return True


@inner
def _bank_refresh_ready(p, s, bank):
    """When the next command of this bank's refresh, PRE or REFpb, may issue."""
    group = p[at.GROUP_OF_BANK + bank]
    if s[at.OPEN_ROW + bank] != NONE:
        return max(s[at.BANK_PRE + bank], s[at.GROUP_PRE + group])
    return max(s[at.BANK_ACT + bank], s[at.GROUP_ACT + group], s[at.RANK_REFPB + p[at.RANK_OF_BANK + bank]])


@inner
def _bank_refresh_step(p, s, r, log, cycle):
    """Work on the per-bank refresh that is due: block its bank, close it, refresh it. True: issued."""
    bank = s[at.REFRESH_RANK]
    s[at.BLOCKED_BANK] = bank
    if cycle < _bank_refresh_ready(p, s, bank):
        return False
    if s[at.OPEN_ROW + bank] != NONE:
        precharge(p, s, r, log, bank, cycle)
        return True
    refresh_one_bank(p, s, r, log, bank, cycle)
    s[at.REFRESH_PENDING] -= 1
    s[at.REFRESH_RANK] = (bank + 1) % p[at.BANKS]
    s[at.BLOCKED_BANK] = NONE
    s[at.NEXT_COMMAND] = cycle
    return True


@hot
def _second(p, s, r, log, cycle, first_is_column):
    """HBM's second command bus: the next ready command in turn, issued if it is of the other kind."""
    bank = _search(p, s, cycle)
    if bank == NONE:
        return
    kind = _kind(p, s, bank, cycle)
    if (kind >= at.RD) != first_is_column:
        _issue(p, s, r, log, bank, kind, cycle)
        s[at.N_DUAL] += 1
    s[at.NEXT_COMMAND] = cycle + 1


@hot
def _commands_in_turn(p, s, r, log, cycle, issued):
    """Banks in turn: one command unless a refresh's was issued, and on HBM a second."""
    is_column = False
    if not issued and cycle >= s[at.NEXT_COMMAND]:
        bank = _search(p, s, cycle)
        if bank != NONE:
            kind = _kind(p, s, bank, cycle)
            is_column = kind >= at.RD
            _issue(p, s, r, log, bank, kind, cycle)
            s[at.NEXT_COMMAND] = cycle + 1
            issued = True
    if issued and p[at.DUAL_COMMAND]:
        _second(p, s, r, log, cycle, is_column)


@inner
def _refresh_now(p, s, r, log, cycle):
    if p[at.REFRESH_PER_BANK]:
        return _bank_refresh_step(p, s, r, log, cycle)
    return _refresh_step(p, s, r, log, cycle)


@inner
def _age(s, r, place):
    """When, in the order of acceptance, the request at a place of a bank queue came."""
    return r[s[place] * at.REQUEST + at.AGE]


@inner
def _search_oldest(p, s, r, cycle, columns, rows):
    """The ready command (column or row commands, as asked) of the oldest request: bank * 8 + kind, or NONE."""
    blocked, found, oldest, soonest = s[at.BLOCKED], NONE, FAR, FAR
    if p[at.REFRESH_ALL] and s[at.REFRESH_PENDING] > 0:
        return NONE
    for bank in range(p[at.BANKS]):
        if s[at.LENGTH + bank] == 0 or p[at.RANK_OF_BANK + bank] == blocked or bank == s[at.BLOCKED_BANK]:
            continue
        group, base = p[at.GROUP_OF_BANK + bank], at.QUEUE + bank * at.MAX_BANK_QUEUE
        act = max(s[at.CAN_ACT + bank], s[at.GROUP_ACT + group]) if rows else FAR
        pre = max(s[at.CAN_PRE + bank], s[at.GROUP_PRE + group]) if rows else FAR
        rd = max(s[at.CAN_RD + bank], s[at.GROUP_RD + group]) if columns else FAR
        wr = max(s[at.CAN_WR + bank], s[at.GROUP_WR + group]) if columns else FAR
        ready = min(act, pre, rd, wr)
        soonest = min(soonest, ready)
        if ready > cycle:
            continue
        if min(act, pre) <= cycle and _age(s, r, base) < oldest:
            found, oldest = bank * 8 + (at.ACT if act <= cycle else at.PRE), _age(s, r, base)
        if rd <= cycle and _age(s, r, base + s[at.PLACE_RD + bank]) < oldest:
            found, oldest = bank * 8 + at.RD, _age(s, r, base + s[at.PLACE_RD + bank])
        if wr <= cycle and _age(s, r, base + s[at.PLACE_WR + bank]) < oldest:
            found, oldest = bank * 8 + at.WR, _age(s, r, base + s[at.PLACE_WR + bank])
    s[at.NEXT_COMMAND] = min(s[at.NEXT_COMMAND], soonest)
    return found


@inner
def _issue_oldest(p, s, r, log, cycle, columns, rows):
    found = _search_oldest(p, s, r, cycle, columns, rows)
    if found == NONE:
        return False
    bank, kind = found // 8, found % 8
    if kind == at.PRE:
        s[at.N_ONDEMAND] += 1
    _issue(p, s, r, log, bank, kind, cycle)
    s[at.NEXT_COMMAND] = cycle + 1
    return True


@inner
def _commands_by_age(p, s, r, log, cycle, issued):
    """Oldest ready request first; with two command buses a column command, then a row command."""
    s[at.NEXT_COMMAND] = FAR
    if p[at.DUAL_COMMAND]:
        first = _issue_oldest(p, s, r, log, cycle, True, False)
        if not issued:
            second = _issue_oldest(p, s, r, log, cycle, False, True)
            s[at.N_DUAL] += 1 if first and second else 0
        else:
            s[at.NEXT_COMMAND] = cycle + 1
    elif not issued:
        _issue_oldest(p, s, r, log, cycle, True, True)
    else:
        s[at.NEXT_COMMAND] = cycle + 1


@hot
def tick(p, s, r, log):
    """One cycle of the channel, the one CLOCK stands at."""
    cycle = s[at.CLOCK]
    if cycle == s[at.NEXT_REFRESH]:
        s[at.REFRESH_PENDING] += p[at.RANKS] if p[at.REFRESH_ALL] else 1
        s[at.NEXT_REFRESH] += p[at.REFRESH_INTERVAL]
    issued = False
    if s[at.REFRESH_PENDING] > 0:
        issued = _refresh_now(p, s, r, log, cycle)
    if p[at.OLDEST_FIRST]:
        if issued or cycle >= s[at.NEXT_COMMAND]:
            _commands_by_age(p, s, r, log, cycle, issued)
    else:
        _commands_in_turn(p, s, r, log, cycle, issued)
    if s[at.READS_WAITING] + s[at.WRITES_WAITING] > 0:
        move_one(p, s, r)
        for _ in range(1, p[at.MOVES]):
            if not can_move(p, s):
                break
            move_one(p, s, r)
    s[at.CLOCK] = cycle + 1


@hot
def next_tick(p, s):
    """The first cycle from CLOCK on in which anything can happen if nothing arrives."""
    if can_move(p, s):
        return s[at.CLOCK]
    soonest = min(s[at.NEXT_COMMAND], s[at.NEXT_REFRESH])
    if s[at.REFRESH_PENDING] > 0 and p[at.REFRESH_PER_BANK]:
        if s[at.BLOCKED_BANK] != s[at.REFRESH_RANK]:
            return s[at.CLOCK]
        soonest = min(soonest, _bank_refresh_ready(p, s, s[at.REFRESH_RANK]))
    elif s[at.REFRESH_PENDING] > 0:
        rank = s[at.REFRESH_RANK]
        bank = _refresh_bank(p, s, rank)
        if s[at.BLOCKED] != rank:
            return s[at.CLOCK]
        if bank == NONE:
            soonest = min(soonest, s[at.RANK_REF + rank])
        else:
            ready = max(s[at.BANK_PRE + bank], s[at.GROUP_PRE + p[at.GROUP_OF_BANK + bank]])
            soonest = min(soonest, ready)
    return max(soonest, s[at.CLOCK])


@inner
def advance(p, s, r, log, until):
    """Run the channel through cycle ``until``."""
    while s[at.CLOCK] <= until:
        cycle = next_tick(p, s)
        if cycle > until:
            s[at.CLOCK] = until + 1
            return
        s[at.CLOCK] = cycle
        tick(p, s, r, log)


@inner
def at_rest(p, s):
    """Is there nothing left that time alone would issue (writes below the drain threshold stay buffered)?"""
    if s[at.QUEUED] > 0 or s[at.READS_WAITING] > 0:
        return False
    return s[at.WRITES_WAITING] == 0 or (s[at.DRAINING] == 0 and s[at.WRITES_WAITING] <= p[at.DRAIN_IDLE])


@inner
def run_to_rest(p, s, r, log):
    """Run the channel until nothing is left to do; CLOCK stands after the last cycle that did something."""
    while not at_rest(p, s):
        s[at.CLOCK] = next_tick(p, s)
        tick(p, s, r, log)


@inner
def run_to_space(p, s, r, log, write):
    """Run the channel until it accepts a request of this kind; returns the cycle after which it does."""
    while full(p, s, write):
        s[at.CLOCK] = next_tick(p, s)
        tick(p, s, r, log)
    return s[at.CLOCK] - 1
