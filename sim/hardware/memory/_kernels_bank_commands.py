# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
"""Compiled: what one DRAM command does to the state of its channel (timing windows, open rows, counters, log).

Times are the device's cycles. Every "earliest" word only ever grows; a command is ready when its bank's word and its
group's word have passed. Constraints between ranks and the activation windows are folded into the groups' words.
"""

from __future__ import annotations

from sim.hardware._kernel import hot, inner
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory._bank_layout import FAR, NONE


@inner
def _read_ahead(s, r, base, place):
    """Does an earlier read of the same column stand before the write at ``place`` of this bank's queue?"""
    mine = s[base + place] * at.REQUEST
    for k in range(place):
        q = s[base + k] * at.REQUEST
        if r[q + at.WRITE] == 0 and r[q + at.ROW] == r[mine + at.ROW] and r[q + at.COLUMN] == r[mine + at.COLUMN]:
            return True
    return False


@hot
def note_ready(p, s, bank):
    """From when ``bank`` has a row and a column command that may issue, as things stand (FAR: it wants none)."""
    group = p[at.GROUP_OF_BANK + bank]
    row = min(max(s[at.CAN_ACT + bank], s[at.GROUP_ACT + group]), max(s[at.CAN_PRE + bank], s[at.GROUP_PRE + group]))
    column = min(max(s[at.CAN_RD + bank], s[at.GROUP_RD + group]), max(s[at.CAN_WR + bank], s[at.GROUP_WR + group]))
    s[at.READY_ROW + bank], s[at.READY_COLUMN + bank] = row, column
    s[at.ROW_FROM] = min(s[at.ROW_FROM], row)
    s[at.COLUMN_FROM] = min(s[at.COLUMN_FROM], column)
    bit = 1 << bank
    s[at.WANTING] = s[at.WANTING] & ~bit if min(row, column) == FAR else s[at.WANTING] | bit


@inner
def find_candidates(p, s, r, bank):
    """Recompute which commands ``bank`` wants, and from when its own timing allows each (FAR: not wanted)."""
    can_act = can_pre = can_rd = can_wr = FAR
    length, row = s[at.LENGTH + bank], s[at.OPEN_ROW + bank]
    if row == NONE:
        if length > 0:
            can_act = s[at.BANK_ACT + bank]
    else:
        base = at.QUEUE + bank * at.MAX_BANK_QUEUE
        hit, k = False, 0
        reads, writes = s[at.WRITES_IN + bank] < length, s[at.WRITES_IN + bank] > 0
        while k < length and (reads or writes):
            q = s[base + k] * at.REQUEST
            if r[q + at.ROW] == row:
                hit = True
                if r[q + at.WRITE] == 0:
                    if reads:
                        can_rd, reads = s[at.BANK_RD + bank], False
                        s[at.PLACE_RD + bank] = k
                elif writes and not _read_ahead(s, r, base, k):
                    can_wr, writes = s[at.BANK_WR + bank], False
                    s[at.PLACE_WR + bank] = k
            k += 1
        served = s[at.HITS + bank]
        conflict = length > 0 and r[s[base] * at.REQUEST + at.ROW] != row
        if (conflict and (not hit or served >= p[at.HIT_LIMIT])) or (p[at.CLOSED_PAGE] and served > 0 and not hit):
            can_pre = s[at.BANK_PRE + bank]
    s[at.CAN_ACT + bank] = can_act
    s[at.CAN_RD + bank] = can_rd
    s[at.CAN_WR + bank] = can_wr
    s[at.CAN_PRE + bank] = can_pre
    note_ready(p, s, bank)


@inner
def _record(s, log, cycle, kind, rank, bank, row, column):
    if log[at.LOG_COUNT] < log[at.LOG_CAPACITY]:
        line = at.LOG_HEADER + log[at.LOG_COUNT] * at.LOG_LINE
        log[line + at.LOG_CHANNEL] = s[at.CHANNEL]
        log[line + at.LOG_CYCLE] = cycle
        log[line + at.LOG_KIND] = kind
        log[line + at.LOG_RANK] = rank
        log[line + at.LOG_BANK] = bank
        log[line + at.LOG_ROW] = row
        log[line + at.LOG_COLUMN] = column
        log[at.LOG_COUNT] += 1


@inner
def _window_end(p, s, rank, length, span):
    """When the ``length``-th last activate of this rank leaves its window of ``span`` cycles."""
    count = s[at.WINDOW_COUNT + rank]
    if count < length:
        return 0
    return s[at.WINDOW + rank * 32 + (count - length) % 32] + span


@inner
def _hold_row_bus(p, s, until):
    """No row command of this controller before ``until``."""
    for group in range(p[at.GROUPS]):
        s[at.GROUP_ACT + group] = max(s[at.GROUP_ACT + group], until)
        s[at.GROUP_PRE + group] = max(s[at.GROUP_PRE + group], until)
    for rank in range(p[at.RANKS]):
        s[at.RANK_REF + rank] = max(s[at.RANK_REF + rank], until)


@inner
def activate(p, s, r, log, bank, row, cycle):
    """ACT: open ``row``; start tRCD, tRAS, tRC, tRRD and the activation windows."""
    group, rank = p[at.GROUP_OF_BANK + bank], p[at.RANK_OF_BANK + bank]
    s[at.OPEN_ROW + bank] = row
    s[at.HITS + bank] = 0
    s[at.BANK_ACT + bank] = max(s[at.BANK_ACT + bank], cycle + p[at.T_RC])
    s[at.BANK_RD + bank] = max(s[at.BANK_RD + bank], cycle + p[at.T_RCD_RD])
    s[at.BANK_WR + bank] = max(s[at.BANK_WR + bank], cycle + p[at.T_RCD_WR])
    s[at.BANK_PRE + bank] = max(s[at.BANK_PRE + bank], cycle + p[at.T_RAS])
    count = s[at.WINDOW_COUNT + rank]
    s[at.WINDOW + rank * 32 + count % 32] = cycle
    s[at.WINDOW_COUNT + rank] = count + 1
    window = _window_end(p, s, rank, 4, p[at.T_FAW])
    if p[at.T_32AW] > 0:
        window = max(window, _window_end(p, s, rank, 32, p[at.T_32AW]))
    first = rank * p[at.GROUPS_PER_RANK]
    for other in range(first, first + p[at.GROUPS_PER_RANK]):
        gap = p[at.T_RRD_L] if other == group else p[at.T_RRD_S]
        s[at.GROUP_ACT + other] = max(s[at.GROUP_ACT + other], cycle + gap, window)
    if p[at.ACT_CLOCKS] > 1:
        _hold_row_bus(p, s, cycle + p[at.ACT_CLOCKS])
    if s[at.RANK_OPEN + rank] == 0:
        s[at.RANK_SINCE + rank] = cycle
    s[at.RANK_OPEN + rank] += 1
    s[at.N_ACTIVATE] += 1
    _record(s, log, cycle, at.ACT, rank, bank, row, NONE)
    find_candidates(p, s, r, bank)


@inner
def precharge(p, s, r, log, bank, cycle):
    """PRE: close the row; start tRP (towards ACT and REF) and tPPD."""
    rank = p[at.RANK_OF_BANK + bank]
    s[at.OPEN_ROW + bank] = NONE
    s[at.HITS + bank] = 0
    s[at.BANK_ACT + bank] = max(s[at.BANK_ACT + bank], cycle + p[at.T_RP])
    s[at.RANK_REF + rank] = max(s[at.RANK_REF + rank], cycle + p[at.T_RP])
    if p[at.T_PPD] > 0:
        first = rank * p[at.GROUPS_PER_RANK]
        for group in range(first, first + p[at.GROUPS_PER_RANK]):
            s[at.GROUP_PRE + group] = max(s[at.GROUP_PRE + group], cycle + p[at.T_PPD])
    s[at.RANK_OPEN + rank] -= 1
    if s[at.RANK_OPEN + rank] == 0:
        s[at.RANK_ACTIVE + rank] += cycle - s[at.RANK_SINCE + rank]
    s[at.N_PRECHARGE] += 1
    _record(s, log, cycle, at.PRE, rank, bank, NONE, NONE)
    find_candidates(p, s, r, bank)


@inner
def refresh_rank(p, s, r, log, rank, cycle):
    """REF: all banks of ``rank`` are closed; start tRFC."""
    until = cycle + p[at.T_RFC]
    s[at.RANK_REF + rank] = until
    first = rank * p[at.BANKS_PER_RANK]
    for bank in range(first, first + p[at.BANKS_PER_RANK]):
        s[at.BANK_ACT + bank] = max(s[at.BANK_ACT + bank], until)
        find_candidates(p, s, r, bank)
    s[at.N_REFRESH] += 1
    _record(s, log, cycle, at.REF, rank, NONE, NONE, NONE)


@inner
def refresh_one_bank(p, s, r, log, bank, cycle):
    """REFpb: the bank is closed; start tRFCpb for it, and tRREFD towards activates of the other banks of its rank."""
    rank = p[at.RANK_OF_BANK + bank]
    s[at.BANK_ACT + bank] = max(s[at.BANK_ACT + bank], cycle + p[at.T_RFC_PB])
    s[at.RANK_REFPB + rank] = cycle + p[at.T_RFC_PB]
    first = rank * p[at.GROUPS_PER_RANK]
    for group in range(first, first + p[at.GROUPS_PER_RANK]):
        s[at.GROUP_ACT + group] = max(s[at.GROUP_ACT + group], cycle + p[at.T_RREFD])
    s[at.N_REFRESH] += 1
    _record(s, log, cycle, at.REFPB, rank, bank, NONE, NONE)
    find_candidates(p, s, r, bank)


@hot
def after_read(p, s, group, rank, cycle):
    free = FAR
    for other in range(p[at.GROUPS]):
        if other == group:
            to_rd, to_wr = p[at.T_RD_RD_L], p[at.T_RD_WR]
        elif p[at.RANK_OF_GROUP + other] == rank:
            to_rd, to_wr = p[at.T_RD_RD_S], p[at.T_RD_WR]
        elif p[at.PSEUDO_OF_GROUP + other] == p[at.PSEUDO_OF_GROUP + group]:
            to_rd, to_wr = p[at.T_RD_RD_O], p[at.T_RD_WR_O]
        else:
            to_rd, to_wr = 0, 0
        s[at.GROUP_RD + other] = max(s[at.GROUP_RD + other], cycle + to_rd)
        s[at.GROUP_WR + other] = max(s[at.GROUP_WR + other], cycle + to_wr)
        free = min(free, s[at.GROUP_RD + other], s[at.GROUP_WR + other])
    s[at.BUS_FREE] = free


@inner
def after_write(p, s, group, rank, cycle):
    free = FAR
    for other in range(p[at.GROUPS]):
        if other == group:
            to_rd, to_wr = p[at.T_WR_RD_L], p[at.T_WR_WR_L]
        elif p[at.RANK_OF_GROUP + other] == rank:
            to_rd, to_wr = p[at.T_WR_RD_S], p[at.T_WR_WR_S]
        elif p[at.PSEUDO_OF_GROUP + other] == p[at.PSEUDO_OF_GROUP + group]:
            to_rd, to_wr = p[at.T_WR_RD_O], p[at.T_WR_WR_O]
        else:
            to_rd, to_wr = 0, 0
        s[at.GROUP_RD + other] = max(s[at.GROUP_RD + other], cycle + to_rd)
        s[at.GROUP_WR + other] = max(s[at.GROUP_WR + other], cycle + to_wr)
        free = min(free, s[at.GROUP_RD + other], s[at.GROUP_WR + other])
    s[at.BUS_FREE] = free


@hot
def column(p, s, r, log, bank, request, cycle):
    """RD or WR of ``request``: start the bus windows of every group, and tRTP or write recovery of the bank."""
    q = request * at.REQUEST
    group, rank = p[at.GROUP_OF_BANK + bank], p[at.RANK_OF_BANK + bank]
    hit = 1 if s[at.HITS + bank] > 0 else 0
    s[at.HITS + bank] += 1
    if r[q + at.WRITE] == 0:
        s[at.BANK_PRE + bank] = max(s[at.BANK_PRE + bank], cycle + p[at.T_RTP])
        after_read(p, s, group, rank, cycle)
        s[at.N_READ] += 1
        s[at.N_READ_HIT] += hit
        _record(s, log, cycle, at.RD, rank, bank, r[q + at.ROW], r[q + at.COLUMN])
    else:
        s[at.BANK_PRE + bank] = max(s[at.BANK_PRE + bank], cycle + p[at.T_WR_PRE])
        after_write(p, s, group, rank, cycle)
        s[at.N_WRITE] += 1
        s[at.N_WRITE_HIT] += hit
        _record(s, log, cycle, at.WR, rank, bank, r[q + at.ROW], r[q + at.COLUMN])
