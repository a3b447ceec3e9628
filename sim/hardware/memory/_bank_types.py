# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-overload"
"""Types of the bank kernels: plain pointers to int64, because array arguments cost two atomic reference counts a call.

A kernel that Python calls takes arrays, has an explicit signature and hands ``words(array)`` on; everything below is
``inner`` and works on pointers (no bounds, no negative indices). ``moved`` is pointer arithmetic.
"""

from __future__ import annotations

from numba import njit, types
from numba.extending import intrinsic

POINTER = types.CPointer(types.int64)

inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy")
"""A kernel that only kernels call: compiled with the one that calls it and kept in its cache entry, not by itself."""

hot = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=True)
"""An inner kernel of the path of every burst: a call costs as much as its work, so it has none (and compiles longer)."""


@intrinsic
def words(typingctx, array):
    """Pointer to the first word of an int64 array."""

    def codegen(context, builder, signature, args):
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return POINTER(array), codegen


@intrinsic
def moved(typingctx, pointer, words):
    """``pointer`` moved on by ``words`` int64 words."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return POINTER(POINTER, types.int64), codegen


@intrinsic
def lowest(typingctx, bits):
    """The number of the lowest bit that is set (of a word that is not 0)."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), codegen
