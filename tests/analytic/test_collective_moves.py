"""What a collective takes from and leaves in a core's own scratchpad moves over the links inside the chip."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_chips import TOY

from sim import load_architecture, simulate
from sim.config.architecture import Architecture
from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

CROSSBAR = "    - {kind: crossbar, connects: [core.pad, hbm, comm], bandwidth: 1 TB/s}\n"
SLOW_BYTES_PER_S = 10**8


def chips(folder: Path, links: str) -> Architecture:
    """The toy chips with other ``links`` inside them; from each pad to ``comm`` leads a slow one, ``io``."""
    file = folder / "toy.yaml"
    file.write_text(TOY.replace(CROSSBAR, links))
    return load_architecture(file)


def between(function: str, sent: tuple[int, int], got: tuple[int, int]) -> Trace:
    """A product, an exchange of it, a product with what it gives: all of it fits the scratchpad."""
    builder = TraceBuilder("between", dtype="int8")
    x, a, b = (
        builder.activation("x", (sent[0], 64)),
        builder.weight("a", (64, sent[1])),
        builder.weight("b", (got[1], 32)),
    )
    made, given, end = (
        builder.activation("made", sent),
        builder.activation("given", got),
        builder.activation("end", (got[0], 32)),
    )
    whole = max(sent[0] * sent[1], got[0] * got[1])
    builder.op("first", "gemm", {"m": sent[0], "n": sent[1], "k": 64}, {"a": x, "b": a}, made)
    builder.op("exchange", "collective", {"elements": whole, "ranks": 4}, {"x": made}, given, {"function": function})
    builder.op("last", "gemm", {"m": got[0], "n": 32, "k": got[1]}, {"a": given, "b": b}, end)
    return builder.build([end])


@pytest.mark.parametrize(
    ("function", "sent", "got"),
    [("all_reduce", (64, 128), (64, 128)), ("all_to_all", (64, 128), (64, 128)), ("all_gather", (64, 32), (64, 128))],
)
def test_a_slow_link_between_scratchpad_and_the_other_chips_is_waited_for(
    tmp_path: Path, function: str, sent: tuple[int, int], got: tuple[int, int]
) -> None:
    links = ("    - {kind: crossbar, name: xbar, connects: [core.pad, hbm], bandwidth: 1 TB/s}\n"
             "    - {kind: point_to_point, name: io, connects: [core.pad, comm], bandwidth: 0.1 GB/s}\n")  # fmt: skip
    found = simulate(between(function, sent, got), chips(tmp_path, links))
    read, written = sent[0] * sent[1], got[0] * got[1]
    (row,) = [one for one in found.operators if one["name"] == "exchange"]
    assert row["bytes"] == {"chip[0].core.pad": {"read": read, "written": written}}
    slowest_ps = max(read, written) * 10**12 // SLOW_BYTES_PER_S
    assert slowest_ps <= row["time_s"] * 1e12 < slowest_ps + 10**7  # the messages launch in 5 us, and move beside it
    assert found.components["chip.io"]["actions"]["bytes"] == read + written
    moved = {(one["source"], one["destination"]): one["bytes"] for one in found.traffic}
    assert moved["chip.core.pad", "chip.comm"] == read and moved["chip.comm", "chip.core.pad"] == written
    assert found.components["chip.io"]["energy_j"]["dynamic"] > 0


def test_a_library_that_no_link_joins_to_its_chip_is_refused(tmp_path: Path) -> None:
    machine = chips(tmp_path, CROSSBAR.replace(", comm]", "]"))
    with pytest.raises(InputError) as caught:
        simulate(between("all_reduce", (64, 128), (64, 128)), machine)
    (problem,) = caught.value.problems
    assert str(problem).startswith(
        f"{tmp_path}/toy.yaml:10:3: no link leads from chip[0].core.pad and chip[0].hbm to chip[0].comm"
    )
    assert "allowed: a link in the group chip that `connects` chip.comm and a memory" in str(problem)
