"""A collective explained: algorithm, steps, bytes, the formula of the prediction with the numbers put in, and the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: (function, algorithm) -> what a rank sends at most, with n ranks and a vector of S bytes
SENT = {
    ("all_reduce", "ring"): "2 (n - 1) / n S",
    ("all_reduce", "recursive"): "2 (n - 1) / n S",
    ("all_reduce", "direct"): "2 (n - 1) / n S",
    ("reduce_scatter", "ring"): "(n - 1) / n S",
    ("reduce_scatter", "recursive"): "(n - 1) / n S",
    ("reduce_scatter", "direct"): "(n - 1) / n S",
    ("all_gather", "ring"): "(n - 1) / n S",
    ("all_gather", "recursive"): "(n - 1) / n S",
    ("all_gather", "direct"): "(n - 1) / n S",
    ("all_to_all", "direct"): "(n - 1) / n S",
    ("all_to_all", "pairwise"): "(n - 1) / n S",
}


def collective_lines(choice: dict[str, Any]) -> Iterator[str]:
    """Lines about how a collective was run."""
    sizes, terms, function = choice["tile"], choice["terms_ps"], choice["order"]
    algorithm, protocol = choice["dataflow"].split("/")
    yield (f"  collective: {function} among {sizes['ranks']} chips, algorithm {algorithm}, protocol {protocol},")
    formula = SENT.get((function, algorithm))
    shown = f" = {formula}" if formula else ""
    yield (
        f"    {choice['tiles']} messages in {sizes['steps']} steps; a vector of S = {sizes['bytes']} bytes, of which the"
        f" busiest chip sends {sizes['sent']}{shown}"
    )
    yield "    predicted for one execution = launch + steps x (step + latency) + bytes of every step's busiest port"
    yield "      (in a routed fabric, link) / rate"
    yield f"      = {terms['launch']} + {terms['steps']} + {terms['transfer']} = {choice['predicted_ps']} ps"
    yield f"    the least of {choice['considered']} ways, algorithms times protocols (`policy.collectives` pins one)"
    for other in choice["alternatives"]:
        yield f"    not taken: {other['dataflow']}, {other['tile']['steps']} steps: {other['predicted_ps']} ps"
