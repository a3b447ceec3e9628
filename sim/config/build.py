"""A resolved document -> the frozen :class:`~sim.config.architecture.Architecture`, or all of its problems.

A mapping with ``kind:`` is a component, one without is a group; ``links:`` in a group (or at the top) is its list of
links. What a kind's keys mean is said by its spec; here stand the rules between them: names, clocks, counts, links.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, cast

from sim.config.architecture import Architecture, ComponentNode, GroupNode, LinkNode, document_sha256
from sim.config.check import check
from sim.config.document import GROUP_KEYS, HEADER_KEYS
from sim.config.fields import read_frequency
from sim.config.header import GroupKeys, Header
from sim.config.link_ends import Joined, judge_ends
from sim.config.spec import ComponentSpec, LinkSpec, components, links, spec_class
from sim.config.yaml_source import Located
from sim.core.errors import Place, Problems
from sim.core.registry import Registry

MAX_INSTANCES = 2**20
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
_NAME_RULE = "a letter or _, then letters, digits, _ or - (64 at most)"


def build_architecture(document: Located, file: str) -> Architecture:
    """Validate ``document`` (from :mod:`sim.config.document`); raises InputError with every problem at once."""
    builder = _Builder(document)
    builder.read()
    builder.problems.raise_if_any()
    header = builder.header
    assert header is not None
    plain: dict[str, Any] = document.plain()
    return Architecture(
        name=header.name,
        description=header.description,
        sources=(header.sources,) if isinstance(header.sources, str) else tuple(header.sources),
        technology=header.technology,
        clocks=header.clocks,
        components=tuple(builder.components.values()),
        links=tuple(builder.links),
        groups=tuple(builder.groups.values()),
        policy=header.policy,
        energy=header.energy,
        sha256=document_sha256(plain),
        document=plain,
        file=file,
        places=dict(_places(document)),
    )


def _places(document: Located) -> Iterator[tuple[str, Place]]:
    """Dotted path and place of what later layers check: the technology, and all under ``policy`` and ``energy``."""
    for path, place in document.places():
        if path and path[0] in ("technology", "policy", "energy"):
            yield ".".join(map(str, path)), place


class _Builder:
    """Walks the document once, collecting nodes and problems; links are resolved when all components are known."""

    def __init__(self, document: Located) -> None:
        self.document = document
        self.problems = Problems()
        self.header: Header | None = None
        self.components: dict[str, ComponentNode] = {}
        self.groups: dict[str, GroupNode] = {}
        self.links: list[LinkNode] = []
        self._declared: set[str] = set()
        self._pending: list[tuple[Located, str, tuple[int, ...], int]] = []
        self._joined: list[Joined] = []
        self._uncounted = False
        self._clocks: Mapping[str, Fraction | None] = {}

    def read(self) -> None:
        top = self.document
        keys = [key for key in top.value if key in HEADER_KEYS]
        self._clocks = self._read_clocks(top)
        self.header = check(Header, top, keys, "the architecture", self.problems)
        members = [key for key in top.value if key not in HEADER_KEYS and key != "links"]
        for key in members:
            self._read_member(key, top.value[key], "", (), [*HEADER_KEYS, "extends", "links"])
        self._read_links(top, "", ())
        if not self._declared and not self.problems:
            self.problems.add("the architecture declares no component", top.place)
        for pending in self._pending:
            self._read_link(*pending)
        if self.problems and not self._uncounted:  # a sound file's ends are judged when it is laid out
            unread = self._declared - set(self.components)
            for joined in self._joined:
                judge_ends(joined, self.components, unread, self.problems)

    def _read_clocks(self, top: Located) -> Mapping[str, Fraction | None]:
        """The declared clocks; None for one that is wrong itself, which :class:`Header` reports."""
        section = top.value.get("clocks")
        if section is None or not isinstance(section.value, dict):
            return {}
        found: dict[str, Fraction | None] = {}
        for name, item in section.value.items():
            self._check_name(name, item.place, "clock")
            try:
                found[name] = read_frequency(item.value)
            except ValueError:
                found[name] = None
        return found

    def _read_member(
        self, name: str, node: Located, group: str, counts: tuple[int, ...], other_keys: list[str]
    ) -> None:
        path = f"{group}.{name}" if group else name
        if not isinstance(node.value, dict):
            self._stray(name, node, group, other_keys)
            return
        self._check_name(name, node.place, "component" if "kind" in node.value else "group")
        if "kind" in node.value:
            self._declared.add(path)
            self._read_component(path, node, group, counts)
        else:
            self._read_group(path, node, counts)

    def _stray(self, name: str, node: Located, group: str, other_keys: list[str]) -> None:
        where = f"group {group}" if group else "the top level"
        if node.value is None:
            self.problems.add(f"{name} in {where} is empty; a component has a kind, a group has members", node.place)
            return
        message = f"unknown key in {where}; a component or a group is a mapping"
        self.problems.add(message, node.place, found=name, allowed=other_keys, suggest_for=name)

    def _read_group(self, path: str, node: Located, counts: tuple[int, ...]) -> None:
        own_keys = [key for key in node.value if key in GROUP_KEYS and key != "links"]
        keys = check(GroupKeys, node, own_keys, f"group {path}", self.problems)
        members = {key: item for key, item in node.value.items() if key not in GROUP_KEYS}
        if not any(isinstance(item.value, dict) for item in members.values()):
            found = ", ".join(members) or None
            message = f"{path} is an empty group: it has neither a kind (as a component) nor components in it"
            self.problems.add(message, node.place, found=found, allowed=["kind"], suggest_for=next(iter(members), ""))
            return
        self._uncounted |= keys is None
        inner = (*counts, keys.count if keys is not None else 1)
        self.groups[path] = GroupNode(path, inner, node.place)
        for key, item in members.items():
            self._read_member(key, item, path, inner, [*GROUP_KEYS, "kind"])
        self._read_links(node, path, inner)

    def _read_component(self, path: str, node: Located, group: str, counts: tuple[int, ...]) -> None:
        spec = self._read_spec(components, links, path, node)
        clock = self._clock(node, path)
        if spec is None:
            return
        own = (*counts, spec.count)
        self._check_total(own, node, path)
        self.components[path] = ComponentNode(path, str(node.value["kind"].value), spec, own, group, clock, node.place)

    def _read_spec(
        self, registry: Registry[Any], other: Registry[Any], path: str, node: Located
    ) -> ComponentSpec | None:
        kind = node.value["kind"]
        if not isinstance(kind.value, str):
            self.problems.add(f"{path}: kind: expected a {registry.what}", kind.place, found=kind.plain())
            return None
        if kind.value not in registry:
            hint = f" (it is a {other.what})" if kind.value in other else ""
            self.problems.add(
                f"{path}: unknown {registry.what}{hint}",
                kind.place,
                found=kind.value,
                allowed=registry.names(),
                suggest_for=kind.value,
            )
            return None
        keys = [key for key in node.value if key != "kind"]
        what = f"{path} ({kind.value})"
        return check(spec_class(registry, kind.value), node, keys, what, self.problems)

    def _clock(self, node: Located, path: str) -> Fraction | None:
        written = node.value.get("clock")
        if written is None or not isinstance(written.value, str):
            return None
        name, place = written.value, written.place
        if name in self._clocks:
            return self._clocks[name]
        try:
            return read_frequency(name)
        except ValueError as error:
            if name[:1].isdecimal():
                self.problems.add(f"{path}: clock: {error}", place, found=name)
            else:
                message = f"{path}: clock: neither declared under `clocks:` nor a frequency"
                self.problems.add(message, place, found=name, allowed=self._clocks, suggest_for=name)
        return None

    def _read_links(self, node: Located, group: str, counts: tuple[int, ...]) -> None:
        section = node.value.get("links")
        if section is None or section.value is None:
            return
        if not isinstance(section.value, list):
            message = f"{group or 'the top level'}: links: expected a list of links, each with kind and connects"
            self.problems.add(message, section.place)
            return
        for index, item in enumerate(section.value):
            self._pending.append((item, group, counts, index))

    def _read_link(self, node: Located, group: str, counts: tuple[int, ...], index: int) -> None:
        start = f"{group}." if group else ""
        path = f"{start}links.{index}"
        if not isinstance(node.value, dict) or "kind" not in node.value:
            self.problems.add(f"{path}: a link needs the key 'kind'", node.place, allowed=links.names())
            return
        what = f"{path} ({node.value['kind'].plain()})"
        spec = self._read_spec(links, components, path, node)
        name = node.value.get("name")
        if name is not None and isinstance(name.value, str):
            path = f"{start}{name.value}"
            self._check_link_name(name.value, path, name.place)
        connects = self._endpoints(node, group, path)
        clock = self._clock(node, path)
        kind = str(node.value["kind"].plain())
        if kind in links:
            known = connects if connects and len(connects) == len(_listed(node)) else None
            model = cast(type[LinkSpec], spec_class(links, kind))
            self._joined.append(Joined(node, what, model, self._first_copy(group, counts), known))
        if not isinstance(spec, LinkSpec):
            return
        own = (*counts, spec.count)
        self._check_total(own, node, path)
        self.links.append(LinkNode(path, kind, spec, own, group, connects, clock, node.place, node))

    def _first_copy(self, group: str, counts: tuple[int, ...]) -> str:
        """Instance path of the first copy of a group."""
        names = zip(group.split("."), counts, strict=False)
        return ".".join(name if count == 1 else f"{name}[0]" for name, count in names)

    def _copies(self, component: str, group: str) -> int:
        """Copies of a component inside one copy of ``group``."""
        around = self.groups[group].total if group else 1
        return self.components[component].total // around

    def _check_link_name(self, name: str, path: str, place: Place) -> None:
        self._check_name(name, place, "link")
        if path in self._declared or path in self.groups or any(path == link.path for link in self.links):
            self.problems.add("a component, group or link of this name is there already", place, found=path)

    def _endpoints(self, node: Located, group: str, path: str) -> tuple[str, ...]:
        """The declared paths under ``connects`` that are there; problems tell the others."""
        resolved: list[str] = []
        for item in (one for one in _listed(node) if isinstance(one.value, str)):
            candidates = [f"{group}.{item.value}", item.value] if group else [item.value]
            target = next((candidate for candidate in candidates if candidate in self._declared), None)
            if target is None:
                self._unknown_endpoint(item.value, candidates, group, path, item.place)
            elif target in resolved:
                self.problems.add(f"{path}: connects a component twice", item.place, found=item.value)
            else:
                resolved.append(target)
        alone = resolved[0] if len(_listed(node)) == len(resolved) == 1 else None
        if alone in self.components and self._copies(alone, group) < 2:
            message = f"{path}: connects: at least 2 items, or one with copies"
            section = node.at(["connects"])
            self.problems.add(message, section.place, found=section.plain())
        return tuple(resolved)

    def _unknown_endpoint(self, name: str, candidates: list[str], group: str, path: str, place: Place) -> None:
        if any(candidate in self.groups for candidate in candidates):
            self.problems.add(f"{path}: a link connects components; this is a group", place, found=name)
            return
        inside = f"{group}." if group else ""
        allowed = [declared.removeprefix(inside) for declared in self._declared]
        self.problems.add(
            f"{path}: connects an unknown component", place, found=name, allowed=allowed, suggest_for=name
        )

    def _check_total(self, counts: tuple[int, ...], node: Located, path: str) -> None:
        if math.prod(counts) > MAX_INSTANCES:
            message = f"{path}: absurdly many copies; at most {MAX_INSTANCES} of one component or link"
            self.problems.add(message, node.at(["count"]).place, found=" x ".join(map(str, counts)))
            self._uncounted = True

    def _check_name(self, name: str, place: Place, what: str) -> None:
        if not _NAME.match(name):
            self.problems.add(f"not a name for a {what}", place, found=name, allowed=_NAME_RULE)


def _listed(link: Located) -> list[Located]:
    """What a link says that it connects, as far as that is a list."""
    section = link.value.get("connects")
    return section.value if section is not None and isinstance(section.value, list) else []
