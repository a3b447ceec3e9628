"""The YAML keys of a routed fabric: a topology by name, that topology's own keys beside it, and its routers.

The keys of all registered topologies are merged into one flat spec, so that ``{topology: mesh, dims: [4, 4]}`` reads as
one thing and a new topology brings its keys along. Which of them the chosen topology takes and needs is judged here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_type_hints

from pydantic import AfterValidator, Field, ValidationError, create_model, model_validator

from sim.config.fields import among
from sim.config.spec import FrozenSpec
from sim.core.errors import Place
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

    @model_validator(mode="after")
    def _keys_fit_the_topology(self) -> Self:
        self.topology_spec()
        classes = self.build().classes
        if self.router.virtual_channels < classes:
            raise ValueError(
                f"{self.topology} needs {classes} virtual channels or more to be free of deadlock, "
                f"found router.virtual_channels {self.router.virtual_channels}"
            )
        return self

    def topology_spec(self) -> TopologySpec:
        """The chosen topology's own spec; ValueError tells every key that is missing or not its own."""
        chosen = topologies.get(self.topology).Spec
        keys = {key: None for name in topologies.names() for key in topologies.get(name).Spec.model_fields}
        given = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        own = chosen.model_fields
        wrong = [f"{self.topology} has no key {name!r}" for name in given if name not in own]
        wrong += [
            f"{self.topology} needs the key {name!r} ({field.description})"
            for name, field in own.items()
            if field.is_required() and name not in given
        ]
        if wrong:
            raise ValueError(f"{'; '.join(wrong)}; its keys are {', '.join(sorted(own))}")
        try:
            spec = chosen.model_validate(given)
        except ValidationError as error:
            told = (str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
            raise ValueError("; ".join(told)) from error
        if spec.ends() > MOST_ENDS:
            raise ValueError(
                f"absurdly large for a {self.topology}; at most {MOST_ENDS} routers and terminals together"
            )
        return spec

    def build(self) -> Topology:
        """The topology itself."""
        return topologies.get(self.topology)(self.topology_spec())

    def routes(self, place: Place | None = None) -> Routes:
        """Its frozen routes; raises InputError at ``place`` when they are not connected or can deadlock."""
        return routes_of(self.topology, self.topology_spec(), place)


@lru_cache(maxsize=KEPT_ROUTES)
def routes_of(name: str, spec: TopologySpec, place: Place | None) -> Routes:
    """Frozen routes of a topology by name; raises InputError at ``place`` when they are not connected or can deadlock."""
    return freeze(topologies.get(name)(spec), place)


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
