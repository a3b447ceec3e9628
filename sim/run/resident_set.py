"""Residents: where weights and caches live, which of them have copies in the near tier, and what is copied for whom.

Before a region begins, every persistent tensor it touches is either at home in the near tier or has a copy there, made
for it: space is reserved (dropping what the policy says), then the copy is queued, up to ``policy.lookahead`` regions
ahead of use. A region whose tensors find no room waits until others end; if none is left to wait for, it reads them
where they live, which the record counts. Read-only copies are dropped, written ones are first copied back to their home.

A weight of which a region reads only a part (rows of an embedding) is read where it lives, unless a copy is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from sim.core.component import Activity
from sim.core.errors import InconsistencyError, InputError, Problem
from sim.hardware.copy_engine import Copy, unattributed
from sim.hardware.layout import Layout, TierView
from sim.mapping.placement.arena import Arena
from sim.mapping.residency.policy import Candidate, Group, Residency, Resident, State
from sim.run.copies import TierCopies
from sim.run.jobs import Job
from sim.trace.expand import Slice, TensorInstance
from sim.trace.first_uses import persistent_in_order
from sim.trace.model import Trace

Key = tuple[str, Any]
SHARED_ROLES = ("weight", "constant")
"""Roles of what is only read, and so can be shared by the jobs of one model."""


class Touch:
    """What one region needs of the residents: the tensor's group, itself, and how it is used."""

    __slots__ = ("group", "held", "key", "overwrites", "reads", "resident", "whole", "written")

    def __init__(self, key: Key, group: Group, resident: Resident) -> None:
        self.key, self.group, self.resident = key, group, resident
        self.reads = self.whole = self.overwrites = self.written = self.held = False


class ResidentSet:
    """All residents of one run. ``changed`` is told when waiting for room may have become worthwhile."""

    def __init__(
        self,
        layout: Layout,
        policy: Residency,
        arenas: Sequence[Arena],
        copies: TierCopies,
        changed: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._policy = policy
        self._arenas = arenas
        self._copies = copies
        self._changed = changed
        self._near = layout.near
        self._members: dict[object, dict[Key, tuple[Group, Resident]]] = {}
        self._groups: dict[Group, None] = {}
        self._orders: dict[int, tuple[Trace, list[tuple[TensorInstance, int]]]] = {}
        self._use = count()
        self.used_in_place = 0
        self.hits = self.fetches = self.drops = self.write_backs = 0
        for tier in self._near:
            arenas[tier.index].reclaim = lambda size, tier=tier: self._reclaim(tier, size)

    def admit_model(self, name: str, trace: Trace) -> None:
        """A model whose weights live in memory from now on. Raises InputError when they do not fit."""
        if name not in self._members:
            group = Group(name)
            found = self._members[name] = {}
            for tensor, size in self._in_order(trace):
                if tensor.role in SHARED_ROLES:
                    found[tensor.key] = (group, self._settle(group, tensor, size))
            self._groups[group] = None

    def has_room(self, job: Job) -> bool:
        """Is there room now for everything that lives as long as the job?"""
        shared = SHARED_ROLES if job.model in self._members else ()
        needed = sum(size for tensor, size in self._in_order(job.trace) if tensor.role not in shared)
        tiers = (*self._near, *self._layout.far)
        copied = sum(one.size_bytes for group in self._groups for one in group.members if one.copy is not None)
        return needed <= sum(tier.capacity - self._arenas[tier.index].used for tier in tiers) + copied

    def admit_job(self, number: int, job: Job) -> None:
        """A job is about to begin: its model, if it has one, and its own caches (and weights, if it has none)."""
        if job.model is not None:
            self.admit_model(job.model, job.trace)
        own = self._members[number] = {}
        for tensor, size in self._in_order(job.trace):
            if job.model is None or tensor.role not in SHARED_ROLES:
                group = Group(str(tensor))
                own[tensor.key] = (group, self._settle(group, tensor, size))
                self._groups[group] = None

    def close_job(self, number: int) -> None:
        """The job is done: what was its own is given back, its copies with it."""
        for group, resident in self._members.pop(number).values():
            if resident.copy is not None and resident.state is not State.LEAVING:
                self._free_copy(resident)
            self._arenas[resident.home[0]].free(resident.home[1], resident.size_bytes, resident.role)
            del self._groups[group]

    def touches(self, number: int, job: Job, reads: Sequence[Slice], writes: Sequence[Slice]) -> list[Touch]:
        """The residents among what a region reads and writes, each once."""
        found: dict[Key, Touch] = {}
        for slices, written in ((reads, False), (writes, True)):
            for one in slices:
                if not one.tensor.persistent:
                    continue
                scope = self._members.get(job.model, {}) if one.tensor.role in SHARED_ROLES else {}
                group, resident = scope.get(one.tensor.key) or self._members[number][one.tensor.key]
                touch = found.setdefault(one.tensor.key, Touch(one.tensor.key, group, resident))
                touch.whole = touch.whole or one.elements == one.tensor.elements or resident.role not in SHARED_ROLES
                if written:
                    touch.overwrites = one.size_bytes == resident.size_bytes
                    touch.written = True
                else:
                    touch.reads = True
        return list(found.values())

    def reserve(self, touches: Sequence[Touch], last_resort: bool) -> dict[Key, tuple[int, int]] | None:
        """Tier and address to use of each resident, with room made for copies; None: wait for others to end, then ask again.

        ``last_resort``: nobody is left to wait for, so what finds no room is used where it lives.
        """
        groups = {touch.group: None for touch in touches if self._wants_copy(touch)}
        use = next(self._use)
        for group in groups:
            group.users += 1  # so that making room for one does not drop the other
            group.last_use = use
        missing = [
            one for group in groups for one in group.members if one.state is not State.PRESENT and self._far(one)
        ]
        leaving = any(one.state is State.LEAVING for one in missing)
        found = [one.state is State.COMING or self._room_for(one) for one in ([] if leaving else missing)]
        fits = not leaving and all(found)
        if not fits and (not last_resort or self._copies.open):
            self._cancel(missing, groups)
            return None
        for touch in touches:
            touch.held = touch.group in groups
        return {touch.key: self._used_at(touch) for touch in touches}

    def fetch(self, touches: Sequence[Touch], activity: Activity, began: Callable[[Copy], None]) -> list[Copy]:
        """Queue the copies for which :meth:`reserve` has made room; those (already) on their way that are waited for.

        ``began`` is told of each copy made on behalf of the region's operator.
        """
        pending: dict[Copy, None] = {}
        for touch in touches:
            group, wanted = touch.group, touch.resident
            if wanted.copy is not None and wanted.state is State.ABSENT and touch.overwrites and not touch.reads:
                wanted.state = State.PRESENT  # nothing of what it was is needed
            fresh = [one for one in group.members if one.copy is not None and one.state is State.ABSENT]
            self.fetches += len(fresh)
            self.hits += wanted.state is State.PRESENT and wanted.copy is not None
            for one in fresh:
                copy = self._bring(group, one, activity if len(group.members) == 1 else unattributed())
                began(copy)
            if wanted.incoming is not None:
                pending[wanted.incoming] = None
            if touch.written and wanted.copy is not None:
                wanted.dirty = True
        return list(pending)

    def release(self, touches: Sequence[Touch]) -> None:
        """The region has ended."""
        for group in {touch.group: None for touch in touches if touch.held}:
            group.users -= 1
            if group.idle and not self._policy.stays(group):
                self._drop_group(group)

    def finish(self) -> None:
        """At the end of the run nobody may use a copy any more."""
        for group in self._groups:
            if group.users:
                raise InconsistencyError("residency", f"{group.name} ends the run with {group.users} users")

    def _in_order(self, trace: Trace) -> list[tuple[TensorInstance, int]]:
        """Persistent tensors and their largest sizes, in order of first use; those never used are left out."""
        if id(trace) not in self._orders:
            self._orders[id(trace)] = (trace, persistent_in_order(trace))
        return self._orders[id(trace)][1]

    def _settle(self, group: Group, tensor: TensorInstance, size: int) -> Resident:
        """Give a tensor its home: the near tier if the policy says so, else the first slower one that has room."""
        capacity = sum(tier.capacity for tier in self._near)
        free = capacity - sum(self._arenas[tier.index].used for tier in self._near)
        read_only = tensor.role in SHARED_ROLES
        near = self._policy.lives_near(Candidate(tensor.name, group.name, read_only, size, free, capacity))
        for tier in (*self._near, *self._layout.far) if near else (*self._layout.far, *self._near):
            address = self._arenas[tier.index].allocate(size, tensor.role)
            if address is not None:
                resident = Resident(str(tensor), tensor.role, size, (tier.index, address))
                if tier in self._near:
                    resident.state = State.PRESENT
                group.members.append(resident)
                return resident
        free_text = ", ".join(
            f"{tier.path}: {self._arenas[tier.index].capacity - self._arenas[tier.index].used} of {tier.capacity} free"
            for tier in (*self._near, *self._layout.far)
        )
        raise InputError([Problem(f"no memory has room for {tensor} ({tensor.role}) of {group.name}: it needs {size} "
                                  f"bytes; {free_text}")])  # fmt: skip

    def _far(self, resident: Resident) -> bool:
        return all(resident.home[0] != tier.index for tier in self._near)

    def _wants_copy(self, touch: Touch) -> bool:
        wanted = touch.whole or touch.resident.copy is not None or len(touch.group.members) > 1
        return wanted and self._far(touch.resident)

    def _room_for(self, resident: Resident) -> bool:
        for tier in self._near:
            address = self._arenas[tier.index].allocate(resident.size_bytes, resident.role)
            if address is not None:
                resident.copy = (tier.index, address)
                return True
        return False

    def _cancel(self, missing: Sequence[Resident], groups: dict[Group, None]) -> None:
        """Give back the room that was reserved before one found none."""
        for group in groups:
            group.users -= 1
        for one in missing:
            if one.state is State.ABSENT and one.copy is not None:
                self._free_copy(one)

    def _used_at(self, touch: Touch) -> tuple[int, int]:
        resident = touch.resident
        if resident.copy is None and self._far(resident):
            self.used_in_place += touch.whole
        return resident.copy if resident.copy is not None else resident.home

    def _bring(self, group: Group, resident: Resident, activity: Activity) -> Copy:
        assert resident.copy is not None
        label = group.name if len(group.members) > 1 else resident.name.partition("[")[0]
        copy = Copy(label, resident.home, resident.copy, resident.size_bytes, activity)
        resident.state, resident.incoming = State.COMING, copy

        def here() -> None:
            resident.state, resident.incoming = State.PRESENT, None
            self._changed()

        copy.on_complete.append(here)
        self._copies.submit(copy)
        return copy

    def _reclaim(self, tier: TierView, size: int) -> bool:
        """Make a hole of ``size`` bytes in a near tier by dropping idle copies; False: it takes time, or cannot be done."""
        arena = self._arenas[tier.index]
        here = [group for group in self._groups
                if any(one.copy is not None and one.copy[0] == tier.index for one in group.members)]  # fmt: skip
        for group in self._policy.victims(here):
            if not group.idle or not self._drop_group(group):
                return False
            if arena.largest_hole >= size:
                return True
        return False

    def _drop_group(self, group: Group) -> bool:
        """Drop an idle group's copies; False when some have to be written back first."""
        now = [self._drop(one) for one in group.members if one.copy is not None]
        self.drops += 1
        return all(now)

    def _drop(self, resident: Resident) -> bool:
        if resident.copy is None:
            return True
        if not resident.dirty:
            self._free_copy(resident)
            return True
        self.write_backs += 1
        resident.state, resident.dirty = State.LEAVING, False
        copy = Copy(resident.name.partition("[")[0], resident.copy, resident.home, resident.size_bytes,
                    unattributed())  # fmt: skip

        def home() -> None:
            self._free_copy(resident)
            self._changed()

        copy.on_complete.append(home)
        self._copies.submit(copy)
        return False

    def _free_copy(self, resident: Resident) -> None:
        assert resident.copy is not None
        tier, address = resident.copy
        resident.copy, resident.state = None, State.ABSENT
        self._arenas[tier].free(address, resident.size_bytes, resident.role)
