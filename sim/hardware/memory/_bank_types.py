# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
"""Types of the bank kernels: plain pointers to int64, because array arguments cost two atomic reference counts a call.

A kernel that Python calls takes arrays and hands ``array.ctypes`` on; everything below works on pointers (no bounds, no
negative indices). ``moved`` is pointer arithmetic.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic

POINTER = types.CPointer(types.int64)


@intrinsic
def moved(typingctx, pointer, words):
    """``pointer`` moved on by ``words`` int64 words."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return POINTER(POINTER, types.int64), codegen
