"""The operator kinds ``collective`` (the ranks of a group exchange a tensor; what one rank of the group does is written),
and ``send`` and ``recv`` (neighbouring stages of a pipeline, each of which has one of the two).

All ranks of a group run the same operator; how its messages travel is the machine's business, not the trace's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.trace.kinds import OperatorKind, Resolved, operator_kinds
from sim.trace.work import CollectiveWork, Work

COLLECTIVES: Mapping[str, tuple[bool, bool]] = {
    "all_reduce": (False, False),
    "all_gather": (True, False),
    "reduce_scatter": (False, True),
    "all_to_all": (False, False),
    "broadcast": (False, False),
    "send_recv": (False, False),
}
"""function -> is the operand (is the result) of a rank its part of the vector rather than the whole of it?"""


@operator_kinds.register("collective")
class Collective(OperatorKind):
    """``ranks`` ranks exchange a vector of ``elements`` elements, the whole of it: what every rank contributes to an
    all-reduce or reduce-scatter, ends up with after an all-gather or broadcast, sends altogether in an all-to-all (its
    own block included), or sends or receives in a send_recv.

    ``function`` is a key of :data:`COLLECTIVES`. ``group`` names the ranks: "tp", "pp", "ep" or "dp" for those of tensor,
    pipeline, expert and data parallelism (default: "tp"), or any other name, which then means the first ``ranks`` chips.
    A rank's part of a vector that does not divide is the larger one, ceil(elements / ranks).
    """

    dims = {"elements": None, "ranks": None}
    attributes = ("function", "group")

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return CollectiveWork(attributes["function"], dims["elements"], dims["ranks"], attributes.get("group", "tp"))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        found = []
        if attributes.get("function") not in COLLECTIVES:
            allowed = ", ".join(sorted(COLLECTIVES))
            found.append(f"function must be one of {allowed}, found {attributes.get('function')!r}")
        if not isinstance(attributes.get("group", "tp"), str):
            found.append(f"group must be a name, found {attributes['group']!r}")
        return found

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        whole, part = dims["elements"], -(-dims["elements"] // dims["ranks"])
        from_part, to_part = COLLECTIVES[attributes["function"]]
        return {"x": part if from_part else whole, "outputs": part if to_part else whole}


@operator_kinds.register("send")
class Send(OperatorKind):
    """A stage of a pipeline sends a tensor to the next stage, which has a ``recv`` of the same ``message``."""

    dims = {"elements": None}
    attributes = ("message",)
    results = False

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return CollectiveWork("send", dims["elements"], 2, "pp")

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"x": dims["elements"]}


@operator_kinds.register("recv")
class Receive(OperatorKind):
    """A stage of a pipeline gets a tensor from the stage before, which has a ``send`` of the same ``message``."""

    dims = {"elements": None}
    ports = ()
    attributes = ("message",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return CollectiveWork("recv", dims["elements"], 2, "pp")

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["elements"]}
