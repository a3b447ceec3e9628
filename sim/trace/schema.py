"""The trace format as a JSON Schema, made from the registries, so that plug-in kinds are in it.

The schema describes one line of a file; the first line is a ``header``, the others are the other forms. What a schema
cannot say (scopes, order, sizes) is in :mod:`sim.trace.check`.
"""

from __future__ import annotations

from typing import Any

from sim.trace.bounds import MAX_COUNT, MAX_EXTENT
from sim.trace.check import REPEAT_OVER
from sim.trace.dtypes import plain_names
from sim.trace.fields import MAX_NAME
from sim.trace.kinds import OperatorKind, operator_kinds
from sim.trace.model import FORMAT, MAX_RANKS, PARALLEL, ROLES, VERSION


def trace_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line of a trace file."""
    forms = ("header", "tensor", "operator", "repeat", "end")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT} version {VERSION}: one line of the file",
        "oneOf": [_ref(form) for form in forms],
        "$defs": {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "extent": {
                "description": "a whole number, or a sum with loop indices such as '512 + step'",
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": MAX_EXTENT},
                    {"type": "string", "pattern": r"^[-+*\w\s]+$"},
                ],
            },
            "dimension": {"anyOf": [_ref("extent"), {"type": "array", "items": _ref("dimension")}]},
            "use": {"anyOf": [_ref("name"), _object({"tensor": _ref("name"), "elements": _ref("extent")})]},
            "uses": {"type": "array", "minItems": 1, "items": _ref("use")},
            "header": _header(),
            "tensor": _tensor(),
            "operator": _operator(),
            "repeat": _repeat(),
            "end": _object({"end": _ref("name")}),
        },
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _header() -> dict[str, Any]:
    strings = {"type": "array", "items": {"type": "string"}}
    return _object(
        {"format": {"const": FORMAT}, "version": {"const": VERSION}, "name": _ref("name")},
        {
            "description": {"type": "string"},
            "source": {"type": "string"},
            "outputs": strings,
            "notes": strings,
            "parallel": _object(
                {}, {name: {"type": "integer", "minimum": 1, "maximum": MAX_RANKS} for name in PARALLEL}
            ),
            "micro_batches": {"type": "integer", "minimum": 1, "maximum": MAX_RANKS},
        },
    )


def _tensor() -> dict[str, Any]:
    plain = {"enum": list(plain_names())}
    built = {"type": "string", "pattern": r"^((int|fp)\d+_g\d+|bits\d+(\.\d+)?)$"}
    return _object(
        {
            "tensor": _ref("name"),
            "role": {"enum": list(ROLES)},
            "dtype": {"anyOf": [plain, built]},
            "shape": {"type": "array", "items": _ref("extent")},
        }
    )


def _repeat() -> dict[str, Any]:
    index = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}
    return _object(
        {"repeat": index, "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}},
        {"over": {"enum": list(REPEAT_OVER)}, "carry": {"type": "object", "additionalProperties": _ref("name")}},
    )


def _operator() -> dict[str, Any]:
    names = operator_kinds.names()
    table = {"type": "object"}
    form = _object(
        {"op": _ref("name"), "kind": {"enum": list(names)}, "dims": table, "inputs": table, "outputs": _ref("uses")},
        {"attributes": table},
    )
    return form | {"allOf": [_of_kind(name, operator_kinds.get(name)) for name in names]}


def _of_kind(name: str, kind: type[OperatorKind]) -> dict[str, Any]:
    """If the operator is of this kind, then its dimensions, ports and attributes are the kind's."""
    needed = {dim: _ref("extent") for dim, default in kind.dims.items() if default is None}
    defaulted = {dim: _ref("extent") for dim, default in kind.dims.items() if default is not None}
    lists = {dim: {"type": "array", "items": _ref("dimension")} for dim in kind.lists}
    properties = {
        "dims": _object(needed | lists, defaulted),
        "inputs": _object(
            {port: _ref("uses") for port in kind.ports}, {port: _ref("uses") for port in kind.optional_ports}
        ),
        "attributes": _object({}, {attribute: {} for attribute in kind.attributes}),
    }
    description = (kind.__doc__ or "").strip().partition("\n")[0]
    return {
        "if": {"properties": {"kind": {"const": name}}},
        "then": {"description": description, "properties": properties},
    }
