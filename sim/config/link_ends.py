"""What a link's own keys say about the components that it connects, judged also where the rest of a file is wrong.

What is not known (components and groups that are wrong themselves) accuses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sim.config.architecture import ComponentNode, copies_of
from sim.config.check import tell_faults
from sim.config.sound import sound_values
from sim.config.spec import Fault, LinkSpec
from sim.config.yaml_source import Located
from sim.core.errors import Problems

_INDEX = re.compile(r"\[\d+\]")


class Joined(NamedTuple):
    """A link as far as it is known: what was ``written``, its name in messages, the first copy of the group it stands in,
    and the declared paths it ``connects``, None where one of them is wrong."""

    written: Located
    what: str
    model: type[LinkSpec]
    first_group: str
    connects: tuple[str, ...] | None


def unknown_endpoints(model: type[LinkSpec], sound: Mapping[str, Any], known: Collection[str]) -> Iterator[Fault]:
    """Faults of the names in a link's keys that are none of the ``known`` endpoints."""
    for name, steps in model.named_endpoints(sound).items():
        if name not in known:
            yield Fault(steps, f"{steps[0]}: not an endpoint of this link", name, known, name)


def judge_ends(
    joined: Joined, components: Mapping[str, ComponentNode], unread: Collection[str], problems: Problems
) -> None:
    """Add what is wrong between a link's keys and its ends; ``unread``: declared paths of components that are wrong."""
    keys = {key: item.plain() for key, item in joined.written.value.items() if key != "kind"}
    sound = sound_values(joined.model, keys)
    named = _paths(components[path] for path in joined.connects or components if path in components)
    unknown = [fault for fault in unknown_endpoints(joined.model, sound, named)
               if _INDEX.sub("", str(fault.found)) not in unread]  # fmt: skip
    tell_faults(unknown, joined.written, joined.what, problems)
    if joined.connects is not None and not any(path in unread for path in joined.connects):
        inside = f"{joined.first_group}." if joined.first_group else ""
        ends = [one for path in joined.connects for one in _inside(_paths([components[path]]), inside)]
        tell_faults(
            joined.model.faults_with(sound, tuple(ends[: sound.get("joins")])), joined.written, joined.what, problems
        )


def _paths(nodes: Iterable[ComponentNode]) -> list[str]:
    return [copy.path for node in nodes for copy in copies_of(node)]


def _inside(paths: list[str], inside: str) -> list[str]:
    return [path for path in paths if path.startswith(inside)] or paths
