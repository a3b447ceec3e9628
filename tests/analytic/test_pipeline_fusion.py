"""Joined regions against closed forms: what each kind of pipeline moves off chip, and what it leaves as it was."""

from __future__ import annotations

from math import ceil

import pytest
from mlp_traces import HIDDEN, ROWS, WIDTH, gemm, mlp

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


def run(trace: Trace, fusion: str, vmem: str = "16 MiB") -> RunRecord:
    """On one tpu_v4 core without shared on-chip memory, so that what does not stay in the core goes to HBM."""
    document = {"policy.fusion": fusion, "chip.core.count": 1, "chip.core.vmem.capacity": vmem, "chip.cmem.capacity": 64,
                "chip.core.vmem.resident_share": "1/1000000"}  # fmt: skip
    return run_trace(trace, load_architecture("tpu_v4", document))


def moved(record: RunRecord) -> tuple[int, int]:
    """(read, written) bytes of HBM."""
    found = [one.bytes.get("chip.hbm", {"read": 0, "written": 0}) for one in record.operators]
    return sum(one["read"] for one in found), sum(one["written"] for one in found)


def norm_then_products() -> Trace:
    """x = a W + r, kept for later; y = norm(x); y V."""
    build = TraceBuilder("residual_norm")
    a = build.activation("a", (ROWS, WIDTH))
    r = build.activation("r", (ROWS, WIDTH))
    product = gemm(build, "proj", a, ROWS, WIDTH, WIDTH)
    x, y = build.activation("sum", (ROWS, WIDTH)), build.activation("y", (ROWS, WIDTH))
    build.op("add", "elementwise", {"elements": ROWS * WIDTH}, {"x": [r], "y": [product]}, [x], {"function": "add"})
    build.op("norm", "rms_norm", {"rows": ROWS, "width": WIDTH}, {"x": [x]}, [y])
    return build.build(outputs=(x, gemm(build, "next", y, ROWS, WIDTH, WIDTH)))


def convolutions(images: int, stride: int = 1) -> Trace:
    """conv 3x3 - scale and shift - ReLU - conv 3x3, 32 x 32 pixels of 64 channels."""
    build = TraceBuilder("convolutions")
    side, channels, out = 32, 64, 32 // stride
    names = [build.activation(name, (images, 64, side, side)) for name in ("x", "c1", "bn", "relu")]
    last = build.activation("y", (images, 64, out, out))
    square = {"images": images, "in_channels": channels, "out_channels": channels, "in_h": side, "in_w": side,
              "kernel_h": 3, "kernel_w": 3, "pad_top": 1, "pad_left": 1}  # fmt: skip
    weights = [build.weight(name, (64, 64, 3, 3)) for name in ("w1", "w2")]
    elements = {"elements": images * channels * side * side}
    first = square | {"out_h": side, "out_w": side}
    second = square | {"out_h": out, "out_w": out, "stride_h": stride, "stride_w": stride}
    build.op("conv1", "conv", first, {"a": [names[0]], "b": [weights[0]]}, [names[1]])
    build.op("bn", "elementwise", elements, {"x": [names[1]]}, [names[2]], {"function": "scale_shift"})
    build.op("relu", "elementwise", elements, {"x": [names[2]]}, [names[3]], {"function": "relu"})
    build.op("conv2", "conv", second, {"a": [names[3]], "b": [weights[1]]}, [last])
    return build.build(outputs=(last,))


def blocks(record: RunRecord, units: int) -> int:
    """Blocks of rows that the pipeline of the first operator passed."""
    return ceil(units / record.operators[0].mapping[0]["tile"]["rows"])


@pytest.mark.parametrize("gated", [False, True])
def test_hidden_activations_of_an_mlp_are_not_moved(gated: bool) -> None:
    trace = mlp(gated)
    weights = (3 if gated else 2) * WIDTH * HIDDEN * 2
    ends = ROWS * WIDTH * 2
    read, written = moved(run(trace, "pipeline"))
    assert (read, written) == ((2 if gated else 1) * ends + weights, ends)
    apart = moved(run(trace, "elementwise"))
    assert apart[1] - written == (2 if gated else 1) * ROWS * HIDDEN * 2


def test_weights_that_do_not_stay_are_read_once_a_block() -> None:
    trace = mlp(gated=False)
    record = run(trace, "pipeline", "4 MiB")
    count = blocks(record, ROWS)
    assert count > 1
    extra, rest = divmod(moved(record)[0] - ROWS * WIDTH * 2 - 2 * WIDTH * HIDDEN * 2, WIDTH * HIDDEN * 2)
    assert rest == 0 and extra in (count - 1, 2 * (count - 1))


def test_a_norm_behind_its_product_reads_nothing_and_the_sum_is_stored_once() -> None:
    trace = norm_then_products()
    size, weights = ROWS * WIDTH * 2, 2 * WIDTH * WIDTH * 2
    assert moved(run(trace, "pipeline")) == (2 * size + weights, 2 * size)
    assert moved(run(trace, "elementwise")) == (4 * size + weights, 3 * size)


@pytest.mark.parametrize("images,stride", [(1, 1), (3, 1), (2, 2)])
def test_rows_stream_from_convolution_to_convolution(images: int, stride: int) -> None:
    """The input is read once plus two rows under the kernel at every cut inside an image; nothing between is moved."""
    record = run(convolutions(images, stride), "pipeline", "1 MiB")
    assert [one.region for one in record.operators] == ["conv1"] * 4
    row, weights = 32 * 64 * 2, 2 * 64 * 64 * 9 * 2
    read, written = moved(record)
    assert written == images * (32 // stride) ** 2 * 64 * 2
    halo, rest = divmod(read - weights - images * 32 * row, row)
    assert rest == 0 and 0 < halo <= 2 * blocks(record, images * 32 // stride)


@pytest.mark.parametrize("make", [lambda: mlp(False), lambda: mlp(True), norm_then_products, lambda: convolutions(2)])
def test_auto_is_predicted_no_slower_and_runs_no_slower(make) -> None:  # type: ignore[no-untyped-def]
    trace = make()
    apart, auto = run(trace, "elementwise"), run(trace, "auto")

    def predicted(record: RunRecord) -> int:
        return sum(choice["predicted_ps"] for one in record.operators for choice in one.mapping)

    assert predicted(auto) <= predicted(apart)
    assert auto.elapsed_ps <= apart.elapsed_ps * 1.01
    assert sum(one.macs_executed for one in auto.operators) == sum(one.macs_executed for one in apart.operators)


def test_attention_on_arrays_without_the_type_runs_as_three_operators() -> None:
    build = TraceBuilder("attention")
    q, k, v, out = (build.activation(name, (64, 64)) for name in ("q", "k", "v", "out"))
    scores, soft = (build.activation(name, (1, 64, 64)) for name in ("scores", "soft"))
    heads = {"heads": 1, "kv_heads": 1, "head_dim": 64, "requests": ((64, 64),)}
    build.op("score", "attention_score", heads, {"a": [q], "b": [k]}, [scores])
    build.op("softmax", "attention_softmax", {"heads": 1, "requests": ((64, 64),)}, {"x": [scores]}, [soft])
    build.op("value", "attention_value", heads, {"a": [soft], "b": [v]}, [out])
    trace = build.build(outputs=("out",))
    document = {"policy.fusion": "attention", "chip.core.mxu.types": {"int8": 1}}
    record = run_trace(trace, load_architecture("tpu_v4", document))
    assert [(one.region, one.mapping[0]["engine"]) for one in record.operators] == [
        ("score", "vector"), ("softmax", "vector"), ("value", "vector")
    ]  # fmt: skip


def test_saved_bytes_are_those_of_the_closed_form() -> None:
    """Stores and loads of what stays on chip; a sum that is stored for others saves its load only."""
    hidden, size = ROWS * HIDDEN * 2, ROWS * WIDTH * 2

    def saved(trace: Trace, fusion: str) -> int:
        return sum(one.fusion_saved_bytes for one in run(trace, fusion).operators)

    assert saved(mlp(False), "none") == 0
    assert saved(mlp(False), "elementwise") == 2 * hidden
    assert saved(mlp(False), "pipeline") == 4 * hidden
    assert saved(mlp(True), "pipeline") == 6 * hidden
    assert saved(norm_then_products(), "pipeline") == 2 * size + size + 2 * size
