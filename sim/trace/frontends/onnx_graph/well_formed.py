"""What the protobuf reader lets pass and lowerings rely on: names are text, attributes have the types of their operator.

Attributes that an operator's description does not list are left alone (exporters add their own), but need a known type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sim.core.errors import Place, Problems


def has_only_text(message: Any) -> bool:
    """Are all strings of a protobuf message UTF-8? The reader leaves those that are not as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            texts = [value] if isinstance(value, (str, bytes)) else value
            if not all(isinstance(text, str) for text in texts):
                return False
        elif field.type == field.TYPE_MESSAGE:
            inner = [value] if hasattr(value, "ListFields") else value
            if not all(has_only_text(one) for one in inner):
                return False
    return True


def check_attributes(nodes: Iterable[Any], opsets: Mapping[str, int], place: Place, problems: Problems) -> None:
    """Report attributes of another type than the operator's, of none, and those given twice."""
    from onnx import AttributeProto

    names = {number: name for name, number in AttributeProto.AttributeType.items()}
    schemas: dict[tuple[str, str], Mapping[str, int]] = {}
    for node in nodes:
        domain = "" if node.domain == "ai.onnx" else node.domain
        key = (domain, node.op_type)
        if key not in schemas:
            schemas[key] = _types(node.op_type, opsets.get(domain, 1), domain)
        label = node.name or next(iter(node.output), "?")
        seen: set[str] = set()
        for entry in node.attribute:
            here = f"node {label!r} ({node.op_type}): attribute {entry.name!r}"
            wanted = schemas[key].get(entry.name, entry.type)
            if entry.type not in names or entry.type == AttributeProto.UNDEFINED:
                problems.add(f"{here} has no known type", place, found=entry.type)
            elif entry.type != wanted:
                problems.add(f"{here} has the wrong type", place, found=names[entry.type], allowed=names[wanted])
            if entry.name in seen:
                problems.add(f"{here} is given twice", place)
            seen.add(entry.name)


def _types(operator: str, version: int, domain: str) -> Mapping[str, int]:
    """Attribute -> type by the operator's description; empty for an operator that the onnx package does not know."""
    from onnx import defs

    try:
        schema: Any = defs.get_schema(operator, version, domain)
    except (defs.SchemaError, TypeError, ValueError):
        return {}
    return {name: attribute.type.value for name, attribute in schema.attributes.items()}
