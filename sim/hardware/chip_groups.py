"""Which chip does what when several forms of parallelism are combined: chips as a grid of degrees.

Chips are numbered with tensor parallelism innermost, so that its ranks are neighbours, then experts, stages, and data
outermost (the order of Megatron-LM, Narayanan et al., arXiv:2104.04473, section 5). All chips of one stage do the same work
at the same time; one of each stage is simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

ORDER = ("tp", "ep", "pp", "dp")
"""Innermost first."""

Group = tuple[int, ...]
"""Numbers of the chips that are ranks 0, 1, ... of one exchange."""


@dataclass(frozen=True)
class ChipGrid:
    """``degrees`` of parallelism by name (1 where missing), and the pipeline's ``stage`` that is looked at."""

    degrees: tuple[tuple[str, int], ...] = ()
    stage: int = 0

    @property
    def total(self) -> int:
        """Chips in use."""
        return prod(degree for _, degree in self.degrees)

    @property
    def stages(self) -> int:
        return self._degree("pp")

    @property
    def first(self) -> int:
        """The chip of this stage that is simulated."""
        return self.stage * self._stride("pp")

    def chips(self) -> Group:
        """All chips of this stage, the simulated one first."""
        return tuple(chip for chip in range(self.total) if self._place(chip, "pp") == self.stage)

    def groups(self, name: str, ranks: int) -> tuple[Group, ...]:
        """All groups of this stage that run an exchange of ``ranks`` ranks at the same time, the simulated chip's first.

        A name or number of ranks that is none of the degrees means the first ``ranks`` chips.
        """
        if name not in ORDER or ranks != self._degree(name):
            return (tuple(range(self.first, self.first + ranks)),)
        found: dict[int, list[int]] = {}
        for chip in self.chips():
            found.setdefault(chip - self._place(chip, name) * self._stride(name), []).append(chip)
        return tuple(tuple(found[key]) for key in sorted(found))

    def behind(self, chip: int) -> int:
        """The chip of the next stage that gets what ``chip`` sends."""
        return chip + self._stride("pp")

    def before(self, chip: int) -> int:
        """The chip of the stage before that sends to ``chip``."""
        return chip - self._stride("pp")

    def _degree(self, name: str) -> int:
        return dict(self.degrees).get(name, 1)

    def _stride(self, name: str) -> int:
        return prod(self._degree(inner) for inner in ORDER[: ORDER.index(name)])

    def _place(self, chip: int, name: str) -> int:
        return chip // self._stride(name) % self._degree(name)


def grid_of(degrees: Mapping[str, int], stage: int = 0) -> ChipGrid:
    """The grid of these degrees."""
    return ChipGrid(tuple((name, degrees[name]) for name in ORDER if name in degrees), stage)
