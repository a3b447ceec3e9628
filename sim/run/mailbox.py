"""Messages between chips that are simulated side by side: who sends tells when one begins to arrive and when it is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable


class Mailbox:
    """News by key, for whoever waits for them then or later. A piece of news is told once and waited for once."""

    def __init__(self) -> None:
        self._told: set[Hashable] = set()
        self._waiting: defaultdict[Hashable, list[Callable[[], None]]] = defaultdict(list)

    def tell(self, key: Hashable) -> None:
        """It has happened."""
        if key in self._waiting:
            for call in self._waiting.pop(key):
                call()
        else:
            self._told.add(key)

    def when(self, key: Hashable, call: Callable[[], None]) -> None:
        """Run ``call`` when it happens; at once if it has."""
        if key in self._told:
            self._told.remove(key)
            call()
        else:
            self._waiting[key].append(call)
