"""Persistent tensors of a trace in the order in which its operators first use them."""

from __future__ import annotations

from typing import Any

from sim.trace.expand import OperatorInstance, TensorInstance, expand
from sim.trace.model import Trace
from sim.trace.summary import persistent_tensors


def persistent_in_order(trace: Trace) -> list[tuple[TensorInstance, int]]:
    """The tensors with their largest sizes in bytes; those never used are left out."""
    whole = persistent_tensors(trace)
    largest = {one.name: one.size_bytes // one.count for one in whole}
    left = sum(one.count for one in whole)
    found: dict[tuple[str, Any], tuple[TensorInstance, int]] = {}
    for event in expand(trace):
        if len(found) == left:
            break
        if isinstance(event, OperatorInstance):
            for one in (*(one for _, slices in event.inputs for one in slices), *event.outputs):
                if one.tensor.persistent:
                    found.setdefault(one.tensor.key, (one.tensor, largest[one.tensor.name]))
    return list(found.values())
