"""Writing files so that they appear whole or not at all: under a temporary name beside the destination, then renamed.

Several files given together are all written before the first is renamed. A device, a pipe, and what stands for an open file
(``/dev/stdout``) are written into where they are: renaming would put a file in their place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sim.core.errors import InputError, Place, Problem, Problems


def check_writable(paths: Iterable[Path]) -> None:
    """Raise InputError with every file that could not be written, before work is spent on what goes into it.

    What is there already is replaced, unless it is a folder; the nearest folder that exists has to be one and to be
    open for writing.
    """
    problems = Problems()
    for path in paths:
        folder = path.parent
        try:
            while not folder.exists() and folder != folder.parent:
                folder = folder.parent
            reason = _obstacle(path, folder)
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error)
        if reason is not None:
            problems.add(f"cannot write the file: {reason}", Place(str(path)))
    problems.raise_if_any()


def _obstacle(path: Path, folder: Path) -> str | None:
    if path.is_dir():
        return "there is a folder of this name"
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if path.is_symlink() and not path.exists():
        return "it is a link to nothing, or to itself"
    if _stays(path):
        return None if os.access(path, os.W_OK) else "it cannot be written to"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} cannot be written to"


def _stays(path: Path) -> bool:
    """Is it there already, and no file that another may replace?"""
    if not path.exists():
        return False
    of_process = path.is_symlink() and os.readlink(path).startswith("/proc/")
    return of_process or not path.is_file() or os.path.realpath(path.parent).startswith("/proc/")


def write_files(files: Mapping[Path, Iterable[str | bytes]]) -> None:
    """Write chunks to each path (text as UTF-8 with ``\\n`` line ends), making folders as needed.

    Raises InputError naming the file that cannot be written; then none of them has changed.
    """
    check_writable(files)
    written: dict[Path, str] = {}
    target = Path()
    try:
        for target, chunks in files.items():
            if _stays(target):
                with open(target, "ab") as there:
                    there.writelines(_as_bytes(chunks))
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
                written[target] = file.name
                file.writelines(_as_bytes(chunks))
            os.chmod(written[target], _mode(target))
        for target in list(written):
            os.replace(written[target], target)
            del written[target]
    except OSError as error:
        raise InputError([Problem(f"cannot write the file: {error.strerror or error}", Place(str(target)))]) from error
    finally:
        for name in written.values():
            if os.path.exists(name):
                os.unlink(name)


def _as_bytes(chunks: Iterable[str | bytes]) -> Iterator[bytes]:
    return (chunk.encode() if isinstance(chunk, str) else chunk for chunk in chunks)


def _mode(target: Path) -> int:
    """The mode of the file that is replaced, or what the umask leaves of rw for all."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
