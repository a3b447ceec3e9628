"""Where things stand in the flat int64 arrays of the bank engine: one state array a channel, one parameter array.

Plain integers, read by the kernels (which freeze them when compiled) and by the Python side (which fills and reads the
arrays). The maxima bound the machine, not the model; a device beyond them is refused when its timing is resolved.
"""

from __future__ import annotations

MAX_BANKS = 64
MAX_GROUPS = 64
MAX_RANKS = 16
MAX_BANK_QUEUE = 16
FILTER = 1024
FAR = 1 << 60
NONE = -1

# Parameters: the resolved timing table (cycles), organisation and policy.
(
    BANKS, GROUPS, RANKS, BANKS_PER_RANK, GROUPS_PER_RANK, REFRESH_INTERVAL,
    T_RCD_RD, T_RCD_WR, T_RAS, T_RC, T_RP, T_RFC, T_RRD_S, T_RRD_L, T_FAW, T_32AW, T_PPD, T_RTP, T_WR_PRE,
    T_RD_RD_L, T_RD_RD_S, T_RD_RD_O, T_RD_WR, T_RD_WR_O,
    T_WR_WR_L, T_WR_WR_S, T_WR_WR_O, T_WR_RD_L, T_WR_RD_S, T_WR_RD_O, READ_DELAY, WRITE_DELAY,
    DUAL_COMMAND, BANK_QUEUE, READ_QUEUE, WRITE_QUEUE, DRAIN_HIGH, DRAIN_IDLE, HIT_LIMIT,
    OLDEST_FIRST, SHARED_QUEUE, MOVES, REFRESH_ALL, ACT_CLOCKS, CLOSED_PAGE,
    REFRESH_PER_BANK, T_RFC_PB, T_RREFD,
) = range(48)  # fmt: skip
GROUP_OF_BANK = 64
RANK_OF_BANK = GROUP_OF_BANK + MAX_BANKS
RANK_OF_GROUP = RANK_OF_BANK + MAX_BANKS
PSEUDO_OF_GROUP = RANK_OF_GROUP + MAX_GROUPS
PARAMETERS = PSEUDO_OF_GROUP + MAX_GROUPS

# State of one channel: scalars first.
(
    CLOCK, POINTER, NEXT_COMMAND, NEXT_REFRESH, REFRESH_RANK, REFRESH_PENDING, REFRESH_ARRIVAL_RANK, BLOCKED,
    READS_WAITING, WRITES_WAITING, READS_MOVABLE, WRITES_MOVABLE, DRAINING, QUEUED,
    N_READ, N_WRITE, N_READ_HIT, N_WRITE_HIT, N_ACTIVATE, N_PRECHARGE, N_ONDEMAND, N_REFRESH, N_DUAL,
    LAST_READ_DONE, LAST_WRITE, CHANNEL, JOINED, FORWARDED, MERGED, READS_QUEUED, BLOCKED_BANK,
    LAST_SERVED, BUS_FREE, ROW_FROM, COLUMN_FROM, WANTING, ACCEPTED,
) = range(37)  # fmt: skip
MOVABLE = READS_MOVABLE

# ... then per bank, per group and per rank. ACT_HELD: how long the activation windows held the last activate of a bank.
# READY_ROW, READY_COLUMN: before when no command of a bank can issue, as far as known (FAR: it wants none), ACT or PRE and
# RD or WR; no row command of any bank before ROW_FROM, no column before COLUMN_FROM, nor before BUS_FREE; WANTING has a bit
# for each bank that wants any (64 banks at most). WRITES_IN: writes in a bank's queue. WAITING, FIRST_WAITING,
# LAST_WAITING: reads, then writes, that wait to enter it.
OPEN_ROW = 40
HITS = OPEN_ROW + MAX_BANKS
BANK_ACT = HITS + MAX_BANKS
BANK_RD = BANK_ACT + MAX_BANKS
BANK_WR = BANK_RD + MAX_BANKS
BANK_PRE = BANK_WR + MAX_BANKS
CAN_ACT = BANK_PRE + MAX_BANKS
CAN_RD = CAN_ACT + MAX_BANKS
CAN_WR = CAN_RD + MAX_BANKS
CAN_PRE = CAN_WR + MAX_BANKS
PLACE_RD = CAN_PRE + MAX_BANKS
PLACE_WR = PLACE_RD + MAX_BANKS
LENGTH = PLACE_WR + MAX_BANKS
WAITING = LENGTH + MAX_BANKS
FIRST_WAITING = WAITING + 2 * MAX_BANKS
LAST_WAITING = FIRST_WAITING + 2 * MAX_BANKS
GROUP_ACT = LAST_WAITING + 2 * MAX_BANKS
GROUP_RD = GROUP_ACT + MAX_GROUPS
GROUP_WR = GROUP_RD + MAX_GROUPS
GROUP_PRE = GROUP_WR + MAX_GROUPS
RANK_REF = GROUP_PRE + MAX_GROUPS
RANK_REFPB = RANK_REF + MAX_RANKS
RANK_OPEN = RANK_REFPB + MAX_RANKS
RANK_SINCE = RANK_OPEN + MAX_RANKS
RANK_ACTIVE = RANK_SINCE + MAX_RANKS
WINDOW_COUNT = RANK_ACTIVE + MAX_RANKS
WINDOW = WINDOW_COUNT + MAX_RANKS
QUEUE = WINDOW + MAX_RANKS * 32
FILTER_RD = QUEUE + MAX_BANKS * MAX_BANK_QUEUE
FILTER_WR = FILTER_RD + FILTER
ACT_HELD = FILTER_WR + FILTER
READY_ROW = ACT_HELD + MAX_BANKS
READY_COLUMN = READY_ROW + MAX_BANKS
WRITES_IN = READY_COLUMN + MAX_BANKS
STATE = WRITES_IN + MAX_BANKS

# One request. AGE: how many the channel had accepted before it; BEHIND: who waits behind it for its bank.
ADDRESS, BANK, ROW, COLUMN, WRITE, ADDED, DONE, JOIN, AGE, BEHIND = range(10)
REQUEST = 10

# The command log: how many lines it has and may have; then a line each command, and the kinds in it.
LOG_COUNT, LOG_CAPACITY = range(2)
LOG_HEADER = 2
LOG_CHANNEL, LOG_CYCLE, LOG_KIND, LOG_RANK, LOG_BANK, LOG_ROW, LOG_COLUMN = range(7)
LOG_LINE = 7
ACT, PRE, RD, WR, REF, REFPB = range(6)
