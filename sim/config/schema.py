"""JSON Schema (draft 2020-12) of architecture files, over every registered component and link kind.

It serves editors and ``tilesim arch schema``: keys, types, units and descriptions. What relates one part of a file to
another (names of clocks, ends of links, rules across keys of a kind) is checked on loading only. A file that extends
another may leave anything out, so only its header is constrained.
"""

from __future__ import annotations

import inspect
from typing import Any

from pydantic.json_schema import models_json_schema

from sim.config.header import GroupKeys, Header
from sim.config.spec import FrozenSpec, components, links, spec_class
from sim.core.registry import Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MEMBER_NAME = "[A-Za-z_][A-Za-z0-9_-]{0,63}$"


def architecture_schema() -> dict[str, Any]:
    """The schema as plain data; deterministic, with every registered kind under ``$defs``."""
    kinds = [(registry, kind) for registry in (components, links) for kind in registry.names()]
    models: set[type[FrozenSpec]] = {Header, GroupKeys, *(spec_class(registry, kind) for registry, kind in kinds)}
    ordered = sorted(models, key=lambda model: (model.__module__, model.__qualname__))
    references, shared = models_json_schema([(model, "validation") for model in ordered])
    definitions: dict[str, Any] = shared["$defs"]
    generated = {model: definitions[_target(references[(model, "validation")])] for model in ordered}
    definitions = {
        **definitions,
        **{_name(registry, kind): _kind_schema(kind, generated, registry) for registry, kind in kinds},
        "component": _one_of_kinds(components),
        "link": _one_of_kinds(links),
        "member": _member_schema(),
        "group": _group_schema(generated[GroupKeys]["properties"]),
    }
    top = _top_schema(generated[Header])
    used = _reachable(top, definitions)
    named = {name: definitions[name] for name in sorted(used)}
    return {"$schema": DIALECT, "title": "tilesim architecture", **top, "$defs": named}


def _target(reference: Any) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _reachable(schema: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """Names of the definitions that ``schema`` refers to, directly or not."""
    found: set[str] = set()
    open_ends: list[Any] = [schema]
    while open_ends:
        here = open_ends.pop()
        if isinstance(here, dict):
            if isinstance(here.get("$ref"), str) and _target(here) not in found:
                found.add(_target(here))
                open_ends.append(definitions[_target(here)])
            open_ends.extend(here.values())
        elif isinstance(here, list):
            open_ends.extend(here)
    return found


def _name(registry: Registry[type[Any]], kind: str) -> str:
    return f"{'link' if registry is links else 'component'}.{kind}"


def _kind_schema(
    kind: str, generated: dict[type[FrozenSpec], dict[str, Any]], registry: Registry[type[Any]]
) -> dict[str, Any]:
    spec = spec_class(registry, kind)
    return {
        "type": "object",
        "description": inspect.getdoc(spec) or kind,
        "properties": {"kind": {"const": kind}, **generated[spec]["properties"]},
        "required": ["kind", *generated[spec].get("required", [])],
        "additionalProperties": False,
    }


def _member_schema() -> dict[str, Any]:
    return {
        "if": {"type": "object", "required": ["kind"]},
        "then": {"$ref": "#/$defs/component"},
        "else": {"$ref": "#/$defs/group"},
    }


def _one_of_kinds(registry: Registry[type[Any]]) -> dict[str, Any]:
    """The kind chooses the schema, so that an editor complains about the one kind that was meant."""
    choices = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"$ref": f"#/$defs/{_name(registry, kind)}"},
        }
        for kind in registry.names()
    ]
    return {
        "type": "object",
        "properties": {"kind": {"enum": list(registry.names()), "description": f"the {registry.what}"}},
        "required": ["kind"],
        "allOf": choices,
    }


def _group_schema(keys: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "a group of components and groups, replicated `count` times",
        "properties": {**keys, "links": _links()},
        "patternProperties": {_members_except([*keys, "links"]): {"$ref": "#/$defs/member"}},
        "additionalProperties": False,
    }


def _links() -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": "#/$defs/link"}, "description": "links between the components"}


def _members_except(keys: list[str]) -> str:
    return f"^(?!(?:{'|'.join(keys)})$)" + _MEMBER_NAME


def _top_schema(header: dict[str, Any]) -> dict[str, Any]:
    extends = {"type": "string", "description": "name or path of the architecture this one starts from"}
    keys = {**header["properties"], "extends": extends, "links": _links()}
    whole = {
        "required": header["required"],
        "patternProperties": {_members_except(list(keys)): {"$ref": "#/$defs/member"}},
        "additionalProperties": False,
        "properties": dict.fromkeys(keys, True),
    }
    return {"type": "object", "properties": keys, "if": {"not": {"required": ["extends"]}}, "then": whole}
