"""Pictures for papers, compared by structure: axes, series, labels; no text lies on other text; one file, no dates."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from report_toys import MACHINE, machine, network, toy_result

from sim.core.errors import InputError
from sim.report.compare import compare
from sim.report.page.arrow_labels import ADVANCE, HEIGHT, Area, place_labels
from sim.report.page.html import ASSETS
from sim.report.pictures import bars, over_time, roofline, topology
from sim.report.pictures.draw import WHATS, comparison_picture, picture
from sim.report.pictures.style import COLUMN_IN, FORMATS, KNOWN, OTHERS, PALETTE, figure
from sim.report.result import Result
from sim.report.simulation import simulate

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@cache
def large_result() -> Result:
    """More than forty components."""
    return simulate(network(), machine(chip__core__count="12"))


def drawn(draw: Any, height: float, *arguments: Any) -> Any:
    """A figure as it would be saved."""
    with figure(height) as made:
        draw(made, *arguments)
        made.canvas.draw()
        return made


def timeline(result: Result) -> Any:
    return drawn(over_time.draw_timeline, over_time.timeline_height_in(result), result, result.recorder)


def utilization(result: Result) -> Any:
    return drawn(over_time.draw_utilization, over_time.utilization_height_in(result), result, result.recorder)


def energy(result: Result) -> Any:
    return drawn(bars.draw_energy, bars.energy_height_in(result), result)


def roof(result: Result) -> Any:
    return drawn(roofline.draw_roofline, roofline.HEIGHT_IN, result)


def boxes(result: Result) -> Any:
    return drawn(topology.draw_topology, topology.topology_height_in(result), result)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("what", WHATS)
def test_every_picture_in_every_format(what: str, format: str) -> None:
    data = picture(toy_result(), what, format)
    assert data.startswith(SIGNATURES[format])
    if format == "svg":
        assert picture(toy_result(), what, format) == data
        assert not re.search(rb"dc:date|https?://(?!www\.w3\.org|creativecommons|purl|matplotlib)", data)


def test_the_timeline_has_a_row_for_every_lane() -> None:
    result = toy_result()
    (axes,) = timeline(result).axes
    names = [lane.name for one in over_time.shown_components(result) for lane in one.lanes]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == [name.partition(".")[2].replace(".chip.", ".") for name in names]
    bars_drawn = [path for one in axes.collections for path in one.get_paths()]
    assert len(bars_drawn) == len(result.recorder.slices().lane)  # type: ignore[union-attr]
    assert axes.get_xlabel() == "time (us)"


def test_utilization_reaches_what_is_busy_or_stalled() -> None:
    result = toy_result()
    made = utilization(result)
    assert len(made.axes) == len(result.components)
    titles = {text.get_text() for axes in made.axes for text in axes.texts}
    assert titles == {path.partition(".")[2] for path in result.components}
    assert all(axes.get_ylim() == (0, 100) for axes in made.axes)


def test_roofline_shows_every_operator_that_multiplies_and_no_point_above_the_roof() -> None:
    result = toy_result()
    (axes,) = roof(result).axes
    points = [tuple(point) for one in axes.collections for point in one.get_offsets()]
    tiers = result.roofline["tiers"]
    tier = min(tiers, key=lambda path: tiers[path]["bytes_per_s"])
    expected = [one for one in result.operators if one["macs_executed"] and one["time_ps"] and one["bytes"].get(tier)]
    assert len(points) == len(expected) > 0
    for intensity, rate in points:
        assert rate <= result.peak_macs_per_s * (1 + 1e-9)
        assert rate <= intensity * tiers[tier]["bytes_per_s"] * (1 + 1e-9)
    assert len(axes.lines) == len(tiers)


def test_energy_bars_add_up_to_the_report() -> None:
    result = toy_result()
    above, below = energy(result).axes
    assert sum(bar.get_width() for bar in above.patches) == pytest.approx(result.energy_j)
    operators = sum(one["energy_j"] for one in result.operators)
    assert sum(bar.get_width() for bar in below.patches) == pytest.approx(operators)


def test_the_topology_has_every_part_and_the_bytes_between_memories() -> None:
    result = toy_result()
    (axes,) = boxes(result).axes
    texts = [text.get_text() for text in axes.texts]
    for name in ("core ×2", "mxu ×2", "vmem", "cmem", "hbm", "host", "xbar"):
        assert name in texts
    arrows = [one for one in axes.patches if type(one).__name__ == "FancyArrowPatch"]
    assert len(arrows) == len(result.traffic) > 0


def test_no_legend_leaves_the_picture_and_no_two_of_its_colours_are_alike() -> None:
    result = toy_result()
    for made in (timeline(result), utilization(result)):
        (legend,) = made.legends
        box = legend.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= made.bbox.width and box.y1 <= made.bbox.height
    one_colour = [tint for name, tint in KNOWN.items() if name != "busy"]
    assert len({*one_colour, *OTHERS}) == len(one_colour) + len(OTHERS)
    known = re.search(r"const KNOWN = \{(.*?)\};", (ASSETS / "format.js").read_text(), re.S)
    assert known is not None
    on_page = dict(re.findall(r'(\w+): "(#\w+)"', known[1]))
    assert on_page == {name.removeprefix("stall: "): tint for name, tint in KNOWN.items()}


def test_figures_of_arrows_lie_on_no_box_and_on_no_other() -> None:
    """A memory between two others, so that two pairs of arrows meet at it."""
    boxes = [
        {"x": x, "y": y, "width": 150, "height": 56, "kind": "dram"} for x, y in ((0, 0), (400, 0), (200, 240))
    ]  # fmt: skip
    ends = [((275, 240), (75, 56)), ((289, 240), (89, 56)), ((275, 240), (475, 56)), ((289, 240), (489, 56))]
    arrows: list[dict[str, Any]] = [
        {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "right": place % 2 == 1}
        for place, ((x1, y1), (x2, y2)) in enumerate(ends)
    ]
    place_labels(arrows, boxes, ["123 kB"] * 4)
    width = 6 * ADVANCE
    areas = [Area(box["x"], box["y"], box["x"] + 150, box["y"] + 56) for box in boxes]
    for one in arrows:
        left = one["label_x"] - (width if one["label_anchor"] == "end" else 0)
        areas.append(Area(left, one["label_y"] - HEIGHT + 2, left + width, one["label_y"] + 2))
    assert not any(one.meets(other) for one, other in combinations(areas, 2))


def test_figures_of_arrows_between_neighbours_lie_above_and_below_them() -> None:
    boxes = [{"x": x, "y": 0, "width": 150, "height": 56, "kind": "dram"} for x in (0, 172)]
    arrows: list[dict[str, Any]] = [
        {"x1": 150, "y1": 35, "x2": 172, "y2": 35, "right": True}, {"x1": 172, "y1": 21, "x2": 150, "y2": 21, "right": False}
    ]  # fmt: skip
    place_labels(arrows, boxes, ["123 kB"] * 2)
    below, above = (one["label_y"] for one in arrows)
    assert above <= 0 and below - HEIGHT >= 56 - 2


def test_a_comparison_has_a_bar_per_operator_and_variant() -> None:
    data = compare(network(), [machine()], ("os", "ws")).to_dict()
    made = drawn(bars.draw_comparison, bars.comparison_height_in(data), data)
    (axes,) = made.axes
    expected = [one["time_s"] for row in data["operators"] for one in row["variants"].values()]
    assert sorted(bar.get_width() for bar in axes.patches) == pytest.approx(sorted(expected))
    assert comparison_picture(data, "svg").startswith(b"<?xml")


@pytest.mark.parametrize("result", [toy_result, large_result])
@pytest.mark.parametrize("make", [timeline, utilization, roof, energy, boxes])
def test_no_text_lies_on_other_text_and_the_width_is_a_column(make: Any, result: Any) -> None:
    made = make(result())
    assert made.get_size_inches()[0] == COLUMN_IN
    renderer = made.canvas.get_renderer()
    for axes in made.axes:
        for labels in (axes.get_yticklabels(), axes.texts):
            shown = [one.get_window_extent(renderer) for one in labels if one.get_visible() and one.get_text()]
            assert not any(_overlap(one, other) for one, other in combinations(shown, 2))
        assert all(one.get_fontsize() >= 5 for one in [*axes.get_yticklabels(), *axes.texts])
    for upper, lower in pairwise(made.axes):
        assert upper.get_window_extent(renderer).y0 >= lower.get_window_extent(renderer).y1


def _overlap(one: Any, other: Any) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return bool(wide > 1 and high > 1)


def test_colours_of_a_picture_are_told_apart() -> None:
    stalls = [tint for name, tint in KNOWN.items() if name.startswith("stall")]
    assert len(set(stalls)) == len(stalls) and not set(stalls) & {KNOWN["compute"], KNOWN["idle"]}
    assert len(set(PALETTE)) == len(PALETTE)


def test_over_time_needs_a_recording(tmp_path: Path) -> None:
    assert MACHINE
    plain = simulate(network(), machine(), timeline=False)
    with pytest.raises(InputError):
        picture(plain, "timeline", "svg")
