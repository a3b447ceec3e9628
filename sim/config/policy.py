"""The choices an architecture file makes for the mapper, the scheduler and the energy table.

Names of placements, schedulers and tables are kept as text here; the layer that owns each registry resolves them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from sim.config.fields import NonNegativeInt, PositiveInt, Rate, read_energy, read_power
from sim.config.spec import FrozenSpec

Dimension = Literal["b", "m", "n", "k"]


def _letters(value: object) -> object:
    """A loop order "bmnk" as its letters; a letter given twice is refused."""
    letters = list(value) if isinstance(value, str) else value
    if isinstance(letters, list) and len(set(map(str, letters))) != len(letters):
        raise ValueError("a loop order names each dimension once")
    return letters


class MappingPin(FrozenSpec):
    """Fixes part of the mapping of the operators whose name matches; what is left out stays the mapper's choice."""

    engine: str | None = Field(default=None, description="path of the component that executes the operator")
    dataflow: str | None = Field(default=None, description="dataflow, such as os, ws, is or rs")
    tile: dict[Dimension, PositiveInt] | None = Field(
        default=None, description="tile size per dimension b, m, n, k (elements)"
    )
    order: Annotated[tuple[Dimension, ...], BeforeValidator(_letters)] | None = Field(
        default=None, description="loop order over the tiles, outermost first, such as bmnk"
    )
    cores: dict[Dimension, PositiveInt] | None = Field(
        default=None, description="number of cores that share each dimension b, m, n, k (k: with `policy.reduction`)"
    )
    buffers: PositiveInt | None = Field(default=None, description="tile buffers per operand (2: double buffering)")


class Policy(FrozenSpec):
    """How operators are mapped, placed and scheduled on the architecture."""

    placement: str = Field(default="by_lifetime", description="placement policy of tensors in memory tiers")
    residency: str = Field(
        default="in_place",
        description="which weights and caches are copied to a nearer memory tier before use, and kept",
    )
    near: str | None = Field(
        default=None, description="path of the memory tier that copies are made in; default: the fastest off-chip tier"
    )
    pinned: tuple[str, ...] = Field(
        default=(), description="`residency: pinned`: glob patterns of tensors (or models) that live in the near tier"
    )
    near_spare: Rate = Field(
        default=Fraction(1, 8),
        description="`residency: static`: part of the near tier that no tensor lives in, for copies and activations",
    )
    scheduler: str = Field(default="overlap", description="scheduler of operators on engines")
    dispatch: str = Field(
        default="by_prediction", description="strategy that chooses among the engines that can execute an operator"
    )
    fusion: Literal["none", "elementwise", "attention", "pipeline", "auto"] = Field(
        default="elementwise", description="which chains of operators become one region"
    )
    multicast: bool = Field(
        default=False, description="an operand tile that several cores need goes to all of them as one message"
    )
    reduction: Literal["none", "chain", "tree"] = Field(
        default="none",
        description="how partial sums of products whose K is split over cores are sent and added up; none: K is not split",
    )
    lookahead: PositiveInt = Field(default=8, description="operators in flight at once")
    core_groups: PositiveInt = Field(
        default=1,
        description="equal groups of cores, each of which executes some of the layers, as stages of a pipeline",
    )
    sub_batches: PositiveInt = Field(
        default=1, description="streams that the requests of a batch are split into; they take turns at every attention"
    )
    sub_batch_split: Literal["balanced", "in_order"] = Field(
        default="balanced", description="requests to streams: even sums of contexts, or one after the other"
    )
    mapping: dict[str, MappingPin] = Field(
        default_factory=dict, description="pins by glob pattern of the operator's name; the first that matches holds"
    )
    collectives: dict[str, str] = Field(
        default_factory=dict, description="algorithm by function, such as all_reduce: ring; others by predicted time"
    )
    seed: NonNegativeInt = Field(default=0, description="seed of every random choice")


class Quantity(NamedTuple):
    """An exact value in base units (joules or watts) and its dimension ("energy" or "power")."""

    value: Fraction
    dimension: str


def _energy_or_power(value: object) -> Quantity:
    if isinstance(value, Quantity):
        return value
    is_power = isinstance(value, str) and value.rstrip().endswith("W")
    return Quantity(read_power(value), "power") if is_power else Quantity(read_energy(value), "energy")


EnergyOrPower = Annotated[
    Quantity,
    PlainValidator(_energy_or_power),
    PlainSerializer(lambda quantity: f"{quantity.value} {quantity.dimension}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["0.59 pJ", "3 W"]}),
]


class EnergyChoice(FrozenSpec):
    """Which energy table prices the actions, and which of its entries the architecture replaces."""

    table: str | None = Field(default=None, description="name or path of an energy table; default: by technology")
    overrides: dict[str, EnergyOrPower] = Field(
        default_factory=dict, description="entry of the table -> energy per action ('0.59 pJ') or static power ('3 W')"
    )
