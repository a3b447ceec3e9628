"""The wire format of protocol buffers, as far as traces need it: varints, 64-bit numbers and length-delimited fields.

Following protobuf.dev/programming-guides/encoding. A field is its number and wire type, then its value; a message is its
fields one after the other.
"""

from __future__ import annotations

import struct

VARINT, FIXED64, DELIMITED = 0, 1, 2
MASK64 = (1 << 64) - 1


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; negative numbers as 64-bit two's complement."""
    value &= MASK64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer, enumeration or bool."""
    return varint(field << 3 | VARINT) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | FIXED64) + struct.pack("<d", value)


def fixed64(field: int, value: int) -> bytes:
    return varint(field << 3 | FIXED64) + struct.pack("<Q", value & MASK64)


def message(field: int, *parts: bytes) -> bytes:
    """A message or bytes made of ``parts``."""
    content = b"".join(parts)
    return varint(field << 3 | DELIMITED) + varint(len(content)) + content


def text(field: int, value: str) -> bytes:
    return message(field, value.encode())
