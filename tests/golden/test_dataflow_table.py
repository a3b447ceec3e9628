"""``docs/dataflows.md`` shows what the models say now."""

from __future__ import annotations

from dataflow_table import DOCUMENT, depthwise, documented


def test_the_tables_are_up_to_date() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == documented(text), "run scripts/make_dataflow_table.py"


def test_every_depthwise_layer_has_every_dataflow_with_a_reason() -> None:
    rows = [line.split(" | ") for line in depthwise()[2:]]
    assert len(rows) == 5 * 10  # rs twice, with the chip's buses and with wide ones
    assert all(row[-1].strip(" |") for row in rows)
