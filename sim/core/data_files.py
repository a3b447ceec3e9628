"""Finding files by name: architectures, traces and other data that ship with the package or stand beside the user.

A name is looked up as a path, then in the current folder, in each folder of ``$TILESIM_PATH``, and in the data of the
package: the folders ``arch/`` and ``traces/`` next to the package in a checkout, ``sim/_data/`` in an installed wheel
(``setup.py`` puts them there). A name may leave out its suffix.

A file that names another (``beside`` is its folder) has less freedom than a user: no absolute paths, and only files with
one of the suffixes, so that an architecture from elsewhere cannot have any file of this machine opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sim.core.errors import InputError, Place, Problem, Problems

PATH_VARIABLE = "TILESIM_PATH"
_PACKAGE = Path(__file__).resolve().parent.parent


def package_folder(folder: str) -> Path:
    """Where the package keeps its own ``folder`` ("arch", "traces"): in the wheel, or else in the checkout."""
    shipped = _PACKAGE / "_data" / folder
    return shipped if shipped.is_dir() else _PACKAGE.parent / folder


def search_folders(folder: str, beside: Path | None = None) -> tuple[Path, ...]:
    """The folders searched for a name, in order; ``beside`` (the folder of a file that names another) comes first."""
    from_variable = [Path(entry) for entry in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if entry]
    first = [] if beside is None else [beside]
    return tuple(dict.fromkeys([*first, Path(), *from_variable, package_folder(folder)]))


def find_data(
    folder: str,
    name: str,
    suffixes: Sequence[str],
    *,
    what: str = "file",
    beside: Path | None = None,
    place: Place | None = None,
) -> Path:
    """The file called ``name`` (a path, or a name with or without one of ``suffixes``).

    Raises :class:`~sim.core.errors.InputError` with the nearest known name and every folder searched.
    """
    folders = search_folders(folder, beside)
    if beside is not None and Path(name).is_absolute():
        allowed = "a name, or a path relative to this file"
        raise InputError([Problem(f"a file cannot name another {what} by an absolute path", place, name, allowed)])
    for candidate in _candidates(name, suffixes, folders, from_user=beside is None):
        if _is_file(candidate):
            return candidate
    if beside is None and name and _is_folder(Path(name)):
        message = f"no {what} of this name, which is a folder's"
        raise InputError([Problem(message, place or Place(name), allowed="a file, or a name")])
    known = {found for searched in folders for found in _names_in(searched, suffixes)}
    shown = ", ".join("the current folder" if searched == Path() else str(searched) for searched in folders)
    problems = Problems()
    problems.add(
        f"no {what} of this name; searched {shown}", place, found=name, allowed=known, suggest_for=Path(name).name
    )
    problems.raise_if_any()
    raise AssertionError("unreachable")


def list_data(folder: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """Name -> file of all the data in ``$TILESIM_PATH`` and the package, sorted by name; the first found wins."""
    found: dict[str, Path] = {}
    for searched in search_folders(folder)[1:]:
        for name, path in _names_in(searched, suffixes).items():
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def _candidates(name: str, suffixes: Sequence[str], folders: Sequence[Path], *, from_user: bool) -> Iterator[Path]:
    if from_user:
        yield Path(name)
    for searched in folders:
        if from_user or name.endswith(tuple(suffixes)):
            yield searched / name
        for suffix in suffixes:
            yield searched / f"{name}{suffix}"


def _names_in(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return {}
    return {
        entry.name.removesuffix(suffix): entry
        for suffix in reversed(suffixes)
        for entry in entries
        if entry.name.endswith(suffix) and not entry.name.startswith(".")
    }


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
