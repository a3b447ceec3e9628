"""The architecture as every layer above reads it: frozen plain data, told by paths.

A path names a declaration (``chip.core.mxu``); an instance adds the index of each replicated level
(``chip.core[0].mxu[2]``). Two architectures are equal when their documents are: the sha256 is of the canonical JSON of
the document after ``extends`` and overrides, whatever its comments, the order of its keys and the name of its file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sim.config.policy import EnergyChoice, Policy
from sim.config.spec import ComponentSpec, LinkSpec
from sim.config.yaml_source import Located, dump_yaml
from sim.core.errors import Place


@dataclass(frozen=True)
class GroupNode:
    """A declared group. ``counts`` are the replication counts from the outermost group to this one."""

    path: str
    counts: tuple[int, ...]
    place: Place = field(compare=False)

    @property
    def total(self) -> int:
        """Number of copies of this group in the whole architecture."""
        return math.prod(self.counts)


@dataclass(frozen=True)
class ComponentNode:
    """A declared component. ``counts`` are those of the enclosing groups, outermost first, and its own last."""

    path: str
    kind: str
    spec: ComponentSpec
    counts: tuple[int, ...]
    group: str
    clock_hz: Fraction | None
    place: Place = field(compare=False)

    @property
    def total(self) -> int:
        """Number of instances in the whole architecture."""
        return math.prod(self.counts)


@dataclass(frozen=True)
class LinkNode:
    """A declared link. ``connects`` are declared paths of components; ``counts`` end with the link's own count; ``written``
    is the mapping it was read from, for the places of its keys."""

    path: str
    kind: str
    spec: LinkSpec
    counts: tuple[int, ...]
    group: str
    connects: tuple[str, ...]
    clock_hz: Fraction | None
    place: Place = field(compare=False)
    written: Located = field(compare=False)

    @property
    def total(self) -> int:
        """Number of instances in the whole architecture."""
        return math.prod(self.counts)


Node = ComponentNode | LinkNode


@dataclass(frozen=True)
class Instance:
    """One copy of a declared component or link.

    ``indices`` has one index per level that is replicated (count > 1), outermost first, as shown in ``path``.
    """

    path: str
    group: str
    node: Node
    indices: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Architecture:
    """A validated architecture. ``document`` is its resolved YAML as plain data, ``file`` where it was read.

    ``places``: where ``technology`` and all below ``policy:`` and ``energy:`` stand, by dotted path. ``kept``: a group and
    one of its copies, when the other copies are left out of :meth:`instances`.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    technology: str | None
    clocks: Mapping[str, Fraction]
    components: tuple[ComponentNode, ...]
    links: tuple[LinkNode, ...]
    groups: tuple[GroupNode, ...]
    policy: Policy
    energy: EnergyChoice
    sha256: str
    document: dict[str, Any]
    file: str
    places: Mapping[str, Place]
    kept: tuple[str, str] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def policy_place(self, key: str) -> Place:
        """Where ``policy.key`` stands; the file alone when it was left to its default."""
        return self.place_of(f"policy.{key}")

    def place_of(self, path: str) -> Place:
        """Where ``technology``, or what stands at a dotted path below ``policy`` and ``energy``, is; else the file alone."""
        return self.places.get(path, Place(self.file))

    def component(self, path: str) -> ComponentNode:
        """The component declared at ``path``; KeyError when there is none."""
        for node in self.components:
            if node.path == path:
                return node
        raise KeyError(path)

    def instances(self, node: Node) -> list[Instance]:
        """All copies of ``node``, in order of their indices, the innermost counting fastest."""
        found = copies_of(node)
        if self.kept is not None and f"{node.path}.".startswith(f"{self.kept[0]}."):
            return [one for one in found if one.path.startswith(f"{self.kept[1]}.")]
        return found


def copies_of(node: Node) -> list[Instance]:
    """All copies of ``node`` in the whole machine; see :meth:`Architecture.instances`."""
    levels = _levels(node)
    found = []
    for indices in itertools.product(*(range(count) for count in node.counts)):
        steps = [
            name if count == 1 else f"{name}[{index}]"
            for name, count, index in zip(levels, node.counts, indices, strict=True)
        ]
        shown = tuple(index for count, index in zip(node.counts, indices, strict=True) if count > 1)
        depth = len(node.group.split(".")) if node.group else 0
        found.append(Instance(".".join(steps), ".".join(steps[:depth]), node, shown))
    return found


def _levels(node: Node) -> list[str]:
    """The names along the path, one per count: each group, then the node's own name ("links.0" is one name)."""
    if not node.group:
        return [node.path]
    return [*node.group.split("."), node.path.removeprefix(f"{node.group}.")]


def document_sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces) of a resolved document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def to_yaml(architecture: Architecture) -> str:
    """The resolved document as YAML; reading it back gives the same sha256."""
    return dump_yaml(architecture.document)
