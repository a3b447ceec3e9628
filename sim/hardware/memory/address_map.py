"""Address mapping: from a byte address to channel, rank, bank group, bank, row and column of a memory.

A mapping is a string of two-letter fields from most to least significant, such as ``rorabgbachco``: ``ro`` row, ``ra``
rank or stack ID, ``bg`` bank group, ``ba`` bank, ``co`` column, ``ch`` channel. Two more may stand in it: ``pc``, the
pseudo-channel (``ch`` is then the channel that holds them), and ``cl``, the lowest two column bits (``co`` is then the
rest). Below all of them stand the bytes of one column access. Fields are whole powers of two.

``-xor`` at the end XORs bank group and bank with the lowest row bits (permutation-based interleaving, Zhang, Zhu and
Zhang, MICRO 2000), which spreads the rows of a stride over banks; ``-colxor`` XORs pseudo-channel, rank, bank group,
bank and row in turn with successive column bits, lowest first. Named schemes stand in :data:`SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.core.errors import Place, Problems
from sim.hardware.memory.devices.device import Device

FIELDS = ("ch", "ra", "bg", "ba", "ro", "co")
OPTIONAL_FIELDS = ("pc", "cl")
LOW_COLUMNS = 4
SCHEMES: Mapping[str, str] = {
    "row_interleaved": "rorabgbachco",
    "burst_interleaved": "rorabacobgch",
    "bank_contiguous": "rababgrococh",
    "robaracoch": "robabgrapccoch",
    "mop4clxor": "rocobabgrapcclch-colxor",
}
"""``robaracoch`` and ``mop4clxor`` are the orders that Ramulator 2 calls so (the latter after Kaseridis, Stuecheli and
John, MICRO 2011)."""
XOR = "-xor"
COLUMN_XOR = "-colxor"
Array = npt.NDArray[np.int64]


class Decoded(NamedTuple):
    """Where each address lies. ``channel`` counts controllers (pseudo-channels of one share it); ``bank`` counts over
    pseudo-channel, rank, bank group and bank of that controller."""

    channel: Array
    bank: Array
    row: Array
    column: Array


def field_sizes(device: Device, channels: int, fields: list[str]) -> dict[str, int]:
    """How many values each field of a mapping takes."""
    columns = device.row_bytes // device.burst_bytes
    low = LOW_COLUMNS if "cl" in fields else 1
    pseudo = device.pseudochannels if "pc" in fields else 1
    return {
        "ch": channels // pseudo,
        "pc": pseudo,
        "ra": device.ranks,
        "bg": device.bankgroups,
        "ba": device.banks_per_group,
        "ro": device.rows,
        "co": columns // low,
        "cl": low,
    }


def split_mapping(text: str) -> tuple[list[str], str]:
    """Fields of a mapping (a scheme or a field string), most significant first, and what it XORs ("" for nothing)."""
    order = SCHEMES.get(text, text)
    xor = next((suffix for suffix in (COLUMN_XOR, XOR) if order.endswith(suffix)), "")
    body = order.removesuffix(xor)
    return [body[k : k + 2] for k in range(0, len(body), 2)], xor


def kept_on_channel_bytes(device: Device, mapping: str) -> int:
    """Successive bytes that a mapping keeps on one channel before it goes on to the next."""
    fields, _ = split_mapping(mapping)
    sizes, kept = field_sizes(device, 1, fields), device.burst_bytes
    for name in reversed(fields):
        if name in ("ch", "pc"):
            break
        kept *= sizes[name]
    return kept


def check_mapping(text: str, problems: Problems, place: Place | None = None) -> None:
    """What is wrong with a mapping goes to ``problems``."""
    fields, _ = split_mapping(text)
    missing = [name for name in FIELDS if name not in fields]
    extra = [name for name in fields if name not in FIELDS + OPTIONAL_FIELDS or fields.count(name) > 1]
    if missing or extra:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(dict.fromkeys(extra))} unknown or repeated"] if extra else []
        allowed = f"the fields {', '.join(FIELDS)} once each (and pc, cl), then {XOR!r} or {COLUMN_XOR!r} or nothing"
        problems.add(f"address mapping: {'; '.join(said)}", place, found=text,
                     allowed=f"{allowed}; or a scheme: {', '.join(SCHEMES)}")  # fmt: skip


class AddressMap:
    """A mapping resolved to shifts and masks for ``channels`` channels of ``device``."""

    def __init__(
        self, device: Device, mapping: str | None = None, channels: int | None = None, joined: bool = True
    ) -> None:
        """``joined``: pseudo-channels of one channel share a controller; else each counts as a channel of its own."""
        problems = Problems()
        self.text = mapping or device.mapping
        self.channels = device.channels if channels is None else channels
        self._joined = device.pseudochannels if joined else 1
        self.device = device
        check_mapping(self.text, problems)
        fields, self._xor = split_mapping(self.text)
        sizes = field_sizes(device, self.channels, fields)
        for name, size in (*sizes.items(), ("burst bytes", device.burst_bytes)):
            if size < 1 or size & (size - 1):
                problems.add(f"address mapping needs powers of two: {name}", found=size, allowed="1, 2, 4, 8, ...")
        problems.raise_if_any()
        self._fields: dict[str, tuple[int, int]] = {"pc": (0, 0), "cl": (0, 0)}
        shift = device.burst_bytes.bit_length() - 1
        for name in reversed(fields):
            self._fields[name] = (shift, sizes[name] - 1)
            shift += sizes[name].bit_length() - 1
        self.address_bits = shift

    @property
    def controllers(self) -> int:
        """Channels with a controller and command bus of their own."""
        return max(1, self.channels // self._joined)

    @property
    def capacity_bytes(self) -> int:
        return 1 << self.address_bits

    def field_shift(self, name: str) -> int:
        """The lowest address bit of a field."""
        return self._fields[name][0]

    def decode(self, addresses: npt.NDArray[Any]) -> Decoded:
        """Channel, bank, row and column of byte addresses (beyond the capacity they wrap)."""
        address = np.asarray(addresses, dtype=np.int64)
        part = {name: (address >> shift) & mask for name, (shift, mask) in self._fields.items()}
        column = part["co"] * (self._fields["cl"][1] + 1) + part["cl"]
        if self._xor == XOR:
            self._fold(part, part["ro"], ("bg", "ba"))
        elif self._xor == COLUMN_XOR:
            self._fold(part, column, ("pc", "ra", "bg", "ba", "ro"))
        device = self.device
        pins = part["ch"] * (self._fields["pc"][1] + 1) + part["pc"]
        pseudo, channel = pins % self._joined, pins // self._joined
        rank = pseudo * device.ranks + part["ra"]
        bank = (rank * device.bankgroups + part["bg"]) * device.banks_per_group + part["ba"]
        return Decoded(channel, bank, part["ro"], column)

    def _fold(self, part: dict[str, Array], key: Array, names: tuple[str, ...]) -> None:
        """XOR each field with as many bits of ``key`` as it has, going up."""
        used = 0
        for name in names:
            mask = self._fields[name][1]
            part[name] = part[name] ^ ((key >> used) & mask)
            used += mask.bit_length()
