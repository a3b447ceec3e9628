"""Point-to-point link: two endpoints, one channel in each direction."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sim.config.spec import links
from sim.hardware.noc.link import BandwidthLinkSpec, Link


class PointToPointSpec(BandwidthLinkSpec):
    """YAML keys of ``kind: point_to_point``."""

    connects: Annotated[list[str], Field(min_length=2, max_length=2)] = Field(description="the two endpoints")


@links.register("point_to_point")
class PointToPoint(Link):
    """Two lanes, ``forward`` (first to second endpoint) and ``backward``. A replicated endpoint has its own pair."""

    Spec = PointToPointSpec

    def port_names(self, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{one}->{other}" for one in endpoints for other in endpoints if one != other)

    @staticmethod
    def ports_of(source: str, destination: str) -> tuple[str, ...]:
        return (f"{source}->{destination}",)
