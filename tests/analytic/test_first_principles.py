"""What follows from the bytes that must move and the MACs that must be done, whatever the mapping."""

from __future__ import annotations

from fractions import Fraction

import pytest
from machines import add_gemm, gemm, operator, small

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.load import load_trace, lower

GIB = 2**30


def read_from(record: RunRecord, tier: str) -> int:
    return sum(one.bytes.get(tier, {}).get("read", 0) for one in record.operators)


def written_to(record: RunRecord, tier: str) -> int:
    return sum(one.bytes.get(tier, {}).get("written", 0) for one in record.operators)


def test_a_large_gemm_on_tpu_v4_reaches_ninety_percent_of_peak() -> None:
    b = TraceBuilder("gemm_8192")
    out = add_gemm(b, "g", b.activation("x", (8192, 8192)), 8192, 8192, 8192)
    record = run_trace(b.build(outputs=[out]), load_architecture("tpu_v4"))
    peak = 2 * 4 * 128 * 128 * 1.05e9
    assert 0.90 < 8192**3 / (record.elapsed_ps * 1e-12) / peak < 1


def llama2_7b_decode_bytes(context: int) -> int:
    """Bytes of one decode step in bf16 from the published dimensions.

    32 layers of q, k, v, o (4096 x 4096), gate, up, down (4096 x 11008) and two norms; final norm and output matrix
    (32000 x 4096); one row of the embedding; keys and values of every position of the context (32 heads of 128).
    """
    layer = 4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096
    weights = 32 * layer + 4096 + 32000 * 4096 + 4096
    cache = 32 * 2 * context * 4096
    return 2 * (weights + cache)


def test_a_decode_step_takes_the_time_of_its_bytes() -> None:
    """1.065 found. Two cores read the halves of each weight, and where their streams meet in one bank, row runs are slow:
    with every request served by itself it is 1.050 (docs/memory.md, Accuracy)."""
    record = run_trace(load_trace("llama2_7b_decode"), load_architecture("tpu_v4"))
    must_move = llama2_7b_decode_bytes(2048)
    sustained = 1200e9 * 0.93
    assert 1.00 <= record.elapsed_ps * 1e-12 / (must_move / sustained) <= 1.10
    assert must_move <= read_from(record, "chip.hbm") + 2 * 2 * 32 * 4096 <= 1.01 * must_move


@pytest.mark.parametrize(("m", "n", "k"), [(64, 64, 64), (300, 100, 77), (1, 512, 512), (512, 16, 300)])
def test_a_layer_that_fits_on_chip_moves_each_byte_once(m: int, n: int, k: int) -> None:
    record = run_trace(gemm(m, n, k), small(rows=16, cols=16, overlap="double_buffered"))
    assert read_from(record, "chip.dram") == m * k + k * n
    assert written_to(record, "chip.dram") == m * n


def test_layers_that_fit_on_tpu_v4i_move_each_weight_once_and_activations_never_leave() -> None:
    """BERT at 384 tokens: weights 85.6 M in the layers; every layer's tensors fit in 16 + 128 MiB.

    The embedding reads only the rows of its tokens, so HBM reads are at most the weights and the token numbers.
    """
    trace = load_trace("bert_base")
    record = run_trace(trace, load_architecture("tpu_v4i"))
    layers = 12 * 2 * (4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768)
    embeddings = 2 * (384 + 384 + 384) * 768 + 2 * 2 * 768
    pooler = 2 * (768 * 768 + 768)
    read = read_from(record, "chip.hbm")
    assert 0.999 * (layers + pooler) < read < 1.01 * (layers + pooler + embeddings)
    assert written_to(record, "chip.hbm") < 2 * 384 * 768 * 2 + 4096


def test_two_cores_that_split_rows_each_load_the_weights() -> None:
    """The price of a split along m, as a number: B once per core. Along n, A once per core."""
    pins = "{g: {engine: array, cores: {%s: 2}, tile: {m: 512, n: 512, k: 512}}}"
    m, n, k = 128, 64, 96
    by_rows = run_trace(gemm(m, n, k), small(cores=2, pins=pins % "m"))
    by_columns = run_trace(gemm(m, n, k), small(cores=2, pins=pins % "n"))
    assert read_from(by_rows, "chip.dram") == m * k + 2 * k * n
    assert read_from(by_columns, "chip.dram") == 2 * m * k + k * n


@pytest.mark.parametrize(
    ("model", "arch"),
    [("resnet50", "tpu_v4"), ("mobilenet_v2", "edge_npu"), ("bert_base", "tpu_v3"), ("gpt2", "tpu_v4i")],
)
def test_no_operator_beats_its_roofline(model: str, arch: str) -> None:
    """MACs over the time an operator was active against its arrays' peak; all bytes of the run against each tier."""
    architecture = load_architecture(arch)
    record = run_trace(load_trace(model), architecture)
    peak = 0
    for node in architecture.components:
        if node.kind == "systolic_array":
            assert node.clock_hz is not None
            copies = len(architecture.instances(node))
            fastest = max(node.spec.types.values())
            peak += node.spec.count * copies * node.spec.rows * node.spec.cols * node.clock_hz * fastest
    on_arrays = [one for one in record.operators if one.engine == "array"]
    assert on_arrays
    for one in on_arrays:
        assert one.macs_executed <= peak * Fraction(one.active_ps + 1, 10**12), one.name
    assert sum(one.macs_executed for one in on_arrays) <= peak * Fraction(record.elapsed_ps, 10**12)
    for component in record.components:
        if component.kind in ("dram", "scratchpad") and component.peak:
            moved = sum(
                table.get("read_bytes", 0) + table.get("write_bytes", 0) for table in component.actions.values()
            )
            assert moved <= component.peak * record.elapsed_ps * 1e-12 * 1.000001


def test_llama_7b_in_bf16_does_not_fit_tpu_v4i_and_is_told_the_bytes() -> None:
    with pytest.raises(InputError) as caught:
        run_trace(load_trace("llama2_7b_decode"), load_architecture("tpu_v4i"))
    text = str(caught.value)
    weights = 2 * (32 * (4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096) + 4096 + 2 * 32000 * 4096)
    cache = 2 * 2 * 32 * 2048 * 4096
    assert f"{weights + cache} bytes" in text
    assert f"{8 * GIB} bytes are available" in text


def test_llama_7b_with_int8_weights_fits_tpu_v4i_and_takes_half_the_time_of_its_bytes() -> None:
    trace = lower("configs/llama2_7b", phase="decode", context=2048, weights="int8")
    record = run_trace(trace, load_architecture("tpu_v4i"))
    cache = 2 * 2 * 32 * 2048 * 4096
    weights = (llama2_7b_decode_bytes(2048) - cache) // 2
    assert 1.00 <= record.elapsed_ps * 1e-12 / ((weights + cache) / (614e9 * 0.93)) <= 1.10
    assert operator(record, "lm_head").macs == 32000 * 4096
