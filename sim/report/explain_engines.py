"""The closed forms of engines other than cores, with their numbers: what overlaps is a maximum, the rest is added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OVERLAPPING = {"roofline": ("compute", "memory"), "pim": ("pim", "issue", "link")}
"""Terms of an engine's prediction that happen side by side; all others follow one another."""


def engine_lines(choice: dict[str, Any], part: str) -> Iterator[str]:
    """Lines about a region that an engine without tiles of a core executed."""
    terms = {name: int(value) for name, value in choice["terms_ps"].items()}
    beside = [name for name in OVERLAPPING[choice["engine"]] if name in terms]
    after = [name for name in terms if name not in beside]
    split = ", ".join(f"{count} {name}" for name, count in sorted(choice["split"].items()))
    where = f" over {split}" if split else ""
    yield f"  mapping{part}: engine {choice['engine']}, {choice['tiles']} {choice['order']}{where}"
    said = [f"max({', '.join(beside)})", *(name.replace("_", " ") for name in after)]
    numbers = [f"max({', '.join(str(terms[name]) for name in beside)})", *(str(terms[name]) for name in after)]
    yield f"    predicted for one execution = {' + '.join(said)}"
    yield f"      = {' + '.join(numbers)} = {choice['predicted_ps']} ps"
