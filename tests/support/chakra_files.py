"""Chakra execution traces for tests: one step of a rank, written in both forms."""

from __future__ import annotations

from typing import Any

from sim.trace.frontends.chakra.nodes import NODE_TYPES

Node = dict[str, Any]


def node(identity: int, kind: str, after: tuple[int, ...] = (), **attributes: int | str) -> Node:
    return {"id": identity, "name": f"n{identity}", "type": kind, "after": after, "attributes": attributes}


#: Load, two products, an all-reduce of their sum, an all-gather, and a barrier in between that does nothing.
STEP = [
    node(1, "METADATA_NODE"),
    node(2, "MEM_LOAD_NODE", tensor_size=2 << 20),
    node(3, "COMP_NODE", (2,), num_ops=2 * 1024**3, tensor_size=3 * 2 * 1024**2),
    node(4, "COMP_NODE", (3,), num_ops=2 * 1024**3, tensor_size=64 * 2 * 1024**2),
    node(5, "COMM_COLL_NODE", (4,), comm_type=0, comm_size=1 << 20),
    node(6, "COMM_COLL_NODE", (5,), comm_type=9),
    node(7, "COMM_COLL_NODE", (6,), comm_type=2, comm_size=1 << 20, group_size=4),
]


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def binary(nodes: list[Node]) -> bytes:
    """The file as chakra writes it (et_def.proto): lengths in front, dependencies packed, numbers as int64 or text."""
    messages = [_field(1, "0.0.4")]
    for one in nodes:
        message = _field(1, one["id"]) + _field(2, one["name"]) + _field(3, NODE_TYPES.index(one["type"]))
        if one["after"]:
            message += _field(5, b"".join(_varint(each) for each in one["after"]))
        for name, value in one["attributes"].items():
            message += _field(10, _field(1, name) + _field(9 if isinstance(value, int) else 29, value))
        messages.append(message)
    return b"".join(_varint(len(message)) + message for message in messages)


def json_parts(nodes: list[Node]) -> list[Any]:
    """The objects of the JSON form, as protobuf prints them: 64-bit numbers are texts."""
    parts: list[Any] = [{"version": "0.0.4"}]
    for one in nodes:
        attr = [
            {"name": name, "int64Val" if isinstance(value, int) else "stringVal": str(value)}
            for name, value in one["attributes"].items()
        ]
        parts.append({"id": str(one["id"]), "name": one["name"], "type": one["type"],
                      "dataDeps": [str(each) for each in one["after"]], "attr": attr})  # fmt: skip
    return parts
