"""report.html in a real browser: no complaint, no network, tables sort, an operator can be selected, zoom works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, find_browser
from toy_cores import chain, toy_cores

import sim

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium here (Debian: apt-get install chromium)")
MOST_BYTES = 8 * 10**6
THREAD_S = 2.0
"""Processor time of the page's thread, warm; on an idle machine a window opens in 1.0 s warm and 3 s from a cold start."""
CELLS = "[...document.querySelectorAll('#operators tbody tr')].map(row => row.cells[{}].textContent)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a convolutional network, of a decode step, of one with in-memory computing, of a pipeline over groups of
    cores, and of a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    tpu = sim.load_architecture("tpu_v4")
    for name in ("resnet50", "llama2_7b_decode"):
        sim.simulate(sim.load_trace(name), tpu).save(folder / name)
    sim.simulate(sim.load_trace("llama2_7b_decode"), sim.load_architecture("neupims")).save(folder / "pim")
    sim.simulate(chain(2), toy_cores(folder)).save(folder / "groups")
    sim.compare("resnet50", ["scalesim_32x32"], ("os", "ws", "is")).save(folder / "compare")
    return {
        name: folder / name / "report.html" for name in ("resnet50", "llama2_7b_decode", "pim", "groups", "compare")
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(params=["resnet50", "llama2_7b_decode", "pim", "compare"])
def opened(request: pytest.FixtureRequest, pages: dict[str, Path], browser: Browser) -> Browser:
    browser.errors.clear()
    browser.requests.clear()
    browser.resize(1280, 900)
    browser.open(pages[request.param])
    return browser


@pytest.fixture
def resnet(pages: dict[str, Path], browser: Browser) -> Browser:
    browser.errors.clear()
    browser.resize(1280, 900)
    browser.open(pages["resnet50"])
    return browser


def test_pages_open_without_complaint_and_without_network(opened: Browser) -> None:
    assert opened.errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.requests), opened.requests
    assert opened.evaluate("document.querySelectorAll('.js-plotly-plot .main-svg').length") > 0


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_window(opened: Browser, width: int) -> None:
    opened.resize(width, 900)
    opened.call("Page.reload")
    opened.wait("document.body && document.body.dataset.drawn === 'yes'")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.errors == []


def test_the_table_sorts_both_ways(opened: Browser) -> None:
    names = opened.evaluate(CELLS.format(0))
    opened.evaluate("document.querySelector('#operators thead th').click()")
    up = opened.evaluate(CELLS.format(0))
    opened.evaluate("document.querySelector('#operators thead th').click()")
    down = opened.evaluate(CELLS.format(0))
    assert sorted(up) == sorted(down) == sorted(names)
    assert len(set(names)) > 1 and up[0] == down[-1] and up != down
    assert opened.evaluate("document.querySelector('#operators thead th').getAttribute('aria-sort')") == "descending"


def test_numbers_sort_as_numbers(resnet: Browser) -> None:
    resnet.evaluate(
        "[...document.querySelectorAll('#operators thead th')].find(th => th.textContent === 'cycles').click()"
    )
    cycles = [int(text.replace(",", "")) for text in resnet.evaluate(CELLS.format(4))]
    assert cycles == sorted(cycles, reverse=True) and cycles[0] > cycles[-1]


def test_the_filter_keeps_what_matches(resnet: Browser) -> None:
    resnet.evaluate("(() => { const box = document.getElementById('filter'); box.value = 'branch1 conv';"
                    "box.dispatchEvent(new Event('input')); })()")  # fmt: skip
    names = resnet.evaluate(CELLS.format(0))
    assert names and all("branch1" in name for name in names)
    assert resnet.evaluate("document.getElementById('count').textContent").startswith(f"{len(names)} of ")


def test_an_operator_can_be_selected(opened: Browser) -> None:
    assert opened.evaluate("document.getElementById('selected').hidden")
    name = opened.evaluate("document.querySelectorAll('#operators tbody tr')[2].cells[0].textContent")
    opened.evaluate("document.querySelectorAll('#operators tbody tr')[2].click()")
    assert not opened.evaluate("document.getElementById('selected').hidden")
    assert opened.evaluate("document.getElementById('selected-name').textContent").split(" ")[0] == name.split(" ")[0]
    assert opened.evaluate("document.querySelectorAll('#operators tr.selected').length") == 1


def test_a_selected_operator_shows_its_mapping_and_formula(resnet: Browser) -> None:
    resnet.evaluate("document.querySelectorAll('#operators tbody tr')[0].click()")
    text = resnet.evaluate("document.getElementById('selected-text').textContent")
    for word in ("mapping", "folds = ", "demand", "bytes moved", "energy"):
        assert word in text


def test_dragging_over_the_timeline_zooms_and_the_rows_follow(resnet: Browser) -> None:
    ranges = "['xaxis'].map(name => document.getElementById('timeline')._fullLayout[name].range)[0]"
    whole = resnet.evaluate(ranges)
    resnet.evaluate("document.getElementById('timeline').scrollIntoView()")
    box = resnet.evaluate(
        "(() => { const box = document.querySelector('#timeline .nsewdrag').getBoundingClientRect();"
        "return [box.left, box.top, box.width, box.height]; })()"
    )
    left, top, width, height = box
    middle = top + min(height, 200) / 2
    resnet.drag((left + 0.4 * width, middle), (left + 0.6 * width, middle))
    resnet.wait(f"{ranges}[1] - {ranges}[0] < {0.5 * (whole[1] - whole[0])}")
    low, high = resnet.evaluate(ranges)
    assert low == pytest.approx(whole[0] + 0.4 * (whole[1] - whole[0]), rel=0.05)
    assert high == pytest.approx(whole[0] + 0.6 * (whole[1] - whole[0]), rel=0.05)
    assert resnet.evaluate(
        "document.getElementById('timeline').data.every(trace => !trace.xaxis || trace.xaxis === 'x')"
    )
    resnet.evaluate("document.getElementById('zoom-out').click()")
    assert resnet.evaluate(ranges) == pytest.approx(whole)
    assert resnet.errors == []


def test_pointing_at_a_slice_tells_what_it_is(resnet: Browser) -> None:
    resnet.evaluate("document.getElementById('timeline').scrollIntoView()")
    left, top = resnet.evaluate(
        "(() => { const box = document.querySelector('#timeline .nsewdrag').getBoundingClientRect();"
        "return [box.left, box.top]; })()"
    )
    row = resnet.evaluate("DATA.timeline.lanes.findIndex(lane => lane.name.includes('mxu'))")
    offset = resnet.evaluate(f"document.getElementById('timeline')._fullLayout.yaxis.d2p({row})")
    resnet.call("Input.dispatchMouseEvent", type="mouseMoved", x=left + 40, y=top + offset, button="none")
    resnet.wait("document.getElementById('timeline-under').textContent.includes('ps)')")
    assert "mxu" in resnet.evaluate("document.getElementById('timeline-under').textContent")


def test_the_page_is_small_and_opens_soon(pages: dict[str, Path], browser: Browser) -> None:
    for path in pages.values():
        assert path.stat().st_size < MOST_BYTES
    assert min(browser.open(pages["resnet50"]) for _ in range(3)) < THREAD_S


def test_tables_can_be_read_before_the_plotting_library_arrives(pages: dict[str, Path]) -> None:
    for path in pages.values():
        text = path.read_text(encoding="utf-8")
        assert text.index("<script>fill();") < text.index("plotly.js v") < text.index("<script>draw();")


def test_the_page_draws_the_report_and_nothing_else(pages: dict[str, Path], resnet: Browser) -> None:
    import json

    report = json.loads((pages["resnet50"].parent / "report.json").read_text())
    assert resnet.evaluate("DATA.operators.length") == len(report["operators"])
    assert resnet.evaluate("DATA.operators.map(one => one.cycles)") == [one["cycles"] for one in report["operators"]]
    busy = resnet.evaluate("Object.entries(DATA.components).map(([path, one]) => [path, one.busy_ps, one.idle_ps])")
    assert busy == [[path, one["busy_ps"], one["idle_ps"]] for path, one in report["components"].items()]


def test_in_memory_work_has_a_roofline_and_a_box_of_its_own(pages: dict[str, Path], browser: Browser) -> None:
    browser.open(pages["pim"])
    engines = browser.evaluate("DATA.roofline.engines")
    assert list(engines) == ["pim", "vector"] and engines["pim"]["of"] == ["pim"]
    boxes = browser.evaluate("DATA.diagram.boxes.map(box => [box.path, box.name])")
    assert sorted(path for path, _ in boxes) == sorted({path for path, _ in boxes})
    assert dict(boxes)["chip.hbm.pim"] == "hbm.pim"


def test_groups_of_cores_have_a_table_where_layers_are_a_pipeline(
    pages: dict[str, Path], browser: Browser, resnet: Browser
) -> None:
    assert resnet.evaluate("document.getElementById('groups-part').hidden") is True
    browser.errors.clear()
    browser.open(pages["groups"])
    cells = browser.evaluate(
        "[...document.querySelectorAll('#groups tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert [row[0] for row in cells] == ["core[0]", "core[1]", "core[2]", "core[3]"]
    assert [row[4] for row in cells] == ["65.5 kB"] * 4 and cells[0][6] == "0 B" and cells[1][7] == "scratchpads"
    line = browser.evaluate("document.getElementById('groups-line').textContent")
    assert "4 equal groups would not work during 60.0 % of the run" in line
    assert browser.errors == []
