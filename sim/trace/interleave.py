"""Sub-batch interleaving: traces of parts of a batch as one trace whose operators alternate between the parts.

A part is handed over after its attention: while its scores and value products are on one engine, the linear layers of
the next part have the other (Heo et al., NeuPIMs, ASPLOS 2024, section 6). Operators are issued in this order; what runs
beside what follows from their dependencies. Weights are one tensor for all parts, and are read once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sim.core.errors import Problems
from sim.trace.model import Operator, Tensor, Trace, Use

Items = list[Tensor | Operator]


def interleave(parts: Sequence[Trace], name: str, after: str = "attention_value") -> Trace:
    """One trace of ``parts``, which alternate after each operator of kind ``after``.

    Tensors and operators are prefixed with ``s0.``, ``s1.``, ...; weights keep their names. Raises InputError for parts
    with repeated blocks, or whose weights are not the same.
    """
    problems = Problems()
    weights: dict[str, Tensor] = {}
    streams: list[list[Items]] = []
    for number, part in enumerate(parts):
        flat = [item for item in part.items if isinstance(item, Tensor | Operator)]
        if len(flat) < len(part.items):
            problems.add(f"{part.name}: a trace with repeated blocks cannot be interleaved", found="repeat")
        for one in flat:
            if isinstance(one, Tensor) and one.role == "weight":
                known = weights.setdefault(one.name, one)
                if (known.shape, known.dtype) != (one.shape, one.dtype):
                    problems.add(f"{part.name}: weight {one.name} differs between the parts", found=str(one.shape))
        streams.append(_segments(flat, f"s{number}.", set(weights), after))
    problems.raise_if_any()
    shared: Items = list(weights.values())
    items = [*shared, *(item for turn in _turns(streams) for item in turn)]
    outputs = tuple(f"s{number}.{one}" for number, part in enumerate(parts) for one in part.outputs)
    return replace(parts[0], name=name, items=tuple(items), outputs=outputs)


def _segments(items: Sequence[Tensor | Operator], prefix: str, weights: set[str], after: str) -> list[Items]:
    """The operators of one part up to each hand-over, its own tensors in front of the first that follows them."""

    def renamed(tensor: str) -> str:
        return tensor if tensor in weights else prefix + tensor

    def used(uses: tuple[Use, ...]) -> tuple[Use, ...]:
        return tuple(replace(use, tensor=renamed(use.tensor)) for use in uses)

    found: list[Items] = [[]]
    for item in items:
        if isinstance(item, Tensor):
            if item.name not in weights:
                found[-1].append(replace(item, name=prefix + item.name))
            continue
        inputs = tuple((port, used(uses)) for port, uses in item.inputs)
        found[-1].append(replace(item, name=prefix + item.name, inputs=inputs, outputs=used(item.outputs)))
        if item.kind == after:
            found.append([])
    return found


def _turns(streams: Sequence[list[Items]]) -> Iterator[Items]:
    for turn in range(max(map(len, streams), default=0)):
        for stream in streams:
            if turn < len(stream):
                yield stream[turn]
