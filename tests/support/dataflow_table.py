"""The tables of ``docs/dataflows.md``: made from the models, so that a test can tell when they are out of date."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from sim.config.load import load_architecture
from sim.hardware.layout import Layout
from sim.hardware.pe.dataflow import Dataflow, Spread, TileExtents, dataflows
from sim.hardware.pe.dataflows.row_stationary import active_pes
from sim.hardware.pe.row_spec import RowStationarySpec
from sim.hardware.pe.systolic import SystolicModel
from sim.trace.expand import Free, expand
from sim.trace.load import load_trace
from sim.trace.work import ConvShape, MatrixSegment, MatrixWork

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "dataflows.md"
MARK = "<!-- table {}: scripts/make_dataflow_table.py -->"
END = "<!-- end of table {} -->"
FLOWS = ("os", "ws", "is", "rs")
ONE = Fraction(1)

ALEXNET = {  # groups, images, channels, size, kernel, stride, out, filters; Table V of Chen et al., JSSC 2017: PEs, ms
    "conv1": (1, 4, 3, 227, 11, 4, 55, 96, 154, 16.5),
    "conv2": (2, 4, 48, 31, 5, 1, 27, 128, 135, 39.2),
    "conv3": (1, 4, 256, 15, 3, 1, 13, 384, 156, 21.8),
    "conv4": (2, 4, 192, 15, 3, 1, 13, 192, 156, 16.0),
    "conv5": (2, 4, 192, 15, 3, 1, 13, 128, 156, 10.0),
}


def documented(text: str) -> str:
    """``text`` of the document with both tables made again."""
    for name, lines in (("depthwise", depthwise()), ("alexnet", alexnet())):
        start, end = MARK.format(name), END.format(name)
        before, rest = text.split(start)
        text = before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    return text


def chip() -> SystolicModel:
    """The array of the preset ``eyeriss_like``."""
    model = Layout(load_architecture("eyeriss_like")).cores[0].array_model
    assert model is not None
    return model


def with_wide_buses(model: SystolicModel) -> SystolicModel:
    """The same array with buses that never make a PE wait."""
    return SystolicModel(model.spec.model_copy(update={"row_stationary": RowStationarySpec()}), model.clock.hz)


def alexnet() -> list[str]:
    """AlexNet's convolutions, batch 4, as one tile each."""
    lines = ["| layer | PEs at work | chip | ms | chip | difference |", "|---|---:|---:|---:|---:|---:|"]
    model = chip()
    for name, (groups, images, channels, size, kernel, stride, out, filters, active, milliseconds) in ALEXNET.items():
        conv = ConvShape(images, size, size, channels, kernel, kernel, stride, stride, 1, 1, 0, 0, out, out)
        tile = model.extents(groups, images * out * out, filters, kernel * kernel * channels, ONE, conv)
        spread = dataflows.get("rs").spread(model.shape, tile)
        took = 1000 * spread.cycles / float(model.clock.hz)
        lines.append(f"| {name} | {active_pes(tile, spread)} | {active} | {took:.1f} | {milliseconds} | "
                     f"{100 * (took / milliseconds - 1):+.1f} % |")  # fmt: skip
    return lines


def depthwise() -> list[str]:
    """The distinct depthwise layers of MobileNet-v2, as one tile each, under every dataflow."""
    lines = ["| layer | dataflow | utilization | PEs with work | streaming | reason |", "|---|---|---:|---:|---:|---|"]
    model, wide = chip(), with_wide_buses(chip())
    seen: set[MatrixSegment] = set()
    for event in expand(load_trace("mobilenet_v2")):
        work = None if isinstance(event, Free) else event.work
        segment = work.segments[0] if isinstance(work, MatrixWork) else None
        conv = segment.conv if segment else None
        if segment is None or conv is None or segment.batch == 1 or segment in seen:
            continue
        seen.add(segment)
        title = f"{segment.batch} channels, {conv.out_h}x{conv.out_w}, stride {conv.stride_h}"
        for name in FLOWS:
            lines.append(f"| {title} | {name} | " + " | ".join(_figures(model, dataflows.get(name), segment)) + " |")
            title = ""
        lines.append("|  | rs, wide buses | " + " | ".join(_figures(wide, dataflows.get("rs"), segment)) + " |")
    return lines


def _figures(model: SystolicModel, flow: type[Dataflow], segment: MatrixSegment) -> tuple[str, ...]:
    tile = model.extents(segment.batch, segment.m, segment.n, segment.k, ONE, segment.conv)
    spread = flow.spread(model.shape, tile)
    pes = model.shape.rows * model.shape.cols
    streaming = int(flow.streaming(model.shape, tile, spread))
    shares = (segment.macs / (pes * spread.cycles), segment.macs / (pes * streaming), streaming / spread.cycles)
    return (*(f"{100 * share:.1f} %" for share in shares), _reason(model, flow.name, tile, spread))


def _reason(model: SystolicModel, name: str, tile: TileExtents, spread: Spread) -> str:
    rows, cols = model.shape.rows, model.shape.cols
    if name == "os":
        return f"one result column per group: 1 of {cols} columns; K = {tile.k} steps, but a fold drains {rows} rows"
    if name == "ws":
        return f"K = {tile.k} of {rows} rows and one filter per group, 1 of {cols} columns; {tile.m} pixels stream"
    if name == "is":
        return (
            f"K = {tile.k} of {rows} rows, {cols} pixels a fold; but one filter per group: 1 step for {rows} of loading"
        )
    place, made = spread.layout
    active = active_pes(tile, spread)
    ragged = tile.conv is not None and tile.conv.out_h % place.width
    edge = f", the last of {made.strips} strips is not full" if ragged and made.strips > 1 else ""
    taken = f"one PE set of {place.height} x {active // place.height}: {active} of {rows * cols} PEs{edge}; "
    if made.strip > made.work:
        bus = model.shape.row_stationary.ifmap_bus if model.shape.row_stationary else None
        return (
            taken + f"a strip waits for the input bus ({bus} word a cycle): {made.strip} cycles for {made.work} of work"
        )
    return taken + f"{place.kernel_cols} products, then 1 addition"
