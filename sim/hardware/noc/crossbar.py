"""Crossbar: every endpoint has one port out and one port in; messages meet only at the ports they share."""

from __future__ import annotations

from sim.config.spec import links
from sim.hardware.noc.link import BandwidthLinkSpec, Link


class CrossbarSpec(BandwidthLinkSpec):
    """YAML keys of ``kind: crossbar``."""


@links.register("crossbar")
class Crossbar(Link):
    """Two lanes per endpoint."""

    Spec = CrossbarSpec

    def port_names(self, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{name}.{way}" for name in endpoints for way in ("out", "in"))

    @staticmethod
    def ports_of(source: str, destination: str) -> tuple[str, ...]:
        return (f"{source}.out", f"{destination}.in")
