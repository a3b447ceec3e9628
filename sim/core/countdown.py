"""Waiting for several things at once: an event of its own for each would cost more than a counter."""

from __future__ import annotations

from collections.abc import Callable


def countdown(count: int, last: Callable[[], None]) -> Callable[[], None]:
    """A callback to hand to ``count`` parts; the call that makes them complete runs ``last``."""

    def one_less() -> None:
        nonlocal count
        count -= 1
        if count == 0:
            last()

    return one_less
