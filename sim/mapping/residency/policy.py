"""The interface of a residency policy: asked which tensors live in the near tier, and which copies have to make room.

Persistent tensors (weights, caches) have a *home*, and those whose home is a slower tier are copied into the *near* tier
before an operator uses them. Tensors of one model (:class:`~sim.run.jobs.Job`) form a *group*, which comes and goes as
a whole; any other tensor is a group of its own. The policy answers questions; what is done about them (space, copies,
writing back) is :mod:`sim.run.resident_set`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Protocol

from sim.config.policy import Policy
from sim.core.registry import Registry


class State(Enum):
    """Where the copy of a resident stands."""

    ABSENT = "absent"
    COMING = "coming"
    PRESENT = "present"
    LEAVING = "leaving"


@dataclass(eq=False)
class Resident:
    """A persistent tensor: ``home`` and ``copy`` are (tier index, address). Sizes in bytes.

    ``dirty``: the copy has been written since it was made; ``incoming``: the copy in flight that fills it.
    """

    name: str
    role: str
    size_bytes: int
    home: tuple[int, int]
    copy: tuple[int, int] | None = None
    state: State = State.ABSENT
    dirty: bool = False
    incoming: Any = None


@dataclass(eq=False)
class Group:
    """Residents that come and go together. ``users``: regions in flight that use it; ``last_use`` counts regions."""

    name: str
    members: list[Resident] = field(default_factory=list)
    users: int = 0
    last_use: int = -1

    @property
    def idle(self) -> bool:
        """May its copies be dropped now? Nobody uses them, and none is on its way."""
        settled = all(one.state in (State.ABSENT, State.PRESENT) for one in self.members)
        return self.users == 0 and settled and any(one.copy is not None for one in self.members)


class Candidate(NamedTuple):
    """A tensor that needs a home: its name and its group's, and what is free of the near tier (bytes)."""

    name: str
    group: str
    read_only: bool
    size_bytes: int
    free_bytes: int
    capacity_bytes: int


class Residency(Protocol):
    """A policy. ``moves`` is False for one that never copies."""

    moves: ClassVar[bool]

    def __init__(self, policy: Policy) -> None: ...

    def lives_near(self, one: Candidate) -> bool:
        """Should the home of this tensor be the near tier?"""
        ...

    def stays(self, group: Group) -> bool:
        """Is the copy kept when nobody uses it at the moment?"""
        ...

    def victims(self, present: Iterable[Group]) -> Sequence[Group]:
        """The groups with copies that may be dropped to make room, the first to go first; one in use is waited for."""
        ...


residencies: Registry[type[Any]] = Registry("residencies", "residency policy")
