"""From the record of one simulated chip to that of all chips that do the same.

Ranks of tensor parallelism run one program on parts of equal size, start together, and meet in collectives whose messages
are simulated between all of them; so each chip's account is that of the simulated one, to the picosecond, under its own
path. Work, bytes and peaks are those of all chips together; times, and the links between chips, are as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.hardware.noc.port_use import Busiest
from sim.run.record import ComponentRecord, OperatorRecord


class Replicas:
    """``paths``: the chips that one simulated chip, the first of them, stands for."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)

    @property
    def count(self) -> int:
        """Chips, the simulated one included."""
        return max(1, len(self._paths))

    @property
    def alike(self) -> dict[str, str]:
        """Every chip that was not simulated -> the one that stands for it."""
        return dict.fromkeys(self._paths[1:], self._paths[0]) if self._paths else {}

    def of(self, path: str) -> tuple[str, ...]:
        """The path on every chip; what is on none of them, as it is."""
        if not self._paths or not path.startswith(f"{self._paths[0]}."):
            return (path,)
        return tuple(chip + path.removeprefix(self._paths[0]) for chip in self._paths)

    def _chips_with(self, path: str) -> tuple[str, ...]:
        """The chips that have this component; for what is on none of them the first, which changes no name."""
        return self._paths[: len(self.of(path))] or ("",)

    def components(self, found: Sequence[ComponentRecord]) -> list[ComponentRecord]:
        """Every component of every chip."""
        return [self._moved(one, chip) for one in found for chip in self._chips_with(one.path)]

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

    def _moved(self, one: ComponentRecord, chip: str) -> ComponentRecord:
        """As the component of ``chip``: in its own path and in those of the endpoints that lanes and ports are called by."""
        first = self._paths[0] if self._paths else chip
        if chip == first:
            return one

        def renamed(name: str) -> str:
            return name.replace(f"{first}.", f"{chip}.")

        def busiest(found: Busiest) -> Busiest:
            return found._replace(channel=renamed(found.channel))

        return replace(
            one, path=renamed(one.path), lanes=tuple(replace(lane, name=renamed(lane.name)) for lane in one.lanes),
            ports=tuple(replace(port, name=renamed(port.name)) for port in one.ports),
            network=None, busiest=busiest(one.busiest) if one.busiest else None,
            busiest_by={owner: busiest(found) for owner, found in one.busiest_by.items()},
        )  # fmt: skip
