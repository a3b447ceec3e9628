"""What moves at the edge of arrays, memories and links, against numbers worked out by hand.

One GEMM C[6,8] = A[6,10] x B[10,8] of int8 on 4x4 arrays with partial sums of 4 bytes: K in 3 folds, N in 2 (ws).
"""

from __future__ import annotations

import pytest
from machines import elapsed, gemm, machine, small

from sim.config.architecture import Architecture
from sim.energy.of_architecture import table_for, uses_of
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder

M, N, K = 6, 8, 10


def one_core(arrays: int = 1, accumulator: str = "0 B", dataflow: str = "ws") -> Architecture:
    return machine(f"""
        name: edge
        technology: 7 nm
        clocks: {{core: 1 GHz}}
        core:
          array: {{kind: systolic_array, count: {arrays}, rows: 4, cols: 4, dataflow: {dataflow}, fold_overlap: none,
                  types: {{int8: 1}}, accumulator: {accumulator}, clock: core}}
          pad: {{kind: scratchpad, capacity: 1 MiB, banks: 8, width: 64 B, resident_share: 9/10, clock: core}}
        policy: {{mapping: {{'*': {{tile: {{m: {M}, n: {N}, k: {K}}}}}}}}}
    """)


def counts(record: RunRecord, path: str) -> dict[str, int]:
    component = next(one for one in record.components if one.path == path)
    total: dict[str, int] = {}
    for table in (component.actions, component.ledger):
        for by_name in table.values():
            for name, amount in by_name.items():
                total[name] = total.get(name, 0) + amount
    return total


def test_partial_sums_in_the_scratchpad() -> None:
    """3 K folds: results written 3 times (twice as 4-byte partial sums), partial sums read back twice."""
    record = run_trace(gemm(M, N, K), one_core())
    array, pad = counts(record, "core.array"), counts(record, "core.pad")
    a, b, results = 2 * M * K, K * N, M * N  # A once per N fold
    assert (array["a_reads"], array["b_reads"], array["c_writes"]) == (a, b, 3 * results)
    assert pad["read_bytes"] == a + b + 2 * results * 4
    assert pad["write_bytes"] == 2 * results * 4 + results
    assert "accumulator_read_bytes" not in array


def test_partial_sums_in_the_accumulator() -> None:
    """All 3 writes go there; it is read for 2 additions and once more for the result."""
    record = run_trace(gemm(M, N, K), one_core(accumulator="1 KiB"))
    array, pad = counts(record, "core.array"), counts(record, "core.pad")
    results = M * N
    assert array["accumulator_write_bytes"] == 3 * results * 4
    assert array["accumulator_read_bytes"] == 2 * results * 4 + results * 4
    assert pad["read_bytes"] == 2 * M * K + K * N and pad["write_bytes"] == results


@pytest.mark.parametrize(("dataflow", "copied"), [("ws", "b_reads"), ("is", "a_reads")])
def test_a_stream_split_over_arrays_copies_what_is_stationary(dataflow: str, copied: str) -> None:
    """One fold, a stream of 400 over 4 arrays: the stationary operand is loaded into each, the other is not repeated."""
    m, n = (400, 4) if dataflow == "ws" else (4, 400)
    pinned = machine(f"""
        name: edge
        clocks: {{core: 1 GHz}}
        core:
          array: {{kind: systolic_array, count: 4, rows: 4, cols: 4, dataflow: {dataflow}, fold_overlap: none,
                  types: {{int8: 1}}, clock: core}}
          pad: {{kind: scratchpad, capacity: 1 MiB, width: 64 B, resident_share: 9/10, clock: core}}
        policy: {{mapping: {{'*': {{tile: {{m: {m}, n: {n}, k: 4}}}}}}}}
    """)
    array = counts(run_trace(gemm(m, n, 4), pinned), "core.array")
    moving = "a_reads" if copied == "b_reads" else "b_reads"
    assert array[copied] == 4 * (4 * 4)
    assert array[moving] == 400 * 4


def test_sparse_weights_carry_the_places_of_their_values() -> None:
    """2:4 int8 weights [64,32]: half the values, and 2 bits of place for each."""
    b = TraceBuilder("sparse", dtype="int8")
    weight = b.weight("w", (64, 32))
    out = b.activation("out", (16, 32))
    b.op("g", "gemm", {"m": 16, "n": 32, "k": 64}, {"a": b.activation("x", (16, 64)), "b": weight}, out,
         {"sparsity": "2:4"})  # fmt: skip
    record = run_trace(b.build(outputs=[out]), small(pins="{'*': {tile: {m: 16, n: 32, k: 64}}}"))
    read = record.operators[0].bytes["chip.dram"]["read"]
    assert read == 16 * 64 + 32 * 32 + 32 * 32 * 2 // 8
    assert record.operators[0].macs_executed * 2 == record.operators[0].macs


def test_a_links_latency_is_paid_on_the_way_in_and_out() -> None:
    def run(latency: str) -> int:
        text = f"""
            name: edge
            clocks: {{core: 1 GHz}}
            chip:
              core:
                vector: {{kind: vector_unit, lanes: 16, clock: core}}
                pad: {{kind: scratchpad, capacity: 4 KiB, width: 64 B, resident_share: 1/1000000, clock: core}}
              dram: {{kind: dram, bandwidth: 64 GB/s, burst: 64 B, capacity: 1 MiB}}
              links: [{{kind: bus, connects: [core.pad, dram], bandwidth: 64 GB/s, latency: {latency}}}]
        """
        b = TraceBuilder("r", dtype="int8")
        b.op("r", "elementwise", {"elements": 64}, {"x": b.activation("x", (64,))}, b.activation("y", (64,)),
             {"function": "relu"})  # fmt: skip
        return elapsed(b.build(outputs=["y"]), machine(text))

    assert run("200 ns") - run("100 ns") == 200_000  # both are long enough for one tile


def test_a_scratchpads_price_is_that_of_its_banks() -> None:
    """1 MiB in 8 banks is priced as 128 KiB, between the 32 KiB and the 1 MiB point of the table."""
    architecture = one_core()
    use = next(one for one in uses_of(architecture) if one.path == "core.pad")
    table = table_for(architecture)

    def price(bank_bytes: int) -> float:
        return float(table.price("scratchpad", "read_bytes", {**use.parameters, "bank_bytes": bank_bytes}).joules)

    assert use.parameters["bank_bytes"] == 128 * 1024
    assert price(32 * 1024) < price(128 * 1024) < price(1024 * 1024)


def test_layers_planned_differently_are_held_to_the_peak_of_their_plans() -> None:
    """A repeated layer whose weights spill to a slower memory is planned on another unit there; both are legal."""
    mixed = machine("""
        name: mixed
        clocks: {core: 1 GHz}
        core:
          mxu: {kind: systolic_array, rows: 32, cols: 32, types: {int8: 1}, clock: core}
          vpu: {kind: vector_unit, lanes: 128, clock: core}
          pad: {kind: scratchpad, capacity: 8 MiB, banks: 16, width: 64 B, clock: core}
        fast: {kind: dram, bandwidth: 400 GB/s, capacity: 1500 KiB}
        slow: {kind: dram, bandwidth: 10 GB/s, capacity: 8 GiB}
    """)
    b = TraceBuilder("layers", dtype="int8")
    x = b.activation("x", (1, 1024))
    with b.repeat("layer", 3, carry={x: "y"}):
        y = b.activation("y", (1, 1024))
        b.op("g", "gemm", {"m": 1, "n": 1024, "k": 1024}, {"a": x, "b": b.weight("w", (1024, 1024))}, y)
    record = run_trace(b.build(outputs=[x]), mixed)
    assert record.operators[0].count == 3 and record.operators[0].peak_macs_per_s > 0


def test_utilization_counts_the_peak_of_every_group_of_cores() -> None:
    """Two groups that multiply different types: neither alone is the machine."""
    two = machine("""
        name: two
        clocks: {core: 1 GHz}
        a:
          mxu: {kind: systolic_array, rows: 16, cols: 16, types: {int8: 1}, clock: core}
          pad: {kind: scratchpad, capacity: 1 MiB, banks: 8, width: 64 B, clock: core}
        b:
          mxu: {kind: systolic_array, rows: 16, cols: 16, types: {bf16: 1}, clock: core}
          pad: {kind: scratchpad, capacity: 1 MiB, banks: 8, width: 64 B, clock: core}
        dram: {kind: dram, bandwidth: 1000 GB/s, capacity: 1 GiB}
    """)
    b = TraceBuilder("types")
    for name in ("int8", "bf16"):
        x, w = b.activation(f"x.{name}", (512, 512), name), b.weight(f"w.{name}", (512, 512), name)
        out = b.activation(f"out.{name}", (512, 512), name)
        b.op(f"g.{name}", "gemm", {"m": 512, "n": 512, "k": 512}, {"a": x, "b": w}, out)
    record = run_trace(b.build(outputs=["out.int8", "out.bf16"]), two)
    assert record.peak_macs_per_s == 2 * 256e9
    assert sum(one.macs for one in record.operators) <= record.peak_macs_per_s * record.elapsed_ps / 1e12
