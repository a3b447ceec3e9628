"""Attention of one HBM3 stack of AttAcc against its simulator's cached cycles (commit c600051), from our own commands.

130 heads of 128, one query each; ours is the mean over the 32 pseudo-channels (each does whole heads), theirs the whole.
"""

from __future__ import annotations

from typing import Any

import pytest

from sim.config.load import load_architecture
from sim.hardware.pim.pim_units import PimModel
from sim.mapping.pim_layout import PimLayout

CYCLES = {
    ("attacc_bank", 2049): (38_682, 5), ("attacc_bank", 4096): (77_969, 10),
    ("attacc_bg", 2049): (124_891, 10), ("attacc_bg", 4096): (248_207, 5),
    ("attacc_buffer", 4096): (725_887, 10),
}  # fmt: skip
"""Set and context: cycles, and how close ours must come in percent."""
HEADS, HEAD_DIM, CHANNELS, CLOCK_HZ = 130, 128, 32, 1_300_000_000


@pytest.mark.parametrize(("commands", "context"), sorted(CYCLES))
def test_attention_of_a_stack_takes_what_the_simulator_has(commands: str, context: int) -> None:
    changes: dict[str, Any] = {"chip.attacc.hbm.pim.commands": commands}
    model = PimModel(load_architecture("attacc", changes).component("chip.attacc.hbm").spec)
    layout = PimLayout(model)
    head_ps = sum(layout.weight_ps(make(1, HEAD_DIM, 1, context)) for make in (layout.scores, layout.values))
    cycles = head_ps * CLOCK_HZ / 10**12 * HEADS / CHANNELS
    reference, percent = CYCLES[commands, context]
    assert cycles == pytest.approx(reference, rel=percent / 100)


def test_units_never_beat_their_internal_bandwidth() -> None:
    for commands in ("attacc_bank", "attacc_bg", "attacc_buffer"):
        spec = load_architecture("attacc", {"chip.attacc.hbm.pim.commands": commands}).component("chip.attacc.hbm").spec
        model = PimModel(spec)
        work = PimLayout(model).product(1024, 4096, 1)
        peak = model.peak_macs_per_s() / model.channels
        assert sum(one.macs for one in work) <= peak * PimLayout(model).weight_ps(work) / 10**12
