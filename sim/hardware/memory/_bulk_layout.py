"""Where things stand in the arrays of the bulk engine: parameters, state of one channel, and the transfers in flight."""

from __future__ import annotations

MAX_BANKS = 128
MAX_RANKS = 16
MAX_GROUPS = 64
FAR = 1 << 60
NONE = -1

# Parameters. The fields of a local burst's number are shift and mask; sizes are powers of two.
(
    RUN_BURSTS, LANES, GROUPS, BANKS_PER_GROUP, RANKS, STEP, BURST, LOOKAHEAD,
    SHIFT_BANK, MASK_BANK, SHIFT_GROUP, MASK_GROUP, SHIFT_RANK, MASK_RANK, SHIFT_ROW, MASK_ROW,
    RCD_RD, RCD_WR, RAS, RC, RP, RFC, REFI, RRD_S, RRD_L, FAW, RD_PRE, WR_PRE,
    RD_WR, WR_RD, RANK_SWITCH, OTHER_STEP, CLOSED_PAGE, GROUP_STEP,
) = range(34)  # fmt: skip
PARAMETERS = 34

# Why the data bus did not transfer while there was work: offsets from LOST.
REFRESH, TURNAROUND, ACTIVATION, BANK, BANK_GROUP = range(5)

# State of the channel: scalars, then per bank, then per rank (NEXT_REFRESH on); of the present run's lanes, how many columns
# each has ahead of its turn (LEAD; first: when it takes its first).
(
    NEXT_COLUMN, LAST_WRITE, LAST_RANK, LAST_START, LAST_COLUMN, TURN, ACTIVE, LAST_GROUP, LAST_BURSTS,
    COVERED, WORK_SINCE, WHY, WINDOW, LAST_FIRST, HELD,
    RUNS, COLUMNS, ACTIVATES, ROW_MISSES, ROW_CONFLICTS, REFRESHES, ACTIVE_CYCLES, IDLE, BUSY, LOST,
) = range(25)  # fmt: skip
OPEN_ROW = 32
ACT_OK = OPEN_ROW + MAX_BANKS
PRE_OK = ACT_OK + MAX_BANKS
NEXT_REFRESH = PRE_OK + MAX_BANKS
REFRESH_END = NEXT_REFRESH + MAX_RANKS
LAST_ACT = REFRESH_END + MAX_RANKS
LAST_ACT_GROUP = LAST_ACT + MAX_RANKS
RANK_ACTS = LAST_ACT_GROUP + MAX_RANKS
RANK_OPEN = RANK_ACTS + MAX_RANKS
OPEN_SINCE = RANK_OPEN + MAX_RANKS
OPEN_UNTIL = OPEN_SINCE + MAX_RANKS
ACT_TIMES = OPEN_UNTIL + MAX_RANKS
LEAD = ACT_TIMES + MAX_RANKS * 4
STATE = LEAD + MAX_GROUPS

# One transfer: where it goes on, what is left, its kind, when it came, when its last burst has left, rows it opened,
# (request by request) how many of what is left the controller has not been given, how many it had at first; and of the
# rows of a tile: bursts of one, what is left of this one, bursts from one to the next.
(
    NEXT_BURST, LEFT, WRITE, ARRIVED, FINISH, OPENED, TO_GIVE, BURSTS, TILE_ROW, ROW_LEFT, TILE_STEP,
) = range(11)  # fmt: skip
TRANSFER = 12

# Request by request: the book of requests given to the controller, and counters already taken over; then how many
# request slots are free, the free slots, and the transfer of each slot.
(
    OUTSTANDING, GIVING, GIVEN_AT, GIVEN, SEEN_ACTIVATES, SEEN_ONDEMAND, SEEN_REFRESHES, GAP_REFRESHES, FREE_SLOTS,
    SLOT_COUNT,
) = range(10)  # fmt: skip
SLOTS = 16
DRAINED = -2
LOOK_AHEAD = 2048
