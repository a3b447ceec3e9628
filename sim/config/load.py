"""Loading an architecture by name or path; the one entry of this layer for everyone above."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import cast

from sim.config.architecture import Architecture
from sim.config.build import build_architecture
from sim.config.document import FOLDER, SUFFIXES, find_architecture, override, read_document
from sim.core.data_files import list_data
from sim.core.errors import Problems, all_of

NO_OVERRIDES: Mapping[str, object] = MappingProxyType({})


def load_architecture(
    path_or_name: str | PathLike[str], overrides: Mapping[str, object] = NO_OVERRIDES
) -> Architecture:
    """The architecture in a YAML file, or of a preset's name, with ``overrides`` (path -> value) applied.

    A name is looked up as a path, in the current folder, in each folder of ``$TILESIM_PATH``, then among the presets.
    Override values given as text are read as YAML. Raises :class:`~sim.core.errors.InputError` with every problem.
    """
    file = find_architecture(fspath(path_or_name))
    problems = Problems()
    document = override(read_document(file), overrides, problems)
    _, architecture = all_of(problems.raise_if_any, lambda: build_architecture(document, str(file)))
    return cast(Architecture, architecture)


def list_architectures() -> dict[str, Path]:
    """Name -> file of every architecture in ``$TILESIM_PATH`` and among the presets, sorted by name."""
    return list_data(FOLDER, SUFFIXES)
