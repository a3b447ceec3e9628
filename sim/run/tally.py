"""Per-operator facts of a run, by operator *as written*: a repeated operator is one entry with a count.

Memory does not grow with repeat counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from sim.mapping.plan import Choice, Plan
from sim.mapping.regions import Region
from sim.run.jobs import Job
from sim.run.region_run import OperatorClock, RegionRun
from sim.trace.expand import OperatorInstance
from sim.trace.model import Trace
from sim.trace.summary import summarize
from sim.trace.work import MatrixWork, VectorWork


@dataclass
class OperatorTally:
    """One operator as written. ``region`` is the head operator it was executed with
    (itself if it ever headed one); ``choices`` of its first instance.

    ``peak_macs_per_s``: the highest peak of its plans (layers may be planned differently, say from other memories).

    ``heads``: numbers of the operators that head its regions (instances may be fused differently).

    ``dispatch``: what the engines said of its first execution as a head (:class:`~sim.mapping.plan.Offers`).

    ``untyped``: no array of the machine multiplies its element type.
    """

    name: str
    kind: str
    job: str
    region: str
    engine: str
    choices: tuple[Choice, ...]
    peak_macs_per_s: Fraction
    fused: tuple[str, ...]
    untyped: bool
    dims: dict[str, object]
    compute_type: str = ""
    dispatch: dict[str, object] = field(default_factory=dict)
    engines: set[str] = field(default_factory=set)
    heads: set[int] = field(default_factory=set)
    count: int = 0
    saved_bytes: int = 0
    macs: int = 0
    clock: OperatorClock = field(default_factory=OperatorClock)
    span: OperatorClock = field(default_factory=OperatorClock)


class Tally:
    """Collects :class:`OperatorTally` entries in order of first execution, and what the plans promised.

    Tallies of chips in one run share their ``entries``, so that an operator's number says which chip's it is.
    """

    def __init__(self, entries: list[OperatorTally] | None = None) -> None:
        self.entries: list[OperatorTally] = [] if entries is None else entries
        self.executed_operators = 0
        self.regions = 0
        self.planned_operations: defaultdict[str, int] = defaultdict(int)
        self.planned_macs = 0
        self.loaded_bytes = 0
        self.stored_bytes = 0
        self.expected_macs = 0
        self.expected_operators = 0
        self._index: dict[tuple[str, int], int] = {}
        self._keep: list[object] = []

    def expect(self, trace: Trace) -> None:
        """A job's trace is about to run: what it holds, counted without unrolling it."""
        whole = summarize(trace)
        self.expected_macs += whole.macs
        self.expected_operators += whole.operators_executed

    def completed(self, run: RegionRun) -> None:
        """A region is done: what its tiles say they moved."""
        self.loaded_bytes += sum(run.loaded_bytes.values())
        self.stored_bytes += run.stored_bytes

    def owners(self, job: Job, region: Region, plan: Plan) -> tuple[int, ...]:
        """Numbers of the region's operators, head first; counts one more execution of each."""
        found: list[int] = []
        for operator in region.operators:
            number = self._number(job, operator, region, plan)
            entry = self.entries[number]
            entry.count += 1
            self.executed_operators += 1
            if operator is region.head:
                entry.peak_macs_per_s = max(entry.peak_macs_per_s, plan.peak_macs_per_s)
                entry.saved_bytes += region.saved_bytes
                entry.engines.update(choice.engine for choice in plan.choices)
                if not entry.choices:
                    entry.region = entry.name
                    entry.choices, entry.engine = plan.choices, _engine(operator, plan, head=True)
                    entry.dispatch = _offers(plan)
                    entry.fused = tuple(one.name for one in region.operators[1:])
            entry.heads.add(found[0] if found else number)
            if isinstance(operator.work, MatrixWork):
                entry.macs += operator.work.macs
                self.planned_macs += operator.work.macs
            elif isinstance(operator.work, VectorWork):
                for name, count in operator.work.operations:
                    self.planned_operations[name] += count
            found.append(number)
        for name, count in plan.added_operations:
            self.planned_operations[name] += count
        return tuple(found)

    def own(self) -> list[tuple[int, OperatorTally]]:
        """The entries of this tally, by number."""
        return [(number, self.entries[number]) for number in sorted(self._index.values())]

    def groups(self) -> list[tuple[list[int], list[OperatorTally]]]:
        """Operators that were ever executed together: (their numbers, the entries that head their regions)."""
        parent = list(range(len(self.entries)))

        def root(one: int) -> int:
            while parent[one] != one:
                one = parent[one]
            return one

        for number, entry in enumerate(self.entries):
            for head in entry.heads:
                low, high = sorted((root(number), root(head)))
                parent[high] = low
        found: dict[int, list[int]] = {}
        for number in range(len(self.entries)):
            found.setdefault(root(number), []).append(number)
        return [
            (members, [self.entries[head] for head in sorted({h for one in members for h in self.entries[one].heads})])
            for members in found.values()
        ]

    def _number(self, job: Job, operator: OperatorInstance, region: Region, plan: Plan) -> int:
        key = (job.name, id(operator.operator))
        if key not in self._index:
            self._index[key] = len(self.entries)
            self._keep.append(operator.operator)
            head = operator is region.head
            self.entries.append(OperatorTally(
                name=operator.name, kind=operator.operator.kind, job=job.name, region=region.head.name,
                engine=_engine(operator, plan, head),
                choices=plan.choices if head else (),
                peak_macs_per_s=plan.peak_macs_per_s if head else Fraction(0),
                fused=tuple(one.name for one in region.operators[1:]) if head else (),
                untyped=head and plan.untyped,
                compute_type=plan.compute_type if isinstance(operator.work, MatrixWork) else "",
                dims=dict(operator.dims),
                dispatch=_offers(plan) if head else {},
            ))  # fmt: skip
        return self._index[key]


def _engine(operator: OperatorInstance, plan: Plan, head: bool) -> str:
    """What executes an operator of a region: the head's choice says it for the head, the kind of work for the others."""
    if head:
        return " + ".join(dict.fromkeys(part.plan.choices[0].engine for part in plan.parts)) or plan.choices[0].engine
    return "array" if isinstance(operator.work, MatrixWork) else "vector"


def _offers(plan: Plan) -> dict[str, object]:
    """What the report tells of a choice among engines; empty where there was none."""
    return {} if plan.offers is None else {**plan.offers.to_dict(), "taken": plan.engine}
