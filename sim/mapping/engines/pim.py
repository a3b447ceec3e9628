"""Plans of the PIM units of a memory tier: products with matrices and caches that lie in that tier.

It takes attention scores and value products of whatever contexts, and products with weights; operands of 16 bits, the
matrix wholly in its tier, the vectors in a core's scratchpad or in the tier. What is fused behind the product is done by
the vector unit of the first core, which is the host of the units. Predicted time: the channel with most to do, plus the
vectors written, the results over the links and the fused work. Every vector passes separately, so large batches are
slow here and go to the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.core.arith import ceil_div
from sim.core.clock import PS_PER_S
from sim.hardware.engine import EngineView
from sim.hardware.layout import Layout, TierView
from sim.hardware.pim.issue_port import send_ps
from sim.hardware.pim.pim_units import PimModel
from sim.mapping.engines.engine import Request, compute_type, engine_kinds, pinned_elsewhere, vector_operations
from sim.mapping.paths import Paths
from sim.mapping.pim_append import append_plan, append_reason
from sim.mapping.pim_elementwise import elementwise_plan, elementwise_reason
from sim.mapping.pim_layout import MatrixLayout, Piece, PimLayout, balance, layout_of, shares
from sim.mapping.pim_schedule import PimSchedule
from sim.mapping.plan import Choice, Load, Plan, Sources
from sim.mapping.regions import Region
from sim.trace.dtypes import data_type
from sim.trace.work import CopyWork, MatrixWork, VectorWork

SCORE, VALUE = "attention_score", "attention_value"
MAX_VECTORS = 64
"""Vectors per matrix beyond which a plan is not worth making: each streams the matrix once more."""


@engine_kinds.register("pim")
class PimEngine:
    """The units of one tier."""

    def __init__(self, layout: Layout, view: EngineView, tier: TierView) -> None:
        self.layout = layout
        self.name = view.path
        self._tier = tier
        self._model = PimModel(view.spec)
        self._host = layout.cores[0] if layout.cores else None
        self._rows = layout_of(self._model)

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[PimEngine, ...]:
        """Every tier with processing units."""
        tiers = {tier.path: tier for tier in layout.tiers}
        return tuple(cls(layout, view, tiers[view.memory]) for view in layout.engines if view.kind == "pim")

    def plan(self, request: Request) -> Plan | None:
        """As in :class:`~sim.mapping.engines.engine.PlanningEngine`."""
        if pinned_elsewhere(request, self.name) or self.reason(request):
            return None
        if isinstance(request.region.head.work, VectorWork):
            assert self._rows is not None
            return elementwise_plan(self.name, self._model, self._rows, request)
        if isinstance(request.region.head.work, CopyWork):
            assert isinstance(self._rows, PimLayout) and self._host is not None
            return append_plan(self.name, self.layout, self._host, self._model, self._rows, request)
        return self._product_plan(request)

    def _product_plan(self, request: Request) -> Plan:
        """Products with the matrix of a region that can be executed."""
        region = request.region
        pieces, sums = self._pieces(request)
        out = sum(one.size_bytes for one in region.tail.outputs)
        written = request.sizes[0] if self._elsewhere(request.operands[0]) else 0
        local = request.operands[0].local
        fetched = () if local or not written else request.operands[0].split(written)
        operations = dict(vector_operations(region, 1))
        if sums:
            operations["add"] = operations.get("add", 0) + sums
        schedule = PimSchedule(
            pieces,
            written,
            fetched,
            tuple(
                Load(place, request.operands[place].split(request.operands[place].transferred(request.sizes[place])))
                for place in range(2, len(request.operands))
                if not request.operands[place].local
            ),
            tuple(sorted(operations.items())),
            out,
            request.output.split(request.output.transferred(out)),
            request.sizes[1] + (0 if written else request.sizes[0]),
        )
        return Plan(
            engine=self.name,
            schedules=(schedule,),
            choices=(self._choice(request, schedule),),
            uses_vector=bool(operations),
            local_operands=(0,) if written and local else (),
            peak_macs_per_s=self._model.peak_macs_per_s(),
            compute_type=compute_type(region),
            added_operations=(("add", sums),) if sums else (),
            in_place=(1,) if fetched else (0, 1),
        )

    def reason(self, request: Request) -> str:
        """Why the units cannot execute the region; "" when they can."""
        if self._rows is None:
            return f"no macro-commands for the command set {self._model.commands.name}"
        if self._host is None:
            return "the units need a core as their host"
        work = request.region.head.work
        if isinstance(work, VectorWork) and self._rows.functions:
            return elementwise_reason(self._rows, request, self._tier.index)
        if isinstance(work, CopyWork) and self._rows.takes_caches:
            return append_reason(self._model, request, self._tier.index)
        if request.region.parts or not isinstance(work, MatrixWork) or request.region.is_attention:
            return "only single products with a matrix or cache"
        return self._operand_reason(request) or self._work_reason(request.region, work)

    def _operand_reason(self, request: Request) -> str:
        """Why the operands cannot be used where they lie."""
        assert self._host is not None
        head = request.region.head
        if any(data_type(head.port(port)[0].tensor.dtype).bits != 16 for port in ("a", "b")):
            return "operands must have 16 bits"
        a, b = request.operands[:2]
        if b.here or [tier for tier, _ in b.tiers] != [self._tier.index]:
            return f"the matrix does not lie in {self._tier.path}"
        if a.tiers and a.here:
            return "the vectors lie partly in a scratchpad"
        if operand_fused(request) and self._host.vector_model is None:
            return "the host has no vector unit for what is fused"
        return ""

    def _work_reason(self, region: Region, work: MatrixWork) -> str:
        """Why the products are none for the units."""
        assert self._rows is not None
        if work.sparsity or any(segment.conv for segment in work.segments):
            return "neither sparse weights nor convolutions"
        if max(segment.m for segment in work.segments) > MAX_VECTORS:
            return f"more than {MAX_VECTORS} vectors per matrix"
        if region.head.operator.kind not in (SCORE, VALUE):
            return next(filter(None, (self._rows.unfit(one.n, one.k) for one in work.segments)), "")
        if not self._rows.takes_caches:
            return f"{self._model.commands.name} has no layout for keys and values"
        width, row = region.head.dims["head_dim"], self._model.device.row_words
        return f"a head of {width} words does not fit a row of {row}" if width > row else ""

    def _elsewhere(self, vectors: Sources) -> bool:
        """Do they lie outside the units' memory?"""
        return [tier for tier, _ in vectors.tiers] != [self._tier.index]

    def _pieces(self, request: Request) -> tuple[tuple[Piece, ...], int]:
        """Pieces by channel, and how many partial sums the host has to add."""
        head = request.region.head
        assert self._rows is not None
        if head.operator.kind in (SCORE, VALUE):
            assert isinstance(self._rows, PimLayout)
            return self._attention(self._rows, head.operator.kind, head.dims)
        work = head.work
        assert isinstance(work, MatrixWork)
        return self._products(self._rows, work)

    def _attention(self, rows: PimLayout, kind: str, dims: Mapping[str, Any]) -> tuple[tuple[Piece, ...], int]:
        heads, kv_heads, width = dims["heads"], dims["kv_heads"], dims["head_dim"]
        make = rows.scores if kind == SCORE else rows.values
        requests: Sequence[tuple[int, int]] = dims["requests"]
        parts, inside = (1, kv_heads) if self._model.spec.share == "request" else (kv_heads, 1)
        passes = [
            make(inside, width, query * heads // kv_heads, context) for query, context in requests for _ in range(parts)
        ]
        by_context = [context for _, context in requests for _ in range(parts)]
        channels = balance(by_context, self._model.channels, self._model.spec.balance)
        pieces = tuple(Piece(channel, one, rows.weight_ps(one)) for channel, one in zip(channels, passes, strict=True))
        chunks = [ceil_div(context, self._model.device.row_words) - 1 for _, context in requests]
        sums = sum(query * heads * width * more for (query, _), more in zip(requests, chunks, strict=True))
        return pieces, sums if kind == VALUE else 0

    def _products(self, rows: MatrixLayout, work: MatrixWork) -> tuple[tuple[Piece, ...], int]:
        channels, pieces, sums, tiles = self._model.channels, [], 0, 0
        for segment in work.segments:
            for _ in range(segment.batch):  # each a matrix of its own
                dealt = shares(segment.n, channels, rows.outputs_per_tile, tiles % channels)
                tiles += ceil_div(segment.n, rows.outputs_per_tile)
                for channel, outputs in enumerate(dealt):
                    if outputs:
                        passes = rows.product(outputs, segment.k, segment.m)
                        pieces.append(Piece(channel, passes, rows.weight_ps(passes)))
            sums += segment.batch * segment.m * rows.host_sums(segment.n, segment.k)
        return tuple(pieces), sums

    def _choice(self, request: Request, schedule: PimSchedule) -> Choice:
        assert self._host is not None
        load = [0] * self._model.channels
        for piece in schedule.pieces:
            load[piece.channel] += piece.weight_ps
        packets = sum(self._model.packets(one) for piece in schedule.pieces for one in piece.passes)
        issue = send_ps(packets, self._model.spec.issue_rate)
        results = sum(one.result_bytes for piece in schedule.pieces for one in piece.passes)
        here = self.layout.tiers[self._tier.index]
        links = [
            self.layout.link(hop.link).model.bytes_per_s for hop in self.layout.routes[here.index, self._host.index]
        ]
        link = max((int(results * PS_PER_S / rate) for rate in links), default=0)
        vector = self._host.vector_model
        fused = int(vector.cycles(schedule.operations) * PS_PER_S / vector.clock.hz) if vector else 0
        paths = Paths(self.layout, self._host)
        first = int(schedule.written * PS_PER_S / here.bytes_per_s) + here.latency_ps if schedule.written else 0
        if schedule.fetched:
            first += int(paths.transfer_ps(request.operands[0], schedule.written))
        stored = sum(size for _, size in schedule.stores)
        last = int(paths.transfer_ps(request.output, stored)) if stored else 0
        terms = {
            "pim": max(load),
            "issue": issue,
            "link": link,
            "first_tile": first,
            "fused": fused,
            "last_store": last,
        }
        cost = max(max(load), issue, link) + first + fused + last
        tiles = sum(len(piece.passes) for piece in schedule.pieces)
        split = {"channels": len({piece.channel for piece in schedule.pieces})}
        return Choice("pim", None, {}, "passes", split, 1, tiles, 1, cost, cost, terms)


def operand_fused(request: Request) -> bool:
    """Is there anything for the host's vector unit behind the product?"""
    return len(request.region.operators) > 1
