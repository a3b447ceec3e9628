"""Bus: one message channel shared by all endpoints and both directions."""

from __future__ import annotations

from sim.config.spec import links
from sim.hardware.noc.link import BandwidthLinkSpec, Link


class BusSpec(BandwidthLinkSpec):
    """YAML keys of ``kind: bus``."""


@links.register("bus")
class Bus(Link):
    """One lane; every message waits for it."""

    Spec = BusSpec

    def port_names(self, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        return ("",)

    @staticmethod
    def ports_of(source: str, destination: str) -> tuple[str, ...]:
        return ("",)
