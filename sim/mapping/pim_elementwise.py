"""Element-wise work on units that have kernels for it: operands and results lie in the banks, nothing is moved.

Operands are taken to be spread over all channels and banks alike, as tensors in memory are.
"""

from __future__ import annotations

from sim.core.arith import ceil_div
from sim.hardware.pim.pim_units import PimModel
from sim.mapping.engines.engine import Request
from sim.mapping.pim_layout import MatrixLayout, Piece
from sim.mapping.pim_schedule import PimSchedule
from sim.mapping.plan import Choice, Plan
from sim.trace.dtypes import data_type
from sim.trace.work import VectorWork


def elementwise_reason(rows: MatrixLayout, request: Request, tier: int) -> str:
    """Why the units of ``tier`` cannot execute the region; "" when they can."""
    head = request.region.head
    if head.operator.kind != "elementwise" or len(request.region.operators) > 1:
        return "only products, and element-wise functions by themselves"
    function = head.operator.attributes.get("function")
    if function not in rows.functions:
        return f"no kernel for {function}, only for {', '.join(sorted(rows.functions))}"
    every = [one for slices in (*request.region.operands, head.outputs) for one in slices]
    if any(data_type(one.tensor.dtype).bits != 16 for one in every):
        return "operands must have 16 bits"
    if any(one.elements != head.dims["elements"] for one in every):
        return "operands must be of one size"
    if any(one.here or [place for place, _ in one.tiers] != [tier] for one in (*request.operands, request.output)):
        return "operands and results must lie in the units' memory"
    return ""


def elementwise_plan(name: str, model: PimModel, rows: MatrixLayout, request: Request) -> Plan:
    """The plan of engine ``name`` for a region that :func:`elementwise_reason` lets pass."""
    head = request.region.head
    assert isinstance(head.work, VectorWork)
    share = ceil_div(head.work.elements, model.channels)
    passes = rows.elementwise(str(head.operator.attributes["function"]), share)
    channels = ceil_div(head.work.elements, share)
    time_ps = rows.weight_ps(passes)
    schedule = PimSchedule(
        tuple(Piece(channel, passes, time_ps) for channel in range(channels)),
        read_in_place=sum(request.sizes),
        in_memory=head.work.operations,
    )
    split, terms = {"channels": channels}, {"pim": time_ps}
    return Plan(
        engine=name,
        schedules=(schedule,),
        choices=(Choice("pim", None, {}, "passes", split, 1, channels * len(passes), 1, time_ps, time_ps, terms),),
        in_place=tuple(range(len(request.operands))),
        kept_bytes=sum(size for _, size in request.output.tiers),
    )
