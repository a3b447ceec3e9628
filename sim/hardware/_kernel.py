# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-overload"
"""What kernels are made of: functions on plain pointers to int64, behind one that Python calls.

Numba counts references to an array whenever a compiled function passes it on, with an atomic instruction each time: a
kernel that spends 20 ns on an event spends 50 more on counting. It also asks at every index whether it is negative. So a
kernel that Python calls takes arrays, has an explicit signature and hands ``words(array)`` on; everything below works on
pointers (no bounds, no negative indices).
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

POINTER = types.CPointer(types.int64)

inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy")
"""A function that only kernels call: compiled with the one that calls it and kept in its cache entry, not by itself."""

hot = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=True)
"""An inner kernel of the path of every event: a call costs as much as its work, so it has none, where machine code is made
(numba's own ``inline="always"`` runs no faster and compiles four times as long)."""


@intrinsic
def _words(typingctx, array):
    def codegen(context, builder, signature, args):
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return POINTER(array), codegen


@intrinsic
def _moved(typingctx, pointer, words):
    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return POINTER(POINTER, types.int64), codegen


@intrinsic
def _lowest(typingctx, bits):
    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), codegen


words: Any = _words
"""Pointer to the first word of an int64 array."""

moved: Any = _moved
"""A pointer moved on by a number of int64 words."""

lowest: Any = _lowest
"""The number of the lowest bit that is set (of a word that is not 0)."""
