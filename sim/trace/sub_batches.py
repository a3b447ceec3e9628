"""A trace of a batch as interleaved sub-batches: each stream has part of the requests and streams every weight itself.

While one stream's attention runs in memory, the other's products run on the arrays (sub-batch interleaving: Heo et al.,
NeuPIMs, ASPLOS 2024, section 6). The streams alternate at the end of every attention, so that in program order stream 0
is half a layer ahead: QKV0, attention0, QKV1, attention1, rest0 with the next layer's QKV0, attention0, ...

Activations and operators of stream i are named ``name/i``; weights and caches are shared. Requests are dealt out by
falling context, back and forth, so that counts differ by one at most and sums of contexts little. Left out: traces whose
work is not proportional to their requests (lists of experts' tokens, convolutions); they are refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.core.errors import Problems
from sim.trace.affine import Affine, Extent, affine, scaled
from sim.trace.check import check_trace
from sim.trace.expand import Event, OperatorInstance, expand
from sim.trace.model import Item, Operator, Repeat, Tensor, Trace, Use

ATTENTION = ("attention_score", "attention_softmax", "attention_value")
SCALED = ("m", "rows", "elements")
"""Dimensions in proportion to the number of requests."""
Requests = Sequence[tuple[int, Extent]]


def sub_batches(trace: Trace, parts: int, split: str = "balanced") -> tuple[Trace, ...]:
    """``parts`` streams of ``trace``, its requests dealt as ``split`` says (:data:`SPLITS`).

    Raises InputError where an operator cannot be split, or there are too few requests.
    """
    problems = Problems()
    requests = _requests(trace)
    if len(requests) < parts:
        place = next((operator.place for operator, _ in trace.operators() if operator.kind in ATTENTION), None)
        problems.add(
            f"sub_batches: {parts} needs a trace with attention of as many requests", place, found=len(requests)
        )
        problems.raise_if_any()
    members = SPLITS[split]([_base(context) for _, context in requests], parts)
    streams = tuple(_Stream(trace, number, chosen, len(requests), problems).split()
                    for number, chosen in enumerate(members))  # fmt: skip
    problems.raise_if_any()
    for stream in streams:
        check_trace(stream)
    return streams


def merged(trace: Trace, streams: Sequence[Trace]) -> Trace:
    """Everything in ``streams`` as one trace (what is placed and counted; the order is :func:`interleaved`'s)."""
    outputs = tuple(name for stream in streams for name in stream.outputs)
    return replace(trace, items=_merge([stream.items for stream in streams]), outputs=outputs)


def interleaved(streams: Sequence[Trace]) -> Iterator[Event]:
    """The operators of all streams, which take turns at the end of every attention.

    What runs side by side is one stage: the attention of one stream, and what the next does until its own attention.
    """
    turns, stage = deque(expand(stream) for stream in streams), 0
    while turns:
        stream = turns.popleft()
        more, stage = yield from _turn(stream, stage)
        if more:
            turns.append(stream)


def deal(weights: Sequence[int], parts: int) -> list[list[int]]:
    """Places of ``weights`` by part: the heaviest first, back and forth."""
    order = sorted(range(len(weights)), key=lambda place: (-weights[place], place))
    rounds = [order[start : start + parts] for start in range(0, len(order), parts)]
    found: list[list[int]] = [[] for _ in range(parts)]
    for number, places in enumerate(rounds):
        for part, place in zip(range(parts) if number % 2 == 0 else reversed(range(parts)), places, strict=False):
            found[part].append(place)
    return [sorted(places) for places in found]


def in_order(weights: Sequence[int], parts: int) -> list[list[int]]:
    """Places of ``weights`` by part: one after the other to each part in turn."""
    return [list(range(part, len(weights), parts)) for part in range(parts)]


SPLITS = {"balanced": deal, "in_order": in_order}
"""Ways to deal requests to streams: even sums of contexts, or in the order in which the requests come."""


def _turn(events: Iterator[Event], stage: int) -> Generator[Event, None, tuple[bool, int]]:
    """One turn of a stream that begins in ``stage``; returns whether the stream may have more, and the next turn's stage."""
    for event in events:
        if not isinstance(event, OperatorInstance):
            yield event
            continue
        stage += event.operator.kind == ATTENTION[0]
        yield replace(event, stage=stage)
        if event.operator.kind == ATTENTION[-1]:
            return True, stage
    return False, stage + 1


def _requests(trace: Trace) -> Requests:
    for operator, _ in trace.operators():
        if operator.kind in ATTENTION:
            return operator.dims["requests"]  # type: ignore[return-value]
    return ()


def _base(extent: Extent) -> int:
    return extent if isinstance(extent, int) else extent.base


def _merge(bodies: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    found: list[Item] = []
    for items in zip(*bodies, strict=True):
        first = items[0]
        if isinstance(first, Repeat):
            blocks = [item for item in items if isinstance(item, Repeat)]
            carry = tuple(pair for block in blocks for pair in block.carry)
            found.append(replace(first, body=_merge([block.body for block in blocks]), carry=carry))
        elif isinstance(first, Tensor) and first.persistent:
            found.append(first)
        else:
            found += items
    return tuple(found)


def _total(extents: Sequence[Extent]) -> Extent:
    base = 0
    slopes: dict[str, int] = {}
    for one in extents:
        base += _base(one)
        for name, slope in one.slopes if isinstance(one, Affine) else ():
            slopes[name] = slopes.get(name, 0) + slope
    return affine(base, **slopes)


class _Stream:
    """One stream: requests ``chosen`` of ``total``."""

    def __init__(self, trace: Trace, number: int, chosen: Sequence[int], total: int, problems: Problems) -> None:
        self._trace = trace
        self._number = number
        self._chosen = chosen
        self._total = total
        self._problems = problems
        self._roles = {tensor.name: tensor for tensor, _ in trace.tensors()}
        self._scores = self._score_sizes()

    def split(self) -> Trace:
        items = self._items(self._trace.items)
        outputs = tuple(self._name(name) for name in self._trace.outputs)
        return replace(self._trace, items=items, outputs=outputs)

    def _score_sizes(self) -> dict[str, Extent]:
        """Tensors of scores and of their softmax: their size goes with the contexts."""
        found: dict[str, Extent] = {}
        for operator, _ in self._trace.operators():
            if operator.kind in ATTENTION[:2]:
                size = self._attention(operator, operator.dims)["scores"]
                found |= {use.tensor: size for use in operator.outputs}
        return found

    def _attention(self, operator: Operator, dims: Mapping[str, Any]) -> dict[str, Extent]:
        """Elements of scores and of keys or values of this stream."""
        every: Requests = dims["requests"]
        if len(every) != self._total:
            self._problems.add(f"sub_batches: {operator.name} has another number of requests", operator.place,
                               found=len(every), allowed=str(self._total))  # fmt: skip
            return {"scores": 1, "keys": 1}
        requests = [every[place] for place in self._chosen]
        scores = _total([scaled(context, query * dims["heads"]) for query, context in requests])
        width = dims.get("kv_heads", 0) * dims.get("head_dim", 0)
        return {"scores": scores, "keys": _total([scaled(context, width) for _, context in requests])}

    def _items(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(self._item(item) for item in items)

    def _item(self, item: Item) -> Item:
        if isinstance(item, Repeat):
            carry = tuple((self._name(inner), self._name(source)) for inner, source in item.carry)
            return replace(item, body=self._items(item.body), carry=carry)
        return self._tensor(item) if isinstance(item, Tensor) else self._operator(item)

    def _name(self, name: str) -> str:
        return name if self._roles[name].persistent else f"{name}/{self._number}"

    def _part(self, value: Extent) -> Extent | None:
        """This stream's part of something in proportion to the requests; None when it is not."""
        parts = [value] if isinstance(value, int) else [value.base, *(slope for _, slope in value.slopes)]
        if any(one % self._total for one in parts):
            return None
        share = [one // self._total * len(self._chosen) for one in parts]
        if isinstance(value, int):
            return share[0]
        return Affine(share[0], tuple((name, size) for (name, _), size in zip(value.slopes, share[1:], strict=True)))

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor.persistent:
            return tensor
        if tensor.name in self._scores:
            return replace(tensor, name=self._name(tensor.name), shape=(self._scores[tensor.name],))
        for place, extent in enumerate(tensor.shape):
            part = self._part(extent)
            if part is not None:
                shape = (*tensor.shape[:place], part, *tensor.shape[place + 1 :])
                return replace(tensor, name=self._name(tensor.name), shape=shape)
        self._refuse(f"tensor {tensor.name}", tensor.place, tensor.shape)
        return tensor

    def _operator(self, operator: Operator) -> Operator:
        dims: dict[str, Any] = dict(operator.dims)
        if operator.kind in ATTENTION:
            if len(dims["requests"]) == self._total:
                dims["requests"] = tuple(dims["requests"][place] for place in self._chosen)
        else:
            scalable = [name for name in SCALED if isinstance(dims.get(name), (int, Affine))]
            for name in scalable:
                dims[name] = self._part(dims[name])
            if not scalable or None in dims.values():
                self._refuse(operator.name, operator.place, dict(operator.dims))
        inputs = tuple((port, tuple(self._use(operator, use) for use in uses)) for port, uses in operator.inputs)
        outputs = tuple(self._use(operator, use) for use in operator.outputs)
        return replace(operator, name=f"{operator.name}/{self._number}", dims=dims, inputs=inputs, outputs=outputs)

    def _use(self, operator: Operator, use: Use) -> Use:
        tensor = self._roles[use.tensor]
        if operator.kind in ATTENTION and tensor.role == "kv_cache":
            return Use(use.tensor, self._attention(operator, operator.dims)["keys"])
        if use.elements is None or (tensor.role == "weight" and operator.kind != "embedding"):
            return Use(self._name(use.tensor), use.elements)
        if use.tensor in self._scores:
            return Use(self._name(use.tensor), self._scores[use.tensor])
        return Use(self._name(use.tensor), self._part(use.elements))

    def _refuse(self, what: str, place: Any, found: object) -> None:
        self._problems.add(f"sub_batches: {what} cannot be split by requests", place, found=str(found))
