"""What a controller policy decides, as words that the compiled engine reads; and the registry of policies by name."""

from __future__ import annotations

from typing import ClassVar, Protocol

from sim.core.registry import Registry


class ControllerPolicy(Protocol):
    """A named set of queue sizes, thresholds and rules."""

    name: ClassVar[str]

    joins_pseudochannels: ClassVar[bool]
    """Does one controller, with its queues and command buses, serve all pseudo-channels of a channel?"""

    def words(self) -> dict[int, int]:
        """Parameter word of the engine -> value."""
        ...


controller_policies: Registry[type[ControllerPolicy]] = Registry("controller_policies", "memory controller policy")
