"""Several files and overrides -> one document: ``extends:`` and ``--set``.

``extends: name`` starts from another architecture and lays this one over it: mappings merge key by key, lists and
scalars are replaced, a key set to null is removed, and a component whose ``kind`` changes is replaced as a whole.
Every value keeps the place it came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.config.yaml_source import Located, locate, parse_yaml, read_yaml
from sim.core.data_files import find_data
from sim.core.errors import InputError, Place, Problems

FOLDER = "arch"
SUFFIXES = (".yaml", ".yml")
SECTIONS = ("clocks", "policy", "energy")
HEADER_KEYS = ("name", "description", "sources", "technology", "notes", *SECTIONS)
GROUP_KEYS = ("count", "links", "notes", "source")


def find_architecture(name: str, beside: Path | None = None, place: Place | None = None) -> Path:
    """The file of the architecture called ``name`` (a path or a name); see :mod:`sim.core.data_files`."""
    return find_data(FOLDER, name, SUFFIXES, what="architecture", beside=beside, place=place)


def read_document(path: Path) -> Located:
    """The document at ``path`` with everything it extends; the result has no ``extends`` key."""
    return _read_extended(path, ())


def _read_extended(path: Path, below: tuple[Path, ...]) -> Located:
    document = read_yaml(path)
    problems = Problems()
    if not isinstance(document.value, dict):
        found = "nothing" if document.value is None else type(document.value).__name__
        problems.add("an architecture file holds keys and values at its top level", document.place, found=found)
        problems.raise_if_any()
    base_name = document.value.get("extends")
    own = Located({key: item for key, item in document.value.items() if key != "extends"}, document.place)
    if base_name is None:
        return own
    if not isinstance(base_name.value, str):
        problems.add("extends: expected the name or path of an architecture", base_name.place, found=base_name.plain())
        problems.raise_if_any()
    base_path = find_architecture(base_name.value, path.parent, base_name.place)
    chain = (*below, path)
    if base_path.resolve() in [file.resolve() for file in chain]:
        names = " -> ".join(file.name for file in (*chain, base_path))
        problems.add("extends: the files extend each other in a circle", base_name.place, found=names)
        problems.raise_if_any()
    return merge(_read_extended(base_path, chain), own)


def merge(base: Located, over: Located) -> Located:
    """``over`` laid over ``base``; see the module's text for the rules."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)) or _kind_changes(base, over):
        return over
    merged: dict[str, Located] = dict(base.value)
    for key, item in over.value.items():
        if key not in merged:
            merged[key] = item
        elif item.value is None:
            del merged[key]
        else:
            merged[key] = merge(merged[key], item)
    return Located(merged, over.place)


def _kind_changes(base: Located, over: Located) -> bool:
    before, after = base.value.get("kind"), over.value.get("kind")
    return before is not None and after is not None and before.value != after.value


def apply_overrides(document: Located, overrides: Mapping[str, object]) -> Located:
    """``document`` with each ``path: value`` set. A text value is read as YAML, so "8" is a number; null removes.

    Raises InputError with every override that cannot be.
    """
    problems = Problems()
    changed = override(document, overrides, problems)
    problems.raise_if_any()
    return changed


def override(document: Located, overrides: Mapping[str, object], problems: Problems) -> Located:
    """As :func:`apply_overrides`, leaving out what cannot be and adding why to ``problems``."""
    for path, value in overrides.items():
        place = Place(f"--set {path}={value}")
        try:
            item = locate(parse_yaml(value, place.file).plain() if isinstance(value, str) else value, place)
        except InputError as error:
            problems.extend(error.problems)
            continue
        if not _is_plain(item):
            problems.add("only finite numbers, texts, booleans, lists and mappings can be set", place)
            continue
        changed = _set(document, str(path).split("."), item, in_group=True, top=True)
        if changed is None:
            known = [".".join(map(str, steps)) for steps, _ in document.places() if steps]
            problems.add("no such path in the architecture", place, found=path, allowed=known, suggest_for=path)
            continue
        document = changed
    return document


def _set(here: Located, steps: Sequence[str], item: Located, *, in_group: bool, top: bool = False) -> Located | None:
    """``here`` with ``item`` at ``steps``, or None when the path leads nowhere.

    A group takes only what it has already (or a whole new mapping); a component or a section takes any key, which the
    validation then judges with the place of the override.
    """
    step, rest = steps[0], steps[1:]
    if isinstance(here.value, list):
        return _set_in_list(here, step, rest, item)
    if not isinstance(here.value, dict) or not step:
        return None
    in_group = in_group and "kind" not in here.value
    present = here.value.get(step)
    if not rest:
        allowed = HEADER_KEYS if top else GROUP_KEYS
        if present is None and in_group and step not in allowed and not isinstance(item.value, dict):
            return None
        kept = {key: old for key, old in here.value.items() if key != step or item.value is not None}
        return Located(kept if item.value is None else {**kept, step: item}, here.place)
    if present is None:
        if in_group and not (top and step in SECTIONS):
            return None
        present = Located({}, item.place)
    changed = _set(present, rest, item, in_group=in_group and not (top and step in SECTIONS))
    return None if changed is None else Located({**here.value, step: changed}, here.place)


def _set_in_list(here: Located, step: str, rest: Sequence[str], item: Located) -> Located | None:
    if not step.isdecimal() or len(step) > 9 or int(step) >= len(here.value):
        return None
    items, index = list(here.value), int(step)
    changed = _set(items[index], rest, item, in_group=False) if rest else item
    if changed is None:
        return None
    items[index] = changed
    return Located(items, here.place)


def _is_plain(item: Located) -> bool:
    if isinstance(item.value, dict):
        return all(_is_plain(inner) for inner in item.value.values())
    if isinstance(item.value, list):
        return all(_is_plain(inner) for inner in item.value)
    if isinstance(item.value, float):
        return math.isfinite(item.value)
    return item.value is None or isinstance(item.value, (str, int, bool))
