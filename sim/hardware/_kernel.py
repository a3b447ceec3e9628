"""How kernels are compiled: when their module is imported, kept on disk, and without reference counts.

Numba counts references to an array whenever a compiled function passes it on, with an atomic instruction each time; a
kernel that spends 20 ns on an event then spends 50 more on counting. Kernels allocate nothing and keep no array beyond the
call, so there is nothing to count. (numba's own library compiles its allocation-free helpers with this option.)
"""

from __future__ import annotations

from functools import partial

from numba import njit

kernel = partial(njit, cache=True, _nrt=False)
"""``@kernel(signature)``; functions that are inlined into kernels are ``@njit(inline="always")``."""
