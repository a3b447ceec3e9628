"""``tilesim memory``: what a request pattern gets out of a memory device."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sim.cli.options import Json
from sim.cli.output import write_json


def memory(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="a device of the library, such as HBM3_6400")],
    pattern: Annotated[str, typer.Option("--pattern", help="seq_rd, rand_mix21, stride4096, ...")] = "seq_rd",
    requests: Annotated[int, typer.Option("--requests", min=1, help="how many requests")] = 100_000,
    granule: Annotated[int | None, typer.Option("--granule", help="bytes between requests; default: one burst")] = None,
    width: Annotated[int, typer.Option("--width", min=1, help="requests issued per memory clock at most")] = 16,
    channels: Annotated[int | None, typer.Option("--channels", min=1, help="channels; default: the device's")] = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", help="field order such as rorabgbachco, or a name")
    ] = None,
    policy: Annotated[str, typer.Option("--policy", help="controller policy")] = "bank_round_robin",
    json: Json = None,
) -> None:
    """Run a request pattern on a memory device, command by command, and show what it achieves and loses."""
    from sim.hardware.memory.pattern_report import pattern_report

    report = pattern_report(
        device, pattern, requests, granule_bytes=granule, issue_width=width, channels=channels, mapping=mapping,
        policy=policy,
    )  # fmt: skip
    if json is not None:
        write_json(report, json)
    if json != "-":
        typer.echo("\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> list[str]:
    from sim.core.units import format_si

    counts, latency = report["counts"], report["read_latency_ns"]
    lines = [
        f"{report['device']}, {report['pattern']}, {report['requests']} requests, mapping {report['mapping']}, "
        f"policy {report['policy']}",
        f"  time            {format_si(report['time_s'], 's')} ({report['cycles']} cycles at "
        f"{format_si(report['clock_hz'], 'Hz', 4)})",
        f"  bandwidth       {format_si(report['achieved_bytes_per_s'], 'B/s')} of "
        f"{format_si(report['peak_bytes_per_s'], 'B/s')} ({100 * report['efficiency']:.1f} %)",
        f"  read latency    mean {latency['mean']:.1f} ns, p50 {latency['p50']:.1f}, p95 {latency['p95']:.1f}, "
        f"p99 {latency['p99']:.1f}",
        f"  row hits        {100 * report['row_hit_rate']:.1f} %; {counts['activates']} activates, "
        f"{counts['precharges']} precharges, {counts['refreshes']} refreshes",
        "  faster without  "
        + ", ".join(f"{cause} {100 * share:.1f} %" for cause, share in report["time_lost"].items()),
    ]
    if report["energy_pj"] is not None:
        lines.append(f"  energy          {format_si(report['energy_pj']['total'] * 1e-12, 'J')}")
    return [*lines, f"  source          {report['source']}"]


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(epilog="Example: tilesim memory HBM3_6400 --pattern rand_mix21")(memory)
