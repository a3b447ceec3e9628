"""``tilesim network``: latency against load of a routed fabric under synthetic traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.options import Json
from sim.cli.output import write_json

if TYPE_CHECKING:
    from sim.config.architecture import Architecture, LinkNode
    from sim.core.errors import Place
    from sim.hardware.noc.fabric_keys import FabricKeys

    Chosen = tuple[FabricKeys, Place, dict[int, str]]


def network(
    fabric: Annotated[
        str, typer.Argument(metavar="ARCH|TOPOLOGY", help="an architecture with a fabric, or a topology such as mesh")
    ],
    traffic: Annotated[
        str, typer.Option("--traffic", help="uniform, neighbor, tornado, transpose, bitcomp, hotspot({0}), ...")
    ] = "uniform",
    rate: Annotated[
        list[float] | None,
        typer.Option("--rate", help="flits per cycle and source; may be repeated; default: a sweep until saturation"),
    ] = None,
    flits: Annotated[int, typer.Option("--flits", min=1, max=4096, help="flits per packet")] = 1,
    model: Annotated[str | None, typer.Option("--model", help="flit (the reference) or packet; default: flit")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="a key of the topology, router.KEY, or a path in ARCH"),
    ] = None,
    link: Annotated[
        str | None, typer.Option("--link", metavar="PATH", help="which fabric of ARCH, when there are several")
    ] = None,
    window: Annotated[int, typer.Option("--window", min=100, max=10**7, help="measured cycles")] = 10_000,
    warmup: Annotated[int, typer.Option("--warmup", min=0, max=10**7, help="cycles before them")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the random traffic")] = 0,
    json: Json = None,
) -> None:
    """Load a fabric with synthetic traffic and show latency, throughput and the hottest port and link at each rate."""
    from sim.cli.options import check_outputs
    from sim.core.errors import all_of
    from sim.hardware.noc.load_curve import Measurement, load_curve

    measured, chosen = Measurement(traffic, tuple(rate or ()), flits, warmup, window, seed), model or "flit"
    found, *_ = all_of(
        lambda: _fabric(fabric, link, set_),
        lambda: _check_model(chosen),
        measured.check,
        lambda: check_outputs(json),
    )
    spec, place, endpoints = found
    curve = load_curve(spec.model_copy(update={"model": chosen}), measured, place, endpoints)
    if json is not None:
        write_json(curve, json)
    if json != "-":
        typer.echo("\n".join(_lines(curve)))


def _check_model(name: str) -> None:
    from sim.core.errors import Problems
    from sim.hardware.noc.traffic_measure import MODELS

    problems = Problems()
    if name not in MODELS:
        problems.add("--model: unknown network model", found=name, allowed=tuple(MODELS), suggest_for=name)
    problems.raise_if_any()


def _fabric(name: str, link: str | None, set_: list[str] | None) -> Chosen:
    """The fabric that is meant, the place to name when its routes are no good, and who is on its terminals."""
    from sim.core.errors import Problems, all_of
    from sim.hardware.noc.fabric_topology import topologies

    if name not in topologies:
        return _of_architecture(name, link, set_)
    problems = Problems()
    if link is not None:
        problems.add("--link names a link of an architecture; a topology has none", found=link)
    found: list[Chosen] = all_of(lambda: _of_topology(name, set_), problems.raise_if_any)
    return found[0]


def _of_topology(name: str, set_: list[str] | None) -> Chosen:
    from sim.cli.options import read_overrides
    from sim.config.check import check
    from sim.config.document import override
    from sim.config.yaml_source import locate
    from sim.core.errors import Place, Problems
    from sim.hardware.noc.fabric_keys import FabricSpec
    from sim.hardware.noc.fabric_topology import topologies

    problems = Problems()
    document = locate({"kind": "fabric", "topology": name}, Place(name))
    document = override(document, read_overrides(set_, problems), problems)
    keys = [key for key in document.value if key != "kind"]
    spec = check(FabricSpec, document, keys, f"the fabric {name}", problems)
    problems.raise_if_any()
    assert spec is not None
    return spec, document.at([topologies.get(name).drawn_by]).place, {}


def _of_architecture(name: str, link: str | None, set_: list[str] | None) -> Chosen:
    from sim.cli.options import load
    from sim.config.load import list_architectures
    from sim.core.errors import Place, Problems
    from sim.hardware.noc.fabric_keys import FabricKeys
    from sim.hardware.noc.fabric_topology import topologies

    problems = Problems()
    if not _is_architecture(name):
        known = (*topologies.names(), *list_architectures())
        problems.add("neither a topology nor an architecture", found=name, allowed=known, suggest_for=name)
        problems.raise_if_any()
    architecture = load(name, set_)
    fabrics = {one.path: one for one in architecture.links if isinstance(one.spec, FabricKeys)}
    if not fabrics:
        kinds = ", ".join(sorted({one.kind for one in architecture.links})) or "no links"
        place, allowed = Place(architecture.file, 1, 1), ("an architecture with one", *topologies.names())
        problems.add(f"{name} has no link of kind fabric", place, found=kinds, allowed=allowed)
    elif link is None and len(fabrics) > 1:
        problems.add(f"{name} has several fabrics; choose one with --link", allowed=tuple(fabrics))
    elif link is not None and link not in fabrics:
        problems.add(f"--link: no fabric of {name}", found=link, allowed=tuple(fabrics), suggest_for=link)
    problems.raise_if_any()
    chosen = fabrics[link] if link is not None else next(iter(fabrics.values()))
    assert isinstance(chosen.spec, FabricKeys)
    place = chosen.written.at([topologies.get(chosen.spec.topology).drawn_by]).place
    return chosen.spec, place, _endpoints(architecture, chosen)


def _endpoints(architecture: Architecture, chosen: LinkNode) -> dict[int, str]:
    """Who is on the terminals of the first copy of a fabric; {} when the architecture makes no machine yet."""
    from sim.core.errors import InputError
    from sim.hardware.layout import Layout
    from sim.hardware.noc.fabric_link import FabricLinkKeys, terminals_of

    try:
        layout = Layout(architecture)
    except InputError:
        return {}
    view = next((one for one in (*layout.links, *layout.chip_links) if one.node.path == chosen.path), None)
    if view is None or not isinstance(chosen.spec, FabricLinkKeys):
        return {}
    return {terminal: name for name, terminal in terminals_of(chosen.spec, view.endpoints).items()}


def _is_architecture(name: str) -> bool:
    from sim.config.document import find_architecture
    from sim.core.errors import InputError

    try:
        find_architecture(name)
    except InputError:
        return False
    return True


def _lines(curve: dict[str, Any]) -> list[str]:
    lines = [
        f"{curve['topology']}: {curve['routers']} routers, {curve['terminals']} terminals, {curve['links']} links; "
        f"{curve['traffic']} traffic, {curve['packet_flits']} flits per packet, model {curve['model']}",
        "    rate   accepted   latency mean     p50     p95     p99   hottest port and link (flits/cycle)",
    ]
    for point in curve["points"]:
        waits = point["latency_cycles"]
        shown = f"{'saturated':>37}"
        if not point["saturated"]:
            shown = f"{waits['mean']:13.2f} {waits['p50']:7.0f} {waits['p95']:7.0f} {waits['p99']:7.0f}"
        hottest = [(one.get("port") or one["link"], one["flits_per_cycle"])
                   for what in ("ports", "links") for one in point[f"hottest_{what}"][:1]]  # fmt: skip
        where = ", ".join(f"{name} {load:.3f}" for name, load in hottest)
        lines.append(f"  {point['rate']:6.3f}   {point['accepted_flits_per_cycle']:8.4f}  {shown}   {where}")
    return [*lines, *(f"warning: {text}" for text in curve["warnings"])]


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim network mesh --set dims=[4,4] --traffic transpose --rate 0.1 --rate 0.2")(
        network
    )
