"""Loading compiled kernels: numba modules that are imported only by whoever runs them.

A kernel module's name starts with an underscore and nothing imports it at the top of a file, so ``import sim`` never
imports numba. Numba's on-disk cache does not notice an edited callee in another file, so the cache folder is named
after a hash of *all* kernel sources: any edit opens a fresh one. The folder lies in ``$TILESIM_CACHE`` or else in the
user's cache folder; where neither can be written, kernels compile in every process.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

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
    """Where compiled kernels of this version of the sources are kept."""
    root = os.environ.get(CACHE_VARIABLE)
    if root:
        return Path(root) / f"kernels-{kernel_digest()}"
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(user) / "tilesim" / f"kernels-{kernel_digest()}"


def load_kernels(name: str) -> ModuleType:
    """Import the kernel module ``name``, compiling it (said once on stderr) unless a cached compilation is there."""
    if name in sys.modules:
        return sys.modules[name]
    settings: Any = importlib.import_module("numba.core.config")

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return importlib.import_module(name)
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
