"""Numbers and paths of copies that follow each other, told as ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable


def ranges(numbers: Iterable[int]) -> str:
    """0, 1, 2, 5 -> "0-2, 5"."""
    return ", ".join(_runs(numbers))


def path_ranges(paths: Iterable[str]) -> list[str]:
    """chip.core[0], chip.core[1], chip.small[4] -> "chip.core[0-1]", "chip.small[4]"; by the last index of each path."""
    found: dict[tuple[str, str], list[int]] = {}
    for path in paths:
        match = re.fullmatch(r"(.*)\[(\d+)\](.*)", path)
        key = (match[1], match[3]) if match else (path, "")
        numbers = found.setdefault(key, [])
        if match:
            numbers.append(int(match[2]))
    return [f"{before}[{run}]{behind}" for (before, behind), numbers in found.items() for run in _runs(numbers)] + [
        path for (path, _), numbers in found.items() if not numbers
    ]


def without_indices(path: str) -> str:
    """chip[1].core[3].pad -> "chip.core.pad"."""
    return re.sub(r"\[\d+\]", "", path)


def _runs(numbers: Iterable[int]) -> list[str]:
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(low) if low == high else f"{low}-{high}" for low, high in found]
