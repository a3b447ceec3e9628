"""What every component and link of an architecture has in common, and the registries of their kinds.

A component kind is a class registered in :data:`components` (or :data:`links`) with a class attribute ``Spec``, a
subclass of :class:`ComponentSpec` with one field per YAML key. Specs are frozen: state belongs to a run, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import pydantic
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sim.config.fields import PositiveInt, Power
from sim.core.registry import Registry

FAULTS = "faults"
"""Type of the validation error that carries faults, under the same name in its context."""

Steps = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong between keys that are each right. ``steps``: keys and indices that lead to it, from the spec's own."""

    steps: Steps
    message: str
    found: object = None
    allowed: Iterable[str] | str | None = None
    suggest_for: str | None = None

    def __str__(self) -> str:
        return self.message if self.found is None else f"{self.message}; found {self.found}"


class FrozenSpec(pydantic.BaseModel):
    """Base of everything validated from YAML: frozen, hashable, and refusing unknown keys and :meth:`faults`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def faults(cls, sound: Mapping[str, Any]) -> Iterator[Fault]:
        """Everything wrong between keys. ``sound``: the values of those that are right by themselves, defaults included:
        a key that is not there is wrong, and what needs it is not judged."""
        return iter(())

    @classmethod
    def keys_for(cls, plain: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the keys that go together with the ``plain`` values of others."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @model_validator(mode="after")
    def _without_faults(self) -> Self:
        found = tuple(self.faults(dict(self)))
        if found:
            raise PydanticCustomError(FAULTS, "{told}", {"told": "; ".join(map(str, found)), FAULTS: found})
        return self

    def __hash__(self) -> int:
        return hash((type(self).__qualname__, self.model_dump_json()))


class ComponentSpec(FrozenSpec):
    """Base of all component specs: the keys that every component may have."""

    count: PositiveInt = Field(default=1, description="number of identical copies side by side")
    clock: str | None = Field(
        default=None, description="name of a clock in `clocks:`, or a frequency such as '1.05 GHz' (Hz)"
    )
    static_power: Power | None = Field(
        default=None, description="power drawn whether busy or not, such as '3 W', per copy; not modelled when left out"
    )
    source: str | list[str] | None = Field(default=None, description="where the figures of this component come from")
    notes: str | list[str] | None = Field(default=None, description="free text for readers")


class LinkSpec(ComponentSpec):
    """Base of all link specs: a link connects two or more components, or copies of one, by path."""

    counted: ClassVar[tuple[str, ...]] = ("bytes",)
    """What links of this kind count, each with a price in the energy table."""
    name: str | None = Field(default=None, description="name of the link in reports; default: its place in the list")
    connects: Annotated[list[str], Field(min_length=1)] = Field(
        description="paths of the components it connects, relative to the group that holds the link, or from the top"
    )
    joins: PositiveInt | None = Field(
        default=None, description="of a link between chips: each copy joins this many, consecutive ones; default: all"
    )
    reach: Literal["on_chip", "interposer", "off_package"] = Field(
        default="on_chip", description="how far it goes, which decides the energy of a byte"
    )

    @classmethod
    def named_endpoints(cls, sound: Mapping[str, Any]) -> dict[str, Steps]:
        """The endpoints (instance paths) that its own keys name, and where. For ``sound`` see :meth:`faults`."""
        return {}

    @classmethod
    def faults_with(cls, sound: Mapping[str, Any], endpoints: tuple[str, ...]) -> Iterator[Fault]:
        """Everything wrong between the keys and the ``endpoints`` (instance paths) that a copy of the link joins."""
        return iter(())


components: Registry[type[Any]] = Registry("components", "component kind")
links: Registry[type[Any]] = Registry("links", "link kind")


def spec_class(registry: Registry[type[Any]], kind: str) -> type[ComponentSpec]:
    """The spec class of a registered ``kind``; a kind registered without one is a mistake of its author."""
    base = LinkSpec if registry is links else ComponentSpec
    found = getattr(registry.get(kind), "Spec", None)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise TypeError(f"{registry.what} {kind!r} has no class attribute Spec that is a subclass of {base.__name__}")
    return found
