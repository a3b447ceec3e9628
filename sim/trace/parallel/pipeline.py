"""Pipeline parallelism: a trace cut into stages, each with some of the layers, for chips that pass activations on.

The trace is that of one micro-batch. It is cut between operators of the outermost scope and between iterations of its layer
blocks, so that the stage with most MACs has as few as possible (earlier stages are filled first). What is made before a cut
and read behind it is sent from stage to neighbouring stage, through those that do not use it. Every stage executes its part
once per micro-batch, all forward, one after the other (Huang et al., GPipe, arXiv:1811.06965); weights are shared by the
micro-batches, caches and results are those of all of them. Left out: backward passes, and steps that feed results back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.check import check_trace
from sim.trace.expand import touched
from sim.trace.model import Item, Operator, Repeat, Tensor, Trace, Use
from sim.trace.parallel.micro_batches import elements_of, every_micro_batch
from sim.trace.parallel.shifted import shifted
from sim.trace.summary import operator_macs

Costs = Callable[[Trace], Mapping[tuple[int, int], int]]


@dataclass(frozen=True)
class _Unit:
    """What is not cut: an operator, a block, or one iteration of a layer block."""

    item: Operator | Repeat
    iteration: int
    cost: int


def pipeline_stages(
    trace: Trace, place: Place | None = None, groups: int | None = None, costs_of: Costs | None = None
) -> tuple[Trace, ...]:
    """The trace of each stage of ``trace``, whose ``parallel`` says how many there are. Raises InputError.

    ``groups``: the number of stages where they are groups of cores of one chip, which ``policy.core_groups`` asks for.
    ``costs_of``: what counts in place of MACs, if anything does: a cost of every outermost operator and iteration of a layer
    block, by (position among the items, iteration); nothing for those left out.
    """
    count = groups or dict(trace.parallel).get("pp", 1)
    asked = f"policy.core_groups: {groups}" if groups else f"--pp {count}"
    if count == 1:
        asked = f"--micro-batches {trace.micro_batches}"
    _check(trace, count, place, asked)
    parts = [_joined(units) for units in _divided(_units(trace, costs_of), count)]
    crossing = [_crossing(trace, parts, cut) for cut in range(1, count)]
    made = []
    for number in range(count):
        before = crossing[number - 1] if number else []
        behind = crossing[number] if number < len(crossing) else []
        made.append(_stage(trace, parts, number, before, behind))
        check_trace(made[-1])
    return tuple(made)


def uneven_stages(trace: Trace) -> Iterator[str]:
    """What to tell of stages of ``trace`` over chips with less than a quarter of the MACs of the busiest one."""
    count = dict(trace.parallel).get("pp", 1)
    units = _units(trace)
    macs = [sum(unit.cost for unit in units) for units in _divided(units, count)] if 1 < count <= len(units) else [0]
    little = [str(number) for number, done in enumerate(macs) if 4 * done < max(macs)]
    if little:
        layers = sum(item.count for item in trace.items if isinstance(item, Repeat) and item.over == "layers")
        shares = ", ".join(f"{100 * done / max(macs):.0f} %" for done in macs)
        yield (
            f"--pp {count}: stage {', '.join(little)} (of 0 to {count - 1}) has under a quarter of the busiest one's MACs; "
            f"{f'there are {layers} layers; ' if layers else ''}MACs of the stages, of the busiest: {shares}"
        )


def _check(trace: Trace, stages: int, place: Place | None, asked: str) -> None:
    problems, units = Problems(), len(_units(trace))
    if units < stages:
        message = f"{asked}: more stages than layers and operators to divide"
        problems.add(message, place, found=trace.name, allowed=f"at most {units}")
    if any(isinstance(item, Repeat) and item.over == "steps" for item in trace.items):
        problems.add(f"{asked}: steps that feed their results back are not modelled in a pipeline", place,
                     found=trace.name, allowed="--phase prefill or decode")  # fmt: skip
    if any(tensor.role in ("gradient", "optimizer_state") for tensor, _ in trace.tensors()):
        problems.add(f"{asked}: backward passes are not modelled in a pipeline", place, found=trace.name)
    carried = {name for item in trace.items if isinstance(item, Repeat) for name, _ in item.carry}
    for name in trace.outputs:
        if name in carried and trace.micro_batches > 1:
            problems.add(f"{asked}: an output that a block carries has no place per micro-batch", place, found=name)
    made = {name for item in trace.items if isinstance(item, Operator) for name in _written(item)}
    for name in sorted(carried - made) if trace.micro_batches > 1 else ():
        problems.add(f"{asked}: an input that a block carries has no place per micro-batch", place, found=name)
    problems.raise_if_any()


def _units(trace: Trace, costs_of: Costs | None = None) -> list[_Unit]:
    """Everything between which a cut may be, in order, with its MACs or other cost."""
    found = []
    if costs_of is not None:
        costs = costs_of(trace)
        for place, item in enumerate(trace.items):
            pieces = item.count if isinstance(item, Repeat) and item.over == "layers" else 1
            if not isinstance(item, Tensor):
                found += [_Unit(item, number, costs.get((place, number), 0)) for number in range(pieces)]
        return found
    for item in trace.items:
        if isinstance(item, Operator):
            found.append(_Unit(item, 0, operator_macs(item, ())))
        elif isinstance(item, Repeat):
            macs = _macs(item, ())
            pieces = item.count if item.over == "layers" else 1
            found += [_Unit(item, number, macs // pieces) for number in range(pieces)]
    return found


def _macs(block: Repeat, around: tuple[Repeat, ...]) -> int:
    inside = (*around, block)
    return sum(
        _macs(item, inside) if isinstance(item, Repeat) else operator_macs(item, inside)
        for item in block.body if not isinstance(item, Tensor)
    )  # fmt: skip


def _divided(units: list[_Unit], stages: int) -> list[list[_Unit]]:
    """Consecutive units for every stage: the least largest sum of MACs, found by bisection."""
    low, high = max(unit.cost for unit in units), sum(unit.cost for unit in units)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(units, stages, middle)) <= stages:
            high = middle
        else:
            low = middle + 1
    return _filled(units, stages, low)


def _filled(units: list[_Unit], stages: int, most: int) -> list[list[_Unit]]:
    """Stages of at most ``most`` MACs, filled one after the other, but so that none stays empty."""
    found: list[list[_Unit]] = [[]]
    total = 0
    for number, unit in enumerate(units):
        needed = stages - len(found)
        if found[-1] and (total + unit.cost > most or len(units) - number <= needed):
            found.append([])
            total = 0
        found[-1].append(unit)
        total += unit.cost
    return found


def _joined(units: Iterable[_Unit]) -> list[Operator | Repeat]:
    """Units as items: consecutive iterations of a block are one block."""
    found: list[Operator | Repeat] = []
    first: _Unit | None = None
    for unit in units:
        if first is not None and isinstance(unit.item, Repeat) and unit.item is first.item:
            count = unit.iteration - first.iteration + 1
            found[-1] = replace(shifted(unit.item, first.iteration), count=count)
            continue
        first, item = unit, unit.item
        whole = not isinstance(item, Repeat) or item.over != "layers"
        found.append(item if whole else replace(shifted(item, unit.iteration), count=1))  # type: ignore[arg-type]
    return found


def _written(item: Item) -> Iterator[str]:
    """Names of the enclosing scope that an item writes."""
    if isinstance(item, Operator):
        yield from (use.tensor for use in item.outputs)
    elif isinstance(item, Repeat):
        own = {inner.name for inner in item.body if isinstance(inner, Tensor)}
        yield from (name for inner in item.body for name in _written(inner) if name not in own)
        yield from (name for name, _ in item.carry)


def names_read(item: Item) -> Iterator[str]:
    """Names of the enclosing scope that an item reads."""
    if isinstance(item, Operator):
        yield from (use.tensor for _, uses in item.inputs for use in uses)
    elif isinstance(item, Repeat):
        own = {inner.name for inner in item.body if isinstance(inner, Tensor)}
        yield from (name for inner in item.body for name in names_read(inner) if name not in own)
        yield from (name for name, _ in item.carry)


def _crossing(trace: Trace, parts: list[list[Operator | Repeat]], cut: int) -> list[Tensor]:
    """Tensors made by the stages before ``cut`` that later ones read, in order of declaration."""
    made = {name for part in parts[:cut] for item in part for name in _written(item)}
    wanted = {name for part in parts[cut:] for item in part for name in names_read(item)}
    return [item for item in trace.items
            if isinstance(item, Tensor) and not item.persistent and item.name in made & wanted]  # fmt: skip


def _stage(
    trace: Trace, parts: list[list[Operator | Repeat]], number: int, before: list[Tensor], behind: list[Tensor]
) -> Trace:
    """One stage: it receives, computes and sends, once per micro-batch."""
    part = parts[number]
    names = {name for item in part for name in touched(item)} | {one.name for one in (*before, *behind)}
    declared = [item for item in trace.items if isinstance(item, Tensor) and item.name in names]
    here, later = ({name for one in some for item in one for name in _written(item)}
                   for some in ([part], parts[number + 1 :]))  # fmt: skip
    outputs = tuple(name for name in trace.outputs if name in here - later)
    items: list[Any] = [
        *declared,
        *(_message("recv", number - 1, one) for one in before),
        *part,
        *(_message("send", number, one) for one in behind),
    ]
    written = here | {one.name for one in before}
    apart = {one.name for one in declared
             if not one.persistent and one.role != "index" and (one.name in outputs or one.name not in written)}  # fmt: skip
    made = items if trace.micro_batches == 1 else every_micro_batch(items, trace.micro_batches, apart)
    return Trace(f"{trace.name}_stage{number}", tuple(made), outputs, trace.description, trace.source)


def _message(kind: str, stage: int, tensor: Tensor) -> Operator:
    """One end of what ``stage`` sends to the next."""
    use = (Use(tensor.name),)
    return Operator(
        name=f"{kind}.{stage if kind == 'send' else stage + 1}.{tensor.name}", kind=kind,
        dims={"elements": elements_of(tensor)},
        inputs=(("x", use),) if kind == "send" else (), outputs=use if kind == "recv" else (),
        attributes={"message": f"{stage}.{tensor.name}"}, place=tensor.place,
    )  # fmt: skip


def message_tensor(name: str) -> str:
    """The tensor that a ``send`` or ``recv`` of this name hands over."""
    return name.split(".", 2)[2]
