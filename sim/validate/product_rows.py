"""Rows that are one matrix product each: grouped by array, run together, scored one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.validate.bare_array import Array, Counts, Product, run_products
from sim.validate.scores import Scores
from sim.validate.suite import Progress
from sim.validate.table import Row


def score_products(
    rows: Sequence[Row],
    product_of: Callable[[Row], Product | None],
    unusable: str,
    score_row: Callable[[Row, Array, Counts, Scores], None],
    scores: Scores,
    progress: Progress,
) -> None:
    """One run per array and dataflow, with all of its rows as independent operators.

    A row without a product is skipped with the reason ``unusable``.
    """
    groups: dict[Array, list[tuple[Row, Product]]] = {}
    for row in rows:
        product = product_of(row)
        if product is None:
            scores.skip(row, unusable)
            continue
        array = Array(row.text("dataflow"), row.integer("rows"), row.integer("cols"))
        groups.setdefault(array, []).append((row, product))
    done = 0
    for array, members in groups.items():
        found = run_products(array, [product for _, product in members])
        for (row, _), counts in zip(members, found, strict=True):
            score_row(row, array, counts, scores)
        done += len(members)
        progress(done, len(rows))
