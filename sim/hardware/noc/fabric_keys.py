"""The YAML keys of a routed fabric: a topology by name, that topology's own keys beside it, and its routers.

The keys of all registered topologies are merged into one flat spec, so that ``{topology: mesh, dims: [4, 4]}`` reads as
one thing and a new topology brings its keys along. Which of them the chosen topology takes and needs is judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_type_hints

from pydantic import AfterValidator, Field, ValidationError, create_model

from sim.config.fields import among
from sim.config.sound import sound_values
from sim.config.spec import FAULTS, Fault, FrozenSpec
from sim.core.errors import InputError, Place
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import Topology, TopologySpec, topologies
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze

MOST_ENDS = 4096
"""Routers plus terminals of the largest fabric: route tables hold routers times terminals entries."""
KEPT_ROUTES = 16


class FabricKeys(FrozenSpec):
    """What describes a fabric; :func:`with_topology_keys` adds the keys of the topologies."""

    topology: Annotated[str, AfterValidator(among(topologies.names))] = Field(description="a registered topology")
    router: RouterSpec = Field(default_factory=RouterSpec, description="parameters of all routers")
    model: Literal["flit", "packet"] = Field(
        default="packet",
        description="packet: events per packet and hop, for whole runs; flit: cycle by cycle, the reference, slow",
    )

    @classmethod
    def keys_for(cls, plain: Mapping[str, Any]) -> tuple[str, ...]:
        name = plain.get("topology")
        others = _topology_keys().keys()
        own = topologies.get(name).Spec.model_fields if isinstance(name, str) and name in topologies else others
        return tuple(key for key in cls.model_fields if key in own or key not in others)

    @classmethod
    def faults(cls, sound: Mapping[str, Any]) -> Iterator[Fault]:
        name, router = sound.get("topology"), sound.get("router")
        if name is None:
            return
        yield from _key_faults(name, sound)
        yield from _value_faults(name, sound)
        classes = (sound_topology(sound) or topologies.get(name)).classes
        if router is not None and router.virtual_channels < classes:
            message = f"{name} needs {classes} virtual channels or more to be free of deadlock"
            yield Fault(("router", "virtual_channels"), message, f"router.virtual_channels {router.virtual_channels}")

    def topology_spec(self) -> TopologySpec:
        """The chosen topology's own spec."""
        spec: TopologySpec = topologies.get(self.topology).Spec.model_validate(_own_values(self.topology, dict(self)))
        return spec

    def build(self) -> Topology:
        """The topology itself."""
        return topologies.get(self.topology)(self.topology_spec())

    def routes(self, place: Place | None = None) -> Routes:
        """Its frozen routes; raises InputError at ``place`` when they are not connected or can deadlock."""
        try:
            return routes_of(self.topology, self.topology_spec())
        except InputError as error:
            raise InputError(replace(problem, place=place) for problem in error.problems) from error


def _own_values(name: str, sound: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the chosen topology's keys, those that are given."""
    return {key: sound[key] for key in topologies.get(name).Spec.model_fields if sound.get(key) is not None}


def _key_faults(name: str, sound: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys that the chosen topology does not have, and those that it lacks; one that is wrong is there, but not sound."""
    own = topologies.get(name).Spec.model_fields
    for key in _topology_keys():
        absent = key in sound and sound[key] is None
        if key not in own and not absent:
            yield Fault((key,), f"{name} has no key {key!r}", None, f"{', '.join(sorted(own))} (keys of a {name})")
        elif key in own and absent and own[key].is_required():
            yield Fault((), f"{name} needs the key {key!r} ({own[key].description})")


def _value_faults(name: str, sound: Mapping[str, Any]) -> Iterator[Fault]:
    """What the chosen topology says about the values of its keys."""
    spec, own = topologies.get(name).Spec, _own_values(name, sound)
    try:
        made = spec.model_validate(own)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            if detail["type"] not in (FAULTS, "missing"):
                yield Fault(detail["loc"], f"{detail['loc'][0]}: {detail['msg'].removeprefix('Value error, ')}")
        yield from spec.faults(sound_values(spec, own))
        return
    if made.ends() > MOST_ENDS:
        yield Fault(("topology",), f"absurdly large for a {name}; at most {MOST_ENDS} routers and terminals together")


def sound_spec(sound: Mapping[str, Any]) -> TopologySpec | None:
    """What the ``sound`` values of a fabric's keys say about its topology, if that is all right; see
    :meth:`FabricKeys.faults`."""
    name = sound.get("topology")
    if name is None or any(key not in sound for key in topologies.get(name).Spec.model_fields):
        return None
    try:
        spec: TopologySpec = topologies.get(name).Spec.model_validate(_own_values(name, sound))
    except ValidationError:
        return None
    return spec if spec.ends() <= MOST_ENDS else None


def sound_topology(sound: Mapping[str, Any]) -> Topology | None:
    """The topology of :func:`sound_spec`."""
    spec = sound_spec(sound)
    return None if spec is None else topologies.get(sound["topology"])(spec)


@lru_cache(maxsize=KEPT_ROUTES)
def routes_of(name: str, spec: TopologySpec) -> Routes:
    """Frozen routes of a topology by name; raises InputError when they are not connected or can deadlock."""
    return freeze(topologies.get(name)(spec))


def _topology_keys() -> dict[str, None]:
    """Names of the keys of all topologies."""
    return {key: None for name in topologies.names() for key in topologies.get(name).Spec.model_fields}


Spec = TypeVar("Spec", bound=FabricKeys)


def topology_fields() -> dict[str, Any]:
    """Name -> (type, field) of every key of any topology, all optional here."""
    types: dict[str, list[Any]] = {}
    texts: dict[str, dict[str, list[str]]] = {}
    for name in topologies.names():
        spec = topologies.get(name).Spec
        hints = get_type_hints(spec, include_extras=True)
        for key, field in spec.model_fields.items():
            if hints[key] not in types.setdefault(key, []):
                types[key].append(hints[key])
            texts.setdefault(key, {}).setdefault(field.description or "", []).append(name)
    return {
        key: (
            Union[(*types[key], None)],
            Field(default=None, description="; ".join(f"{text} ({', '.join(of)})" for text, of in texts[key].items())),
        )
        for key in types
    }


def with_topology_keys(base: type[Spec], name: str) -> type[Spec]:
    """``base`` with the keys of all topologies added; its text stays the description."""
    made: type[Spec] = create_model(name, __base__=base, __doc__=base.__doc__, __module__=base.__module__,
                                    **topology_fields())  # fmt: skip
    return made


FabricSpec = with_topology_keys(FabricKeys, "FabricSpec")
"""A fabric by itself, as ``tilesim network`` reads it."""
