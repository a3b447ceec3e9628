"""How the tensors of a trace are divided over the ranks of tensor parallelism, found operator by operator.

A tensor is *whole* (every rank has all of it), *divided* in ``ways`` parts along one dimension (fewer ways than ranks:
several ranks hold the same part, as with fewer KV heads than ranks), or *partial* (every rank has a summand of it). Each
operator kind has a rule (:mod:`sim.trace.parallel.rules`) that says what a rank does of it. Where a rule needs a tensor in
another state it asks for that, and the analysis starts over with the first request as a decision: products are kept whole,
divided in fewer ways, or followed by a collective. Decisions only ever grow, so this ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sim.core.errors import Place, Problems
from sim.trace.model import Dimension, Operator, Repeat, Tensor, Trace, Use


@dataclass(frozen=True)
class State:
    """``ways`` parts (1: whole) or ``partial``.

    ``origins``: the results of products that the division began at. ``columns``: elements per token, all ranks together,
    of a tensor that is divided by columns (heads times their width); 0 where it is divided otherwise.
    """

    ways: int = 1
    partial: bool = False
    origins: frozenset[str] = frozenset()
    columns: int = 0


WHOLE = State()


@dataclass(frozen=True)
class Share:
    """What one rank does of an operator: its dimensions, which part of each use it reads, and what it leaves.

    ``parts``: (port, position) -> part of the elements read, where that is not all of them.
    """

    dims: Mapping[str, Dimension]
    outputs: tuple[State, ...]
    parts: Mapping[tuple[str, int], Fraction] = field(default_factory=dict)


@dataclass
class Decisions:
    """``ways``: result of a product -> parts it is divided in; ``reduce``, ``gather``: tensors made whole at once."""

    ways: dict[str, int] = field(default_factory=dict)
    reduce: set[str] = field(default_factory=set)
    gather: set[str] = field(default_factory=set)

    def add(self, other: Decisions) -> None:
        """Take over what ``other`` decides."""
        self.ways.update(other.ways)
        self.reduce |= other.reduce
        self.gather |= other.gather


Rule = Callable[["Analysis", Operator], Share]


class Analysis:
    """One walk over the operators of ``trace`` for ``ranks`` ranks, under ``decisions``."""

    def __init__(
        self, trace: Trace, ranks: int, decisions: Decisions, rules: Mapping[str, Rule], default: Rule, place: Place | None
    ) -> None:  # fmt: skip
        self.ranks = ranks
        self.decisions = decisions
        self.request: Decisions | None = None
        self.problems = Problems()
        self.shares: dict[str, Share] = {}
        self.states: dict[str, State] = {}
        self.splits: dict[str, tuple[int, int]] = {}
        self.kept_whole: dict[str, None] = {}
        self.tensors: dict[str, Tensor] = {tensor.name: tensor for tensor, _ in trace.tensors()}
        self.table_rows = {
            self.tensors[use.tensor].shape[0]
            for operator, _ in trace.operators() if operator.kind == "embedding" and self.is_vocabulary(operator)
            for use in uses_of(operator, "table")
        }  # fmt: skip
        self._rules, self._default, self._place = rules, default, place
        for operator, blocks in trace.operators():
            self._visit(operator)
            self._carries(operator, blocks)
        for name in trace.outputs:
            self.need_whole(name)

    def _visit(self, operator: Operator) -> None:
        share = self._rules.get(operator.kind, self._default)(self, operator)
        self.shares[operator.name] = share
        for use, state in zip(operator.outputs, share.outputs, strict=True):
            made_whole = use.tensor in self.decisions.reduce | self.decisions.gather
            self.states[use.tensor] = WHOLE if made_whole else state

    def _carries(self, operator: Operator, blocks: tuple[Repeat, ...]) -> None:
        """What a block hands to its next iteration is whole, as what it was given is."""
        for block in blocks:
            for _, source in block.carry:
                if any(use.tensor == source for use in operator.outputs):
                    self.need_whole(source)

    def state(self, name: str) -> State:
        """The state of a tensor; what no operator has written yet is whole."""
        return self.states.get(name, WHOLE)

    def unwritten(self, name: str) -> bool:
        """A cache that was filled before the trace begins: it stands as its reader wants it."""
        return name not in self.states and self.tensors[name].role == "kv_cache"

    def of_port(self, operator: Operator, port: str) -> State:
        """The common state of all uses at a port; those that differ are asked to be whole."""
        found = {self.state(use.tensor) for use in uses_of(operator, port)}
        if len({(one.ways, one.partial) for one in found}) > 1:
            for use in uses_of(operator, port):
                self.need_whole(use.tensor)
            return WHOLE
        if len(found) == 1:
            return next(iter(found))
        origins = frozenset[str]().union(*(one.origins for one in found))
        return State(next(iter(found)).ways, any(one.partial for one in found), origins) if found else WHOLE

    def need_whole(self, name: str) -> None:
        """Ask for a tensor to be whole: summed, gathered if it is spread over the vocabulary, else never divided."""
        state = self.state(name)
        if state.partial:
            self._ask(Decisions(reduce={name}))
        elif state.ways > 1:
            if all(self.is_logits(origin) for origin in state.origins):
                self._ask(Decisions(gather={name}))
            else:
                self.want(state, 1)

    def want(self, state: State, ways: int) -> None:
        """Ask for the products that ``state`` began at to be divided in ``ways``."""
        known = self.decisions.ways
        self._ask(Decisions({origin: min(ways, known.get(origin, self.ranks)) for origin in sorted(state.origins)}))

    def _ask(self, request: Decisions) -> None:
        """Keep the first request of the walk: later ones may only be there because it is not yet fulfilled."""
        self.request = self.request or request

    def is_logits(self, name: str) -> bool:
        """Is this the result of a product onto the vocabulary?"""
        return self.tensors[name].shape[-1] in self.table_rows

    def is_vocabulary(self, operator: Operator) -> bool:
        """Does this look-up take its rows from token numbers (rather than positions), in a table longer than wide?"""
        table = self.tensors[uses_of(operator, "table")[0].tensor]
        rows, width = table.shape[0], operator.dims["width"]
        return bool(uses_of(operator, "index")) and isinstance(rows, int) and isinstance(width, int) and rows > width

    def split(self, name: str, old: int, new: int) -> None:
        """The extent ``old`` of a weight is ``new`` on every rank."""
        if self.splits.setdefault(name, (old, new)) != (old, new):
            self.refuse(name, None, f"its uses divide it differently ({self.splits[name]} and {(old, new)})", ())

    def refuse(self, what: str, place: Place | None, why: str, allowed: tuple[int, ...]) -> None:
        """A division that is impossible."""
        choices = ", ".join(map(str, allowed)) or None
        self.problems.add(f"--tp {self.ranks}: {what}: {why}", place or self._place, allowed=choices)


def uses_of(operator: Operator, port: str) -> tuple[Use, ...]:
    """The uses at a port; none when it is not used."""
    return next((uses for name, uses in operator.inputs if name == port), ())


def divisors(number: int) -> tuple[int, ...]:
    """All divisors, ascending."""
    return tuple(one for one in range(1, number + 1) if number % one == 0)
