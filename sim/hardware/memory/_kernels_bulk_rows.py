# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
"""Compiled: rows of one channel in the bulk engine: where bursts lie, opening, closing and refreshing rows."""

from __future__ import annotations

from sim.hardware._kernel import hot, inner
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory._bulk_layout import NONE


@inner
def _activate(p, s, bank, earliest):
    """Activate ``bank``, from ``earliest`` on when tRRD and tFAW allow; returns when."""
    group = bank // p[at.BANKS_PER_GROUP]
    rank = group // p[at.GROUPS]
    when = earliest
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
    if s[at.RANK_OPEN + rank] == 0:
        s[at.OPEN_SINCE + rank] = max(when, s[at.OPEN_UNTIL + rank])
    s[at.RANK_OPEN + rank] += 1
    return when


@inner
def close_row(p, s, bank, precharged):
    """The row of ``bank`` is precharged at ``precharged``."""
    rank = bank // (p[at.GROUPS] * p[at.BANKS_PER_GROUP])
    s[at.OPEN_ROW + bank] = NONE
    s[at.ACT_OK + bank] = max(s[at.ACT_OK + bank], precharged + p[at.RP])
    s[at.RANK_OPEN + rank] -= 1
    s[at.OPEN_UNTIL + rank] = max(s[at.OPEN_UNTIL + rank], precharged)
    if s[at.RANK_OPEN + rank] == 0:
        s[at.ACTIVE_CYCLES] += max(0, s[at.OPEN_UNTIL + rank] - s[at.OPEN_SINCE + rank])


@inner
def open_row(p, s, bank, row, write, enters):
    """From when the bank takes columns of ``row``: at once when it is open, else after tRP, tRCD and what else binds.

    WHY says what would be waited for, WINDOW how many cycles of it are due to tRRD and tFAW.
    """
    present = s[at.OPEN_ROW + bank]
    to_column = p[at.RCD_WR] if write else p[at.RCD_RD]
    s[at.WHY], s[at.WINDOW] = at.BANK, 0
    if present == row:
        return s[at.ACT_OK + bank] - p[at.RC] + to_column
    if present == NONE:
        s[at.ROW_MISSES] += 1
    else:
        s[at.ROW_CONFLICTS] += 1
        close_row(p, s, bank, max(enters, s[at.PRE_OK + bank]))
    free = max(enters, s[at.ACT_OK + bank])
    rank = bank // (p[at.GROUPS] * p[at.BANKS_PER_GROUP])
    opened = _activate(p, s, bank, free)
    if free > enters and free == s[at.REFRESH_END + rank]:
        s[at.WHY] = at.REFRESH
    s[at.WINDOW] = opened - free
    s[at.OPEN_ROW + bank] = row
    s[at.ACT_OK + bank] = opened + p[at.RC]
    s[at.PRE_OK + bank] = opened + p[at.RAS]
    return opened + to_column


@inner
def _refresh_rank(p, s, rank, due):
    """All-bank: close the rank's banks, tRP, REF, tRFC."""
    per_rank = p[at.GROUPS] * p[at.BANKS_PER_GROUP]
    closed = due
    for bank in range(rank * per_rank, (rank + 1) * per_rank):
        if s[at.OPEN_ROW + bank] != NONE:
            close_row(p, s, bank, max(s[at.PRE_OK + bank], due))
            closed = max(closed, s[at.ACT_OK + bank])
    end = closed + p[at.RFC]
    for bank in range(rank * per_rank, (rank + 1) * per_rank):
        s[at.ACT_OK + bank] = max(s[at.ACT_OK + bank], end)
    s[at.REFRESH_END + rank] = end
    s[at.REFRESHES] += 1


@inner
def refresh_due(p, s, cycle):
    """Every refresh whose time has come by ``cycle``."""
    for rank in range(p[at.RANKS]):
        while s[at.NEXT_REFRESH + rank] <= cycle:
            _refresh_rank(p, s, rank, s[at.NEXT_REFRESH + rank])
            s[at.NEXT_REFRESH + rank] += p[at.REFI]


@inner
def rank_of(p, burst):
    """The rank of a local burst."""
    return (burst >> p[at.SHIFT_RANK]) & p[at.MASK_RANK]


@inner
def row_of(p, burst):
    """The row of a local burst in its bank."""
    return (burst >> p[at.SHIFT_ROW]) & p[at.MASK_ROW]


@inner
def bank_of(p, first, lane):
    """The bank of the run that begins at local burst ``first``, on its ``lane``."""
    group = (first >> p[at.SHIFT_GROUP]) & p[at.MASK_GROUP]
    if p[at.LANES] > 1:
        group = (first + lane) & (p[at.LANES] - 1)
    bank_in_group = (first >> p[at.SHIFT_BANK]) & p[at.MASK_BANK]
    return (rank_of(p, first) * p[at.GROUPS] + group) * p[at.BANKS_PER_GROUP] + bank_in_group


@hot
def burst_after(transfers, t, bursts):
    """Where the transfer whose words begin at ``t`` goes on after ``bursts`` more of its present tile row."""
    following = transfers[t + at.NEXT_BURST] + bursts
    if bursts == transfers[t + at.ROW_LEFT]:
        following += transfers[t + at.TILE_STEP] - transfers[t + at.TILE_ROW]
    return following


@hot
def go_on(transfers, t, bursts):
    """The transfer has been served or given ``bursts`` of its present tile row."""
    transfers[t + at.NEXT_BURST] = burst_after(transfers, t, bursts)
    transfers[t + at.ROW_LEFT] -= bursts
    if transfers[t + at.ROW_LEFT] == 0:
        transfers[t + at.ROW_LEFT] = transfers[t + at.TILE_ROW]


@inner
def leave_ring(s, ring, place):
    """The transfer at ``place`` has completed: it leaves the ring; the turn stays with whose it is, or goes on."""
    for k in range(place, s[at.ACTIVE] - 1):
        ring[k] = ring[k + 1]
    s[at.ACTIVE] -= 1
    turn = s[at.TURN] - 1 if place < s[at.TURN] else s[at.TURN]
    s[at.TURN] = 0 if turn >= s[at.ACTIVE] else turn
