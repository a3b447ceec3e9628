"""What is wrong with memories is refused at once, each with its place in the file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from machines import machine

from sim.core.errors import InputError
from sim.hardware.memory.devices import DEVICES

FIVE = """
    name: wrong
    clocks: {core: 1 GHz}
    chip:
      vector: {kind: vector_unit, lanes: 4, clock: core}
      pad: {kind: scratchpad, capacity: 1 MiB, width: 64 B, clock: core}
      odd: {kind: dram, device: DDR4_3200, capacity: 1000000 B}
      order: {kind: dram, device: DDR4_3200, capacity: 1 GiB, mapping: rorabgbach}
      none: {kind: dram, device: HBM2_2000, capacity: 1 GiB, channels: 0}
      broken: {kind: dram, device: DDR4_broken, capacity: 1 GiB}
      wide: {kind: dram, device: DDR4_wide, capacity: 1 GiB}
"""


def test_five_wrong_memories_are_refused_together_each_at_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = DEVICES["DDR4_3200"]
    timing = dict(sound.timing) | {"tRAS": 60, "tRC": 40}
    broken = replace(sound, name="DDR4_broken", timing=timing)
    wide = replace(sound, name="DDR4_wide", ranks=8)
    rows = {one.name: one for one in (broken, wide)}
    monkeypatch.setattr("sim.hardware.memory.dram.DEVICES", {**DEVICES, **rows})
    with pytest.raises(InputError) as caught:
        machine(FIVE)
    said = {one.place.line: str(one) for one in caught.value.problems if one.place is not None}
    assert sorted(said) == [7, 8, 9, 10, 11] and len(caught.value.problems) == 5
    assert "does not divide over channels and rows" in said[7] and "multiples of 8192 bytes" in said[7]
    assert "needs each of ch, ra, bg, ba, ro, co once" in said[8] and "rorabgbach" in said[8]
    assert "channels" in said[9] and "0" in said[9]
    assert "tRAS exceeds tRC" in said[10]
    assert ":11:3: chip.wide (dram): DDR4_wide: banks of all ranks" in said[11]
    assert "found 128; allowed: 1 to 64" in said[11]
