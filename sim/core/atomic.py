"""Writing files so that they appear whole or not at all: under a temporary name beside the destination, then renamed.

Several files given together are all written before the first is renamed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from sim.core.errors import InputError, Place, Problem


def write_files(files: Mapping[Path, Iterable[str | bytes]]) -> None:
    """Write chunks to each path (text as UTF-8 with ``\\n`` line ends), making folders as needed.

    Raises InputError naming the file that cannot be written; then none of them has changed.
    """
    written: dict[Path, str] = {}
    target = Path()
    try:
        for target, chunks in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
                written[target] = file.name
                file.writelines(chunk.encode() if isinstance(chunk, str) else chunk for chunk in chunks)
            os.chmod(written[target], _mode(target))
        for target in files:
            os.replace(written[target], target)
            del written[target]
    except OSError as error:
        raise InputError([Problem(f"cannot write the file: {error.strerror or error}", Place(str(target)))]) from error
    finally:
        for name in written.values():
            if os.path.exists(name):
                os.unlink(name)


def _mode(target: Path) -> int:
    """The mode of the file that is replaced, or what the umask leaves of rw for all."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
