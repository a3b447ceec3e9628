"""The collective kind: what one rank's operand and result must hold, and what is refused."""

from __future__ import annotations

import pytest

from sim import load_architecture, simulate
from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.expand import OperatorInstance, expand
from sim.trace.model import Trace
from sim.trace.work import CollectiveWork


def one_collective(function: str, ranks: int, elements: int, given: int, left: int, **attributes: str) -> Trace:
    builder = TraceBuilder("one_collective")
    x = builder.activation("x", (given,))
    y = builder.activation("y", (left,))
    builder.op("exchange", "collective", {"elements": elements, "ranks": ranks}, {"x": x}, y,
               {"function": function, **attributes})  # fmt: skip
    return builder.build([y])


@pytest.mark.parametrize(
    ("function", "given", "left"),
    [("all_reduce", 1024, 1024), ("all_gather", 128, 1024), ("reduce_scatter", 1024, 128), ("all_to_all", 1024, 1024),
     ("broadcast", 1024, 1024), ("send_recv", 1024, 1024)],
)  # fmt: skip
def test_each_function_has_its_sizes_and_no_others(function: str, given: int, left: int) -> None:
    trace = one_collective(function, 8, 1024, given, left, group="ep")
    event = next(expand(trace))
    assert isinstance(event, OperatorInstance)
    assert event.work == CollectiveWork(function, 1024, 8, "ep")
    with pytest.raises(InputError, match="elements, the dimensions need"):
        one_collective(function, 8, 1024, given + 1, left)
    with pytest.raises(InputError, match="elements, the dimensions need"):
        one_collective(function, 8, 1024, given, left + 1)


def test_a_part_that_does_not_divide_is_the_larger_one() -> None:
    one_collective("all_gather", 3, 10, 4, 10)


@pytest.mark.parametrize("function", ["allreduce", ""])
def test_unknown_functions_are_refused(function: str) -> None:
    with pytest.raises(InputError, match="function must be one of all_gather"):
        one_collective(function, 8, 1024, 1024, 1024)


def test_a_single_chip_refuses_a_collective() -> None:
    with pytest.raises(InputError, match="joins no chips"):
        simulate(one_collective("all_reduce", 8, 1024, 1024, 1024), load_architecture("tpu_v4"))
