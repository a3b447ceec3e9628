"""HBM-PIM in whole runs: kernels take what the reference has, a decode beats the twin, bad matrices are declined."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.config.load import load_architecture
from sim.hardware.pim.barrier_controller import BarrierController
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.macro import ChannelState, Transitions
from sim.hardware.pim.programs.hbm_pim_kernels import Kernel, hbm_pim_kernel
from sim.hardware.pim.programs.hbm_pim_passes import elementwise, gemv
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.load import lower

DEVICE = PIM_DEVICES["HBM2_PIM"]
COMMANDS = command_set_of("hbm_pim", DEVICE)
CONFIG = Path(__file__).resolve().parents[2] / "traces" / "configs" / "gpt2" / "config.json"


@pytest.mark.parametrize(
    "kernel",
    [Kernel("GEMV", 4096, 1024), Kernel("GEMV", 8192, 1024, 2), Kernel("ADD", 1 << 20), Kernel("RELU", 1 << 20)],
    ids=str,
)
def test_a_pass_takes_what_the_reference_kernel_does_and_is_legal(kernel: Kernel) -> None:
    """Within a tenth, once the host's reads of the results, which the reference leaves out, are taken off."""
    reference = BarrierController(COMMANDS, DEVICE, refresh=False, keep_log=False).run(hbm_pim_kernel(DEVICE, kernel))
    share = kernel.rows // DEVICE.dram.channels
    if kernel.name == "GEMV":
        program = gemv(DEVICE, share, kernel.columns, kernel.batch)
    else:
        program = elementwise(DEVICE, kernel.name, share)
    channel = ChannelState(Transitions(COMMANDS, DEVICE, refresh=False), log=[])
    taken = channel.run("kernel", program)
    assert 1.0 <= (taken.end - channel.spent["host_columns"]) / reference < 1.1
    assert channel.log is not None and check_log(COMMANDS, DEVICE, channel.log) == []
    assert taken.counts["ENTER_HAB"] == taken.counts["EXIT_HAB"] == 1


def test_a_decode_step_is_faster_and_cheaper_than_the_twins() -> None:
    trace = lower(CONFIG, phase="decode", context=256, dtype="fp16")
    found, twin = (run_trace(trace, load_architecture(name)) for name in ("hbm_pim", "hbm_pim_off"))
    engines = {one.name: one.engine for one in found.operators}
    assert engines["lm_head"] == engines["layers.qkv_proj"] == "pim" != engines["layers.attention_score"]
    declined = next(one for one in found.operators if one.kind == "attention_score").dispatch["declined"]
    assert declined == {"chip.hbm.pim": "hbm_pim has no layout for keys and values"}
    assert sum(one.macs_executed for one in found.operators) == sum(one.macs_executed for one in twin.operators)
    assert 1.1 < twin.elapsed_ps / found.elapsed_ps < 4, "an operation each tCCD_L, 8 banks at once: 4 x the pins"


def _elementwise(function: str, sources: int, elements: int, arch: str = "hbm_pim") -> RunRecord:
    b = TraceBuilder("one", dtype="fp16")
    inputs = {port: b.weight(port, (elements,)) for port in ("x", "y")[:sources]}
    b.op("one", "elementwise", {"elements": elements}, inputs, b.activation("out", (elements,)), {"function": function})
    return run_trace(b.build(outputs=["out"]), load_architecture(arch))


@pytest.mark.parametrize(
    ("function", "sources", "action"), [("add", 2, "op_add"), ("mul", 2, "op_mul"), ("relu", 1, "op_max")]
)
def test_elementwise_kernels_move_nothing(function: str, sources: int, action: str) -> None:
    elements = 1 << 22
    record = _elementwise(function, sources, elements)
    (operator,) = record.operators
    assert operator.engine == "pim" and not any(sum(moved.values()) for moved in operator.bytes.values())
    units = next(one for one in record.components if one.kind == "pim")
    assert units.actions[0][action] == elements and units.actions[0]["register_to_bank"] > 0
    assert record.elapsed_ps < _elementwise(function, sources, elements, "hbm_pim_off").elapsed_ps


def test_functions_without_a_kernel_and_matrices_beyond_the_banks_are_declined() -> None:
    (exp,) = _elementwise("exp", 1, 1 << 20).operators
    assert exp.engine != "pim" and "no kernel for exp" in exp.dispatch["declined"]["chip.hbm.pim"]
    b = TraceBuilder("large", dtype="fp16")
    rows, inputs = 64 * 64 * 130, 16384
    out, x, w = b.activation("y", (1, rows)), b.activation("x", (1, inputs)), b.weight("w", (inputs, rows))
    b.op("large", "gemm", {"m": 1, "n": rows, "k": inputs}, {"a": x, "b": w}, out)
    (large,) = run_trace(b.build(outputs=[out]), load_architecture("hbm_pim")).operators
    assert large.engine != "pim" and "columns of each bank, which has" in large.dispatch["declined"]["chip.hbm.pim"]
