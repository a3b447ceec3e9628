"""Partial sums on their way between cores that share the K of a block of results.

A core sends its sums when they are complete and the core that goes on adding has room for them; that one has room from the
moment its step of the same block is granted its input space. Cores take steps in the same order of regions and blocks, so
for the earliest block not done anywhere every receiver gets its room and every sender its turn: no circle.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sim.core.errors import InconsistencyError
from sim.run.parts import Core

Sender = Callable[[Core, Callable[[], None]], None]
"""Called with the receiving core when that has room; calls back when its message has arrived there."""


class _Inbox:
    __slots__ = ("left", "receiver", "then", "waiting")

    def __init__(self) -> None:
        self.receiver: Core | None = None
        self.left = 0
        self.waiting: list[Sender] = []
        self.then: Callable[[], None] | None = None


class PartialSumMessages:
    """All such messages of a run; a key names the block and the slot that receives."""

    def __init__(self) -> None:
        self._inboxes: dict[Hashable, _Inbox] = {}

    def expect(self, key: Hashable, receiver: Core, messages: int) -> None:
        """``receiver`` has room for this many messages from now on."""
        inbox = self._inboxes.setdefault(key, _Inbox())
        inbox.receiver, inbox.left = receiver, messages
        waiting, inbox.waiting = inbox.waiting, []
        for sender in waiting:
            sender(receiver, lambda: self._arrived(key))

    def send(self, key: Hashable, sender: Sender) -> None:
        """``sender`` has its sums; it goes when the receiver has room."""
        inbox = self._inboxes.setdefault(key, _Inbox())
        if inbox.receiver is None:
            inbox.waiting.append(sender)
        else:
            sender(inbox.receiver, lambda: self._arrived(key))

    def gather(self, key: Hashable, then: Callable[[], None]) -> None:
        """Run ``then`` when all messages have arrived."""
        inbox = self._inboxes[key]
        if inbox.left:
            inbox.then = then
        else:
            del self._inboxes[key]
            then()

    def finish(self) -> None:
        """At the end of the run no message may be left."""
        if self._inboxes:
            raise InconsistencyError("partial sums", f"{len(self._inboxes)} blocks end the run without all their sums")

    def _arrived(self, key: Hashable) -> None:
        inbox = self._inboxes[key]
        inbox.left -= 1
        if inbox.left == 0 and inbox.then is not None:
            del self._inboxes[key]
            inbox.then()
