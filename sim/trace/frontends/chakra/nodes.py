"""Reads Chakra execution traces: the binary form (``.et``) and its JSON form (``.et.json``).

Binary: messages one after the other, each behind its length as a varint: one GlobalMetadata, then Nodes. JSON: what protobuf
prints of the same messages, one object after the other, or a list of them. The wire format is read here, field by field;
nothing of the file is executed and nothing else is opened. Source: mlcommons/chakra, schema/protobuf/et_def.proto.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems

MAX_BYTES = 100_000_000
MAX_NODES = 200_000
NODE_TYPES = (
    "INVALID_NODE", "METADATA_NODE", "MEM_LOAD_NODE", "MEM_STORE_NODE", "COMP_NODE", "COMM_SEND_NODE", "COMM_RECV_NODE",
    "COMM_COLL_NODE", "STORAGE_NODE", "BATCH_NODE", "CHECKPOINT_NODE",
)  # fmt: skip
#: Fields of AttributeProto that hold one whole number: number -> zigzag coded?
_VARINTS = {7: False, 9: False, 11: False, 13: False, 15: True, 17: True, 27: False}
_FIXED = {3: "<d", 5: "<f", 19: "<I", 21: "<Q", 23: "<i", 25: "<q"}
_TEXT = 29


@dataclass(frozen=True)
class ChakraNode:
    """One node: ``after`` are the ids that it depends on, ``attributes`` its numbers and texts by name."""

    id: int
    name: str
    kind: str
    after: tuple[int, ...]
    attributes: Mapping[str, Any]

    def count(self, *names: str) -> int:
        """The first of these attributes that is a whole number of at least 1; 0 when there is none."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
                return value
        return 0


def read_nodes(path: Path, problems: Problems) -> list[ChakraNode]:
    """The nodes of a trace in the order of the file; empty after a problem."""
    place = Place(str(path))
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problems.add(f"cannot read the file: {error.strerror or error}", place)
        return []
    if len(data) > MAX_BYTES:
        problems.add("the file is too large", place, allowed=f"at most {MAX_BYTES} bytes")
        return []
    binary = path.suffix == ".et"
    try:
        nodes = list(_binary(data) if binary else _from_json(data))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as e:
        what = "truncated, or of another format" if binary else f"{type(e).__name__} {str(e)[:100]}"
        problems.add(f"is not a Chakra execution trace ({what})", place)
        return []
    if not nodes:
        problems.add("is not a Chakra execution trace: it holds no nodes", place)
    return nodes


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & (2**64 - 1), at
        if shift > 63:
            raise ValueError("a varint without end")


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of a message: a number, or the bytes of the field."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        value: Any
        if wire == 0:
            value, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        elif wire == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("a wire type that is not in use")
        if at > len(data) or number == 0:
            raise ValueError("a field that ends behind its message")
        yield number, wire, value


def _binary(data: bytes) -> Iterator[ChakraNode]:
    view, at, first = memoryview(data), 0, True
    for _ in range(MAX_NODES + 1):
        if at >= len(view):
            return
        size, at = _varint(view, at)
        message, at = view[at : at + size], at + size
        if at > len(view):
            raise ValueError("a message that ends behind the file")
        if not first:
            yield _node(message)
        first = False
    raise ValueError(f"more than {MAX_NODES} nodes")


def _node(message: memoryview) -> ChakraNode:
    identity, name, kind, after, attributes = 0, "", 0, list[int](), dict[str, Any]()
    for number, wire, value in _fields(message):
        if number == 1 and wire == 0:
            identity = value
        elif number == 2 and wire == 2:
            name = str(bytes(value), "utf-8")
        elif number == 3 and wire == 0:
            kind = value
        elif number in (4, 5):
            after += [value] if wire == 0 else list(_packed(value))
        elif number == 10 and wire == 2:
            key, found = _attribute(value)
            attributes[key] = found
    return ChakraNode(identity, name, NODE_TYPES[kind], tuple(dict.fromkeys(after)), attributes)


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _attribute(message: memoryview) -> tuple[str, Any]:
    name = ""
    found: Any = None
    for number, wire, value in _fields(message):
        if number == 1 and wire == 2:
            name = str(bytes(value), "utf-8")
        elif number == _TEXT and wire == 2:
            found = str(bytes(value), "utf-8")
        elif number in _VARINTS and wire == 0:
            found = (value >> 1) ^ -(value & 1) if _VARINTS[number] else value
            found = bool(found) if number == 27 else found - 2**64 if found >= 2**63 and number in (7, 9) else found
        elif number in _FIXED and wire in (1, 5):
            (found,) = struct.unpack(_FIXED[number], value)
    return name, found


def _from_json(data: bytes) -> Iterator[ChakraNode]:
    text, at, decoder = data.decode("utf-8-sig"), 0, json.JSONDecoder()
    values: list[Any] = []
    while at < len(text):
        if text[at] in " \t\r\n,":
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        values += value if isinstance(value, list) else value.get("nodes", [value])
        if len(values) > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} nodes")
    for value in values:
        if "id" in value or "type" in value:
            yield _json_node(value)


def _json_node(table: Mapping[str, Any]) -> ChakraNode:
    after = [
        _whole(one) for key in ("ctrl_deps", "ctrlDeps", "data_deps", "dataDeps") for one in table.get(key, [])
    ]  # fmt: skip
    kind = table.get("type", 0)
    kind = NODE_TYPES[kind] if isinstance(kind, int) else str(kind)
    if kind not in NODE_TYPES:
        raise ValueError(f"a node of type {kind!r}")
    attributes = {}
    for entry in table.get("attr", []):
        values = [value for key, value in entry.items() if key not in ("name", "doc_string", "docString")]
        if values and isinstance(values[0], (str, int, float)):
            attributes[str(entry["name"])] = values[0]
    return ChakraNode(
        _whole(table.get("id", 0)), str(table.get("name", "")), kind, tuple(dict.fromkeys(after)), attributes
    )


def _whole(value: Any) -> int:
    """64-bit numbers are texts in protobuf's JSON."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise ValueError("an id that is no number")
    return value
