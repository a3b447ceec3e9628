"""Appending to caches that lie in the banks as processing units need them: writes of the host, channel by channel.

The new tokens of a request go to the channel that has it (:func:`~sim.mapping.pim_layout.balance`, as its attention), so
channels and banks are written unevenly. The host brings them over the links; the channel's own commands then write them,
between those of the units. Predicted time: that of the channel with most to write, the bytes over the links before.
"""

from __future__ import annotations

from sim.core.clock import PS_PER_S
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pim.pim_units import PimModel
from sim.mapping.engines.engine import Request
from sim.mapping.paths import Paths
from sim.mapping.pim_layout import Piece, PimLayout, balance
from sim.mapping.pim_schedule import PimSchedule
from sim.mapping.plan import Choice, Plan
from sim.mapping.regions import Appended
from sim.trace.dtypes import data_type

KEYS = "attention_score"


def append_reason(model: PimModel, request: Request, tier: int) -> str:
    """Why the region appends to no cache in the units' layout in ``tier``; "" when it does."""
    told = request.region.appended
    if told is None:
        return "only products, and caches that attention reads"
    if (
        len(request.region.operators) > 1
        or [place for place, _ in request.output.tiers] != [tier]
        or request.output.here
    ):
        return "the cache lies elsewhere"
    if data_type(request.region.outputs[0].tensor.dtype).bits != 16 or told.head_dim > model.device.row_words:
        return "the units have no layout for such a cache"
    elements = sum(new for new, _ in told.requests) * told.kv_heads * told.head_dim
    return "" if request.region.outputs[0].elements == elements else "not one token of every request"


def append_plan(name: str, layout: Layout, host: CoreView, model: PimModel, rows: PimLayout, request: Request) -> Plan:
    """The plan of engine ``name`` for a region that :func:`append_reason` lets pass."""
    told = request.region.appended
    assert told is not None
    pieces = _pieces(model, rows, told)
    size = sum(part for _, part in request.output.tiers)
    source = request.operands[0]
    schedule = PimSchedule(pieces, fetched=source.split(source.transferred(request.sizes[0])), placed=size)
    load = [0] * model.channels
    for piece in pieces:
        load[piece.channel] += piece.weight_ps
    paths, tier = Paths(layout, host), request.output.tiers[0][0]
    rates = [layout.link(hop.link).model.bytes_per_s for hop in layout.routes[tier, host.index]]
    link = max((int(size * PS_PER_S / rate) for rate in rates), default=0)
    first = 0 if source.local else int(paths.transfer_ps(source, request.sizes[0]))
    terms = {"pim": max(load), "first_tile": first, "link_before": link}
    cost = sum(terms.values())
    split = {"channels": len({piece.channel for piece in pieces})}
    return Plan(
        engine=name,
        schedules=(schedule,),
        choices=(Choice("pim", None, {}, "writes", split, 1, len(pieces), 1, cost, cost, terms),),
        local_operands=(0,) if source.local else (),
        in_place=(0,) if source.local else (),
        required=True,
    )


def _pieces(model: PimModel, rows: PimLayout, told: Appended) -> tuple[Piece, ...]:
    """The writes of every request, or every head of it, on its channel."""
    parts, inside = (1, told.kv_heads) if model.spec.share == "request" else (told.kv_heads, 1)
    make = rows.new_keys if told.reader == KEYS else rows.new_values
    passes = [make(inside, told.head_dim, new, context) for new, context in told.requests for _ in range(parts)]
    contexts = [context for _, context in told.requests for _ in range(parts)]
    channels = balance(contexts, model.channels, model.spec.balance)
    return tuple(Piece(channel, one, rows.weight_ps(one)) for channel, one in zip(channels, passes, strict=True))
