"""One tile of matrix work on a core's arrays, from the arrays' own closed forms to the plan's plain numbers."""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.layout import CoreView
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import MatrixTile, bits_to_bytes
from sim.mapping.plan import ArrayWork
from sim.trace.work import ConvShape


def array_work(
    core: CoreView,
    flow: type[Dataflow],
    compute_type: str,
    extents: tuple[int, int, int, int],
    kept: int,
    bits: tuple[Fraction, Fraction, Fraction],
    first_k: bool,
    last_k: bool,
    conv: ConvShape | None = None,
) -> ArrayWork:
    """``extents``: (b, m, n, k); ``kept``: k after sparsity; ``bits`` per element of A, B and the results;
    ``conv``: the convolution that the tile is cut from, if any.
    """
    model = core.array_model
    assert model is not None
    rate = model.rate(compute_type)
    assert rate is not None
    b, m, n, k = extents
    tile = MatrixTile(b, m, n, k, kept, int(first_k), int(last_k), *bits, conv)
    spread = model.spread(flow, b, m, n, kept, rate, conv)
    traffic = model.traffic(flow, tile, spread, rate)
    return ArrayWork(
        shares=tuple(model.shares(flow, spread)),
        streaming_cycles=int(flow.streaming(model.shape, model.extents(b, m, n, kept, rate, conv, k), spread)),
        macs=b * m * n * k,
        macs_executed=b * m * n * kept,
        a_reads=traffic.a,
        b_reads=traffic.b,
        c_writes=traffic.c,
        scratchpad_read=traffic.scratchpad_read,
        scratchpad_write=traffic.scratchpad_write,
        accumulator_read=traffic.accumulator_read,
        accumulator_write=traffic.accumulator_write,
        register_reads=int(traffic.register_reads),
        register_writes=int(traffic.register_writes),
        hops=int(traffic.hops),
        conflicts=int(core.scratchpad_model.conflict_factor(int(bits_to_bytes(k, bits[0])))),
        compute_type=compute_type,
    )
