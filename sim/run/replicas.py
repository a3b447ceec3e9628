"""From the record of one simulated chip to that of all chips that do the same.

Ranks of tensor parallelism run one program on parts of equal size, start together, and meet in collectives whose messages
are simulated between all of them; so each chip's account is that of the simulated one, to the picosecond, under its own
path. Work, bytes and peaks are those of all chips together; times, and the links between chips, are as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.run.record import ComponentRecord, LaneRecord, OperatorRecord


class Replicas:
    """``paths``: the chips that one simulated chip, the first of them, stands for."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)

    @property
    def count(self) -> int:
        """Chips, the simulated one included."""
        return max(1, len(self._paths))

    def of(self, path: str) -> tuple[str, ...]:
        """The path on every chip; what is on none of them, as it is."""
        if not self._paths or not path.startswith(f"{self._paths[0]}."):
            return (path,)
        return tuple(chip + path.removeprefix(self._paths[0]) for chip in self._paths)

    def components(self, found: Sequence[ComponentRecord]) -> list[ComponentRecord]:
        """Every component of every chip."""
        return [self._moved(one, path) for one in found for path in self.of(one.path)]

    def operators(self, found: Mapping[int, OperatorRecord]) -> dict[int, OperatorRecord]:
        """Operators with the work and the bytes of all chips."""
        if self.count == 1:
            return dict(found)
        return {
            number: replace(
                one,
                macs=one.macs * self.count,
                macs_executed=one.macs_executed * self.count,
                peak_macs_per_s=one.peak_macs_per_s * self.count,
                bytes={path: moved for tier, moved in one.bytes.items() for path in self.of(tier)},
            )
            for number, one in found.items()
        }

    def memory(self, found: dict[str, Any]) -> dict[str, Any]:
        """Every memory of every chip."""
        return {path: entry for tier, entry in found.items() for path in self.of(tier)}

    def traffic(self, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Bytes between memories, of all chips."""
        return [{**one, "bytes": one["bytes"] * self.count} for one in found]

    def _moved(self, one: ComponentRecord, path: str) -> ComponentRecord:
        if path == one.path:
            return one
        lanes = tuple(self._lane(lane, one.path, path) for lane in one.lanes)
        return replace(one, path=path, lanes=lanes)

    def _lane(self, lane: LaneRecord, old: str, new: str) -> LaneRecord:
        return replace(lane, name=lane.name.replace(old, new, 1))
