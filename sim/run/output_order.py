"""In which order the tiles of a core may reserve room for their results, so that no order of arrivals can deadlock.

Tiles become ready out of program order: one waits for a producer, a later one's operands are there. Letting the later
one go first is what makes independent branches overlap, and is safe if it can finish on its own, as a tile that stores
and gives back all it reserves can. A tile whose block of results stays open for tiles still to come (inner K tiles)
cannot: these may need input space that a waiting earlier tile holds. So such a tile waits until every tile before it that
needs room has it, and a region's share reserves in order. Tiles that need no room hold nobody back (the value steps of
fused attention, which wait for a softmax while the next scores may already be computed).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sim.core.credits import CreditPool


class _Entry:
    __slots__ = ("alone", "amount", "go", "granted", "requested", "share", "who")

    def __init__(self, share: object, amount: int, given_back: int, who: object) -> None:
        self.share = share
        self.amount = amount
        self.alone = given_back >= amount
        self.who = who
        self.go: Callable[[], None] | None = None
        self.requested = False
        self.granted = False


class OutputOrder:
    """Grants room in ``pool`` to tiles that entered in program order and became ready in any order."""

    def __init__(self, pool: CreditPool) -> None:
        self._pool = pool
        self._waiting: deque[_Entry] = deque()

    def enter(self, share: object, amount: int, given_back: int, who: object) -> _Entry:
        """The next tile of the program, of a region's ``share``: it reserves ``amount`` and gives ``given_back`` back."""
        entry = _Entry(share, amount, given_back, who)
        self._waiting.append(entry)
        return entry

    def ready(self, entry: _Entry, go: Callable[[], None]) -> bool:
        """The tile's operands are there: ``go`` runs when it has its room. Returns whether it ran at once."""
        entry.go = go
        self._advance()
        return entry.granted

    def _advance(self) -> None:
        """Ask the pool for everyone who may ask now."""
        while (entry := self._next()) is not None:
            entry.requested = True
            if entry.amount == 0:
                self._grant(entry)
            else:
                self._pool.acquire(entry.amount, lambda entry=entry: self._granted(entry), entry.who)  # type: ignore[misc]

    def _next(self) -> _Entry | None:
        """The first tile that is ready and allowed to ask, and has not asked yet."""
        held_back: set[object] = set()
        room_is_owed = False
        for entry in self._waiting:
            allowed = entry.share not in held_back and (entry.alone or not room_is_owed)
            if allowed and entry.go is not None and not entry.requested:
                return entry
            if entry.amount:
                held_back.add(entry.share)
                room_is_owed = True
        return None

    def _granted(self, entry: _Entry) -> None:
        self._grant(entry)
        self._advance()

    def _grant(self, entry: _Entry) -> None:
        entry.granted = True
        if self._waiting[0] is entry:
            self._waiting.popleft()
        else:
            self._waiting.remove(entry)
        go, entry.go = (
            entry.go,
            None,
        )  # what it holds on to holds on to the entry: a circle that only the collector frees
        assert go is not None
        go()
