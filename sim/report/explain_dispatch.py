"""Why an operator went to its engine: what every engine predicted, why others declined, and the strategy's rule."""

from __future__ import annotations

from collections.abc import Iterator

from sim.run.record import OperatorRecord


def dispatch_lines(one: OperatorRecord) -> Iterator[str]:
    """Lines about the choice among engines for an operator's first execution; none where there was no choice."""
    found = one.dispatch
    if not found:
        return
    yield f"  dispatch (first execution): {found['rule']}"
    for engine, predicted_ps in found["predicted_ps"].items():
        mark = "  <- taken" if engine == found["taken"] else ""
        yield f"    {engine:24} predicted {predicted_ps} ps{mark}"
    if found["taken"] not in found["predicted_ps"]:
        longest = max(int(choice["predicted_ps"]) for choice in one.mapping)
        yield f"    {found['taken']:24} predicted {longest} ps side by side, the longer part  <- taken"
    for engine, reason in found["declined"].items():
        yield f"    {engine:24} declined: {reason}"
