"""The console tables: within the width, without colour, in plain characters where the terminal has no others."""

from __future__ import annotations

import io

import pytest
from report_toys import machine, network, toy_result
from rich.console import Console

from sim.report.compare import compare
from sim.report.compare_text import show_comparison
from sim.report.table_cells import BUSY, IDLE, STALLED, bar


def shown(width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    toy_result().show(Console(file=file, width=width))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off_or_coloured(width: int) -> None:
    text = shown(width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text and "\x1b" not in text
    for word in ("toy_net on toy", "cycles of core", "layer.up +1 x3", "core.mxu x4", "average power", "stalled by"):
        assert word in text


def test_a_terminal_without_block_characters_gets_plain_ones() -> None:
    text = shown(80, "ascii")
    assert "#" in text and BUSY not in text


def test_bars_add_up_to_their_width() -> None:
    assert bar([(1 / 3, BUSY), (1 / 3, STALLED)], True, 10) == BUSY * 3 + STALLED * 4 + IDLE * 3
    assert bar([(1.0, BUSY), (0.2, STALLED)], False, 4) == "####"


def test_comparison_fits_and_marks_the_best() -> None:
    file = io.StringIO()
    show_comparison(compare(network(), [machine()], ["os", "ws"]), Console(file=file, width=80))
    text = file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "*" in text and "longer, mostly by" in text
