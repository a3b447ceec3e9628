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

merged = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=True)
"""The same, merged into its callers when machine code is made: for what runs at every event."""


@intrinsic
def _first_word(typingctx, array):
    def codegen(context, builder, signature, args):
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return POINTER(array), codegen


words: Any = _first_word
"""Pointer to the first word of an int64 array."""
