"""Address mapping: from a byte address to channel, rank, bank group, bank, row and column of a memory.

A mapping is a string of the six fields ``ro ra bg ba co ch`` from most to least significant, such as ``rorabgbachco``,
optionally followed by ``-xor``: bank and bank-group bits are then XORed with the lowest row bits (permutation-based
interleaving, Zhang, Zhu and Zhang, MICRO 2000), which spreads rows of one bank's stride over banks. Named schemes stand
in :data:`SCHEMES`. Fields are whole powers of two; below them stand the bytes of one column access.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.core.errors import Place, Problems
from sim.hardware.memory.devices.device import Device

FIELDS = ("ch", "ra", "bg", "ba", "ro", "co")
SCHEMES: Mapping[str, str] = {
    "row_interleaved": "rorabgbachco",
    "burst_interleaved": "rorabacobgch",
    "bank_contiguous": "rababgrococh",
}
XOR = "-xor"
Array = npt.NDArray[np.int64]


class Decoded(NamedTuple):
    """Where each address lies; ``bank`` counts over rank, bank group and bank within its channel."""

    channel: Array
    bank: Array
    row: Array
    column: Array


def field_sizes(device: Device, channels: int) -> dict[str, int]:
    """How many values each field of ``device`` takes."""
    return {
        "ch": channels,
        "ra": device.ranks,
        "bg": device.bankgroups,
        "ba": device.banks_per_group,
        "ro": device.rows,
        "co": device.row_bytes // device.burst_bytes,
    }


def check_mapping(text: str, problems: Problems, place: Place | None = None) -> str:
    """The field order that ``text`` (a scheme or a field string) stands for; what is wrong goes to ``problems``."""
    order = SCHEMES.get(text, text)
    body = order.removesuffix(XOR)
    fields = [body[k : k + 2] for k in range(0, len(body), 2)]
    missing = [name for name in FIELDS if name not in fields]
    extra = [name for name in fields if name not in FIELDS or fields.count(name) > 1]
    if missing or extra:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(dict.fromkeys(extra))} unknown or repeated"] if extra else []
        allowed = f"the fields {', '.join(FIELDS)} once each, then optionally {XOR!r}; or {', '.join(SCHEMES)}"
        problems.add(f"address mapping: {'; '.join(said)}", place, found=text, allowed=allowed)
    return order


class AddressMap:
    """A mapping resolved to shifts and masks for ``channels`` channels of ``device``."""

    def __init__(self, device: Device, mapping: str | None = None, channels: int | None = None) -> None:
        problems = Problems()
        order = check_mapping(mapping or device.mapping, problems)
        self.channels = device.channels if channels is None else channels
        self.device = device
        sizes = field_sizes(device, self.channels)
        for name, size in (*sizes.items(), ("burst bytes", device.burst_bytes)):
            if size < 1 or size & (size - 1):
                problems.add(f"address mapping needs powers of two: {name}", found=size, allowed="1, 2, 4, 8, ...")
        problems.raise_if_any()
        self.xor = order.endswith(XOR)
        self.text = order
        self._fields: dict[str, tuple[int, int]] = {}
        shift = device.burst_bytes.bit_length() - 1
        body = order.removesuffix(XOR)
        for k in range(len(body) - 2, -1, -2):
            size = sizes[body[k : k + 2]]
            self._fields[body[k : k + 2]] = (shift, size - 1)
            shift += size.bit_length() - 1
        self.address_bits = shift

    @property
    def capacity_bytes(self) -> int:
        return 1 << self.address_bits

    def field_shift(self, name: str) -> int:
        """The lowest address bit of a field."""
        return self._fields[name][0]

    def decode(self, addresses: npt.NDArray[Any]) -> Decoded:
        """Channel, bank, row and column of byte addresses (beyond the capacity they wrap)."""
        address = np.asarray(addresses, dtype=np.int64)

        def take(name: str) -> Array:
            shift, mask = self._fields[name]
            return (address >> shift) & mask

        group, bank, row = take("bg"), take("ba"), take("ro")
        if self.xor:
            bank_mask, group_mask = self._fields["ba"][1], self._fields["bg"][1]
            group = group ^ (row & group_mask)
            bank = bank ^ ((row >> group_mask.bit_length()) & bank_mask)
        device = self.device
        flat = (take("ra") * device.bankgroups + group) * device.banks_per_group + bank
        return Decoded(take("ch"), flat, row, take("co"))
