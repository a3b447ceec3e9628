"""Loading compiled kernels: numba modules that are imported only by whoever runs them.

A kernel module's name starts with an underscore and nothing imports it at the top of a file, so ``import sim`` never
imports numba. Numba's on-disk cache does not notice an edited callee in another file, so the cache folder is named
after a hash of *all* kernel sources: any edit opens a fresh one. The folder lies in ``$TILESIM_CACHE`` or else in the
user's cache folder, or, where that cannot be written, in the temporary folder.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.core.errors import InputError, Problem

CACHE_VARIABLE = "TILESIM_CACHE"
_HARDWARE = Path(__file__).resolve().parent


@cache
def kernel_digest() -> str:
    """Hash of the text of every kernel source file of the hardware layer."""
    digest = hashlib.sha256()
    for path in sorted(_HARDWARE.rglob("_*.py")):
        if path.name != "__init__.py":
            digest.update(path.relative_to(_HARDWARE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where compiled kernels of this version of the sources are kept: the first of these that can be written."""
    root = os.environ.get(CACHE_VARIABLE)
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilesim"
    places = [Path(root) if root else user, Path(tempfile.gettempdir()) / f"tilesim-{os.getuid()}"]
    for place in places:
        folder = place / f"kernels-{kernel_digest()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    problem = Problem("no folder for compiled kernels can be written", found=", ".join(map(str, places)),
                      allowed=f"a folder named in ${CACHE_VARIABLE}")  # fmt: skip
    raise InputError([problem])


def load_kernels(name: str) -> ModuleType:
    """Import the kernel module ``name``, compiling it (said once on stderr) unless a cached compilation is there."""
    if name in sys.modules:
        return sys.modules[name]
    settings: Any = importlib.import_module("numba.core.config")

    folder = cache_folder()
    cold = not any(folder.rglob(f"{name.rpartition('.')[2]}.*.nbi"))
    if cold:
        print(f"tilesim: compiling {name.rpartition('.')[2]} (once; kept in {folder})", file=sys.stderr)
    before, started = settings.CACHE_DIR, time.perf_counter()
    settings.CACHE_DIR = str(folder)
    try:
        module = importlib.import_module(name)
    finally:
        settings.CACHE_DIR = before
    if cold:
        print(f"tilesim: compiled in {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return module
