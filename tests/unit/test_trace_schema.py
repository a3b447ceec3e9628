"""The JSON Schema of trace files accepts the shipped traces and refuses lines with wrong keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sim.trace.kinds import operator_kinds
from sim.trace.schema import trace_schema

TRACES = Path(__file__).resolve().parents[2] / "traces"
SCHEMA = trace_schema()
TYPES = {"object": dict, "array": list, "string": str, "integer": int}


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """The part of JSON Schema that ours uses."""
    if "$ref" in schema and not valid(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]):
        return False
    if "type" in schema and (not isinstance(value, TYPES[schema["type"]]) or isinstance(value, bool)):
        return False
    checks = [
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "minimum" not in schema or value >= schema["minimum"],
        "maximum" not in schema or value <= schema["maximum"],
        "minItems" not in schema or len(value) >= schema["minItems"],
        "minLength" not in schema or len(value) >= schema["minLength"],
        "pattern" not in schema or re.search(schema["pattern"], value) is not None,
        "items" not in schema or all(valid(entry, schema["items"]) for entry in value),
        "anyOf" not in schema or any(valid(value, one) for one in schema["anyOf"]),
        "oneOf" not in schema or sum(valid(value, one) for one in schema["oneOf"]) == 1,
        all(valid(value, one) for one in schema.get("allOf", [])),
        "if" not in schema or not valid(value, schema["if"]) or valid(value, schema["then"]),
    ]
    return all(checks) and (not isinstance(value, dict) or valid_object(value, schema))


def valid_object(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return set(schema.get("required", [])) <= set(value) and all(
        valid(entry, properties[key]) if key in properties else others is True or (others and valid(entry, others))
        for key, entry in value.items()
    )


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_shipped_traces_follow_the_schema(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        assert valid(json.loads(line), SCHEMA), line


@pytest.mark.parametrize(
    "line",
    [
        {"tensor": "x", "role": "weigh", "dtype": "bf16", "shape": []},
        {"tensor": "x", "role": "weight", "dtype": "bf61", "shape": []},
        {"tensor": "x", "role": "weight", "dtype": "bf16"},
        {"tensor": "x", "role": "weight", "dtype": "bf16", "shape": [], "more": 1},
        {"op": "p", "kind": "copy", "dims": {}, "inputs": {"x": ["x"]}, "outputs": ["y"]},
        {"op": "p", "kind": "copy", "dims": {"elements": 1}, "inputs": {"q": ["x"]}, "outputs": ["y"]},
        {"op": "p", "kind": "copy", "dims": {"elements": 1}, "inputs": {"x": ["x"]}, "outputs": []},
        {"repeat": "i", "count": 0},
        {"end": ""},
        {"format": "tilesim-trace", "version": 2, "name": "t"},
    ],
)
def test_wrong_lines_do_not(line: dict[str, Any]) -> None:
    assert not valid(line, SCHEMA)


def test_every_kind_is_in_the_schema() -> None:
    assert tuple(SCHEMA["$defs"]["operator"]["properties"]["kind"]["enum"]) == operator_kinds.names()
