"""``pim_hbm``: kernels on HBM-PIM as transactions of a host controller, and the same work without PIM.

The side without PIM streams operands in and results out. It is judged by the closed form of bus and refresh; the bank
engine's figure is reported beside it. That engine's controller drains writes in batches (DRAMsim3's policy), which the
reference does not, and refreshes on time, while the reference's refresh waits as long as requests reopen rows: on
streams that write much (RELU) the bank engine is therefore some 6 % slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.pim.barrier_controller import BarrierController
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.programs.hbm_pim_kernels import KERNELS, Kernel, hbm_pim_kernel
from sim.hardware.pim.streaming import stream_cycles, stream_cycles_by_banks
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

DEVICE = PIM_DEVICES["HBM2_PIM"]
WITHIN_5: dict[str, float] = {"max_abs_pct_error": 5.0}


@suites.register("pim_hbm")
class PimHbmSuite(Suite):
    name = "pim_hbm"
    compares = "cycles of HBM-PIM kernels, and of streaming their operands without PIM, with an HBM-PIM simulator"
    origin = "Samsung HBM-PIM simulator, commit b464dde"
    data = "pim_hbm.csv"
    columns = (
        Column("kernel", "text", among=KERNELS),
        Column("out_dim", "integer", at_least=1, at_most=16_777_216),
        Column("in_dim", "integer", at_least=1, at_most=16_777_216),
        Column("batch", "integer", at_least=1, at_most=65_536),
        Column("cycles_no_pim", "integer", at_least=1),
        Column("cycles_pim", "integer", at_least=1),
    )
    metrics = (
        Metric("cycles_pim", "cycles", WITHIN_5),
        Metric("cycles_no_pim", "cycles", WITHIN_5),
        Metric("cycles_no_pim_bank_engine", "cycles", None),
    )
    primary = "cycles_pim"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        commands = command_set_of("hbm_pim", DEVICE)
        for done, row in enumerate(rows):
            kernel = kernel_of(row)
            label = f"{kernel.name} {kernel.rows} x {kernel.columns} batch {kernel.batch}"
            controller = BarrierController(commands, DEVICE, keep_log=False)
            scores.add("cycles_pim", row, row.integer("cycles_pim"),
                       controller.run(hbm_pim_kernel(DEVICE, kernel)), label)  # fmt: skip
            reference = row.integer("cycles_no_pim")
            scores.add("cycles_no_pim", row, reference, stream_cycles(DEVICE.dram, kernel), label)
            banks = stream_cycles_by_banks(DEVICE.dram, kernel)
            scores.add("cycles_no_pim_bank_engine", row, reference, banks, label)
            progress(done + 1, len(rows))


def kernel_of(row: Row) -> Kernel:
    """The kernel of a row; element-wise kernels have one dimension."""
    columns = row.integer("in_dim") if row.text("kernel") == "GEMV" else 1
    return Kernel(row.text("kernel"), row.integer("out_dim"), columns, row.integer("batch"))
