"""What tables in a terminal are made of: plain columns, percentages, short paths, and bars that need no colour."""

from __future__ import annotations

from rich.table import Table

BAR = 20
BUSY, STALLED, IDLE = "█", "▒", "·"
PLAIN = {BUSY: "#", STALLED: "=", IDLE: "."}


def percent(share: float | None) -> str:
    """A share as a percentage; "-" when it is undefined."""
    return "-" if share is None else f"{100 * share:.1f} %"


def table(*columns: tuple[str, str], fold_first: bool = False) -> Table:
    """A plain table with (title, justify) columns; with ``fold_first`` the first one may take several lines."""
    made = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold", collapse_padding=True)
    for place, (title, justify) in enumerate(columns):
        folds = fold_first and place == 0
        made.add_column(title, justify=justify, no_wrap=not folds, overflow="fold" if folds else "ellipsis")  # type: ignore[arg-type]
    return made


def short(path: str | None) -> str:
    """A component's path without the outermost group, which all of them share."""
    if path is None:
        return "-"
    return path[path.find(".") + 1 :]


def bar(shares: list[tuple[float, str]], draw: bool, width: int = BAR) -> str:
    """A bar of shares of a whole; boundaries are rounded, so that the parts add up to the width."""
    text, before, total = "", 0, 0.0
    for share, mark in shares:
        total += share
        upto = min(width, round(total * width))
        text += mark * (upto - before)
        before = upto
    text += IDLE * (width - before)
    return text if draw else "".join(PLAIN[mark] for mark in text)
