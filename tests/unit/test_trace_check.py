"""The checker: scopes, order, carries, persistent tensors, growth over iterations, sizes of operands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.core.errors import InputError
from sim.trace.affine import affine
from sim.trace.bounds import corners, extent_range
from sim.trace.builder import TraceBuilder, part

Write = Callable[[TraceBuilder], None]


def relu(b: TraceBuilder, name: str, x: str, y: str, elements: int = 4) -> None:
    b.op(name, "elementwise", {"elements": elements}, {"x": x}, y, {"function": "relu"})


def used_outside(b: TraceBuilder) -> None:
    with b.repeat("i", 2):
        b.activation("inner", (4,))
        relu(b, "r", "x", "inner")
    relu(b, "after", "inner", "y")


def used_before(b: TraceBuilder) -> None:
    relu(b, "early", "y", "z")
    relu(b, "late", "x", "y")


def written_after_read(b: TraceBuilder) -> None:
    relu(b, "one", "x", "y")
    relu(b, "two", "y", "z")
    relu(b, "three", "x", "y")


def never_produced_in_block(b: TraceBuilder) -> None:
    with b.repeat("i", 2):
        b.activation("inner", (4,))
        relu(b, "r", "inner", "y")


def shadowed(b: TraceBuilder) -> None:
    with b.repeat("i", 2):
        b.activation("x", (4,))
    relu(b, "r", "x", "y")


def carry_sizes(b: TraceBuilder) -> None:
    with b.repeat("i", 2, carry={"x": "inner"}):
        b.activation("inner", (5,))
        relu(b, "r", "x", "inner", 5)


def carry_types(b: TraceBuilder) -> None:
    with b.repeat("i", 2, carry={"x": "inner"}):
        b.activation("inner", (4,), "fp32")
        relu(b, "r", "x", "inner")


def carry_unknown(b: TraceBuilder) -> None:
    with b.repeat("i", 2, carry={"xx": "inne"}):
        b.activation("inner", (4,))
        relu(b, "r", "x", "inner")


def carry_unproduced(b: TraceBuilder) -> None:
    with b.repeat("i", 2, carry={"x": "inner"}):
        b.activation("inner", (4,))
        b.activation("other", (4,))
        relu(b, "r", "x", "other")


def carry_of_weight(b: TraceBuilder) -> None:
    with b.repeat("i", 2, carry={"x": "w"}):
        b.weight("w", (4,))
        relu(b, "r", "x", "w")


def shrinks_to_nothing(b: TraceBuilder) -> None:
    with b.repeat("i", 5, "steps"):
        b.activation("inner", (affine(4, i=-1),))
        relu(b, "r", "x", "inner")


def grows_out_of_its_tensor(b: TraceBuilder) -> None:
    b.tensor("cache", (10,), "kv_cache")
    with b.repeat("i", 4, "steps"):
        grown = affine(7, i=1)
        b.op("append", "copy", {"elements": grown}, {"x": "x"}, part("cache", grown))
        b.op("wrong", "copy", {"elements": affine(8, i=1)}, {"x": "x"}, part("cache", affine(8, i=1)))


def size_wrong_in_the_last_iteration_only(b: TraceBuilder) -> None:
    with b.repeat("i", 3, "steps"):
        b.activation("inner", (affine(4, i=1),))
        relu(b, "r", "x", "inner")


def weight_that_grows(b: TraceBuilder) -> None:
    with b.repeat("i", 3, "steps"):
        b.weight("w", (affine(4, i=1),))
        relu(b, "r", "x", "w")


def weight_declared_twice_otherwise(b: TraceBuilder) -> None:
    for count in (2, 3):
        with b.repeat("layer", count):
            b.weight("w", (4,))
            b.activation(f"y{count}", (4,))
            relu(b, f"r{count}", "w", f"y{count}")


def same_index_twice(b: TraceBuilder) -> None:
    with b.repeat("i", 2), b.repeat("i", 2):
        b.activation("inner", (4,))
        relu(b, "r", "x", "inner")


def absurd_work(b: TraceBuilder) -> None:
    big = 2**40
    for name in "uvo":
        b.activation(name, (big,))
    b.op("g", "gemm", {"m": big, "n": big, "k": 1}, {"a": "u", "b": "v"}, "o")


def absurd_tensor(b: TraceBuilder) -> None:
    b.weight("w", (2**30, 2**30))
    relu(b, "r", "w", "y")


def list_of_the_wrong_form(b: TraceBuilder) -> None:
    b.op("s", "attention_softmax", {"heads": 1, "requests": [4]}, {"x": "x"}, "y")


def no_outputs(b: TraceBuilder) -> None:
    b.op("s", "copy", {"elements": 4}, {"x": "x"}, [])


def several_outputs(b: TraceBuilder) -> None:
    b.op("g", "gemm", {"m": 1, "n": 9, "k": 4}, {"a": "x", "b": "w49"}, ["y", "z"])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (used_outside, "outside the block 'i'"),
        (used_before, "operator 'late' produces 'y', which operator 'early' uses before it"),
        (written_after_read, "operator 'three' writes 'y' after operator 'two' has read it"),
        (never_produced_in_block, "'inner', which nothing has produced in this iteration"),
        (shadowed, "tensor 'x' is already declared"),
        (carry_sizes, "differ: 4 and 5 elements"),
        (carry_types, "of bf16 and fp32"),
        (carry_unknown, "the tensor to carry on is not declared in the block; found inne"),
        (carry_unproduced, "carries 'inner', which nothing in it produces"),
        (carry_of_weight, "lives for the whole run"),
        (shrinks_to_nothing, "must be at least 1 in every iteration, falls to 0"),
        (grows_out_of_its_tensor, "operator 'wrong': uses 11 elements of 'cache', which has 10"),
        (size_wrong_in_the_last_iteration_only, "outputs hold 6 elements, the dimensions need 4 at i = 2"),
        (weight_that_grows, "its shape cannot depend on i"),
        (weight_declared_twice_otherwise, "declared before with another role, type, shape or layers"),
        (same_index_twice, "in use by an enclosing block"),
        (absurd_work, "operator 'g': absurdly large"),
        (absurd_tensor, "tensor 'w' is absurdly large"),
        (list_of_the_wrong_form, "wrong form for this kind"),
        (no_outputs, "has no outputs"),
        (several_outputs, "outputs hold 8 elements, the dimensions need 9"),
    ],
)
def test_what_is_wrong_is_told(write: Write, message: str) -> None:
    builder = TraceBuilder("t")
    builder.activation("x", (4,))
    builder.activation("y", (4,))
    builder.activation("z", (4,))
    builder.weight("w49", (4, 9))
    write(builder)
    with pytest.raises(InputError) as caught:
        builder.build()
    assert message in str(caught.value)


def test_only_the_wrong_use_of_a_growing_cache_is_reported() -> None:
    builder = TraceBuilder("t")
    builder.activation("x", (4,))
    grows_out_of_its_tensor(builder)
    with pytest.raises(InputError) as caught:
        builder.build()
    assert {problem.message.split(":")[0] for problem in caught.value.problems} == {"operator 'wrong'"}


def test_an_index_may_be_new_in_every_iteration_and_a_cache_read_before_it_is_written() -> None:
    builder = TraceBuilder("t")
    table = builder.weight("table", (10, 4))
    with builder.repeat("step", 3, "steps"):
        ids = builder.tensor("ids", (2,), "index", "int32")
        cache = builder.tensor("cache", (8,), "kv_cache")
        row = builder.activation("row", (2, 4))
        out = builder.activation("out", (8,))
        builder.op("embed", "embedding", {"rows": 2, "width": 4}, {"table": part(table, 8), "index": ids}, row)
        builder.op("add", "elementwise", {"elements": 8}, {"x": row, "y": cache}, out, {"function": "add"})
        builder.op("append", "copy", {"elements": 8}, {"x": out}, cache)
    assert builder.build().name == "t"


def test_the_same_weights_may_be_declared_by_two_passes() -> None:
    builder = TraceBuilder("t")
    builder.activation("x", (4,))
    for name in ("prefill", "decode"):
        with builder.repeat("layer", 2):
            builder.weight("w", (4,))
            builder.activation(name, (4,))
            relu(builder, f"{name}.relu", "w", name)
    assert len(list(builder.build().operators())) == 2


def test_extremes_of_an_extent_are_at_the_ends_of_the_loops() -> None:
    loops = (("i", 3), ("j", 4), ("k", 9))
    extent = affine(10, i=2, j=-1)
    values = [extent.at({"i": i, "j": j}) for i in range(3) for j in range(4)]  # type: ignore[union-attr]
    assert extent_range(extent, loops) == (min(values), max(values))
    visited = {extent.at(indices) for indices in corners(loops, {"i", "j"})}  # type: ignore[union-attr]
    assert {min(values), max(values)} <= visited
    assert len(list(corners(loops, {"i", "j"}))) == 4
