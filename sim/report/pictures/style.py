"""What all pictures share: size, type, colours, and how a figure becomes the bytes of a file.

Colours are Okabe and Ito's palette and Paul Tol's (https://personal.sron.nl/~pault/), both made for colour-blind readers.
The same result gives the same bytes: no dates, and fixed identifiers in SVG.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_IN = 3.5
"""Width of one column of a two-column paper, in inches."""
FONT_PT = 7
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#332288", "#117733", "#882255")
KNOWN = {
    "busy": "#0072B2", "compute": "#0072B2", "vector": "#332288", "load": "#009E73", "store": "#56B4E9",
    "transfer": "#117733", "collective": "#44AA99", "pim": "#CC6677",
    "idle": "#E3E8EC", "stall: operand": "#E69F00", "stall: result": "#F0E442",
    "stall: credit": "#CC79A7", "stall: bank": "#D55E00", "stall: bus": "#882255", "stall: link": "#AA4499",
    "stall: dependency": "#999999", "stall: refresh": "#DDCC77", "stall: launch": "#661100",
}  # fmt: skip
OTHERS = ("#88CCEE", "#999933", "#AA4466", "#4477AA", "#EE8866", "#BBCC33", "#FFAABB", "#77AADD")
"""For kinds of slices that have no colour of their own, in turn: none of these is another's."""
LEGEND: dict[str, Any] = {
    "ncols": 3, "frameon": False, "handlelength": 0.8, "handleheight": 0.8, "columnspacing": 1.0, "borderaxespad": 0.2,
}  # fmt: skip
FORMATS = ("png", "svg", "pdf")
TIME_UNITS = ((1e12, "s"), (1e9, "ms"), (1e6, "us"), (1e3, "ns"), (1.0, "ps"))


@contextmanager
def figure(height_in: float, width_in: float = COLUMN_IN) -> Iterator[Figure]:
    """A figure of column width in the common style; drawn without any display."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": FONT_PT, "axes.labelsize": FONT_PT, "xtick.labelsize": FONT_PT - 1, "ytick.labelsize": FONT_PT - 1,
        "legend.fontsize": FONT_PT - 1, "axes.linewidth": 0.5, "svg.hashsalt": "tilesim", "svg.fonttype": "none",
        "pdf.fonttype": 42,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        made = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(made)
        yield made


def file_bytes(made: Figure, format: str) -> bytes:
    """The content of a file of ``format`` (png, svg or pdf)."""
    undated: dict[str, dict[str, Any]] = {
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
        "png": {"Software": None},
    }
    out = io.BytesIO()
    made.savefig(out, format=format, dpi=300, metadata=undated[format])
    return out.getvalue()


def colour(name: str, number: int = 0) -> str:
    """The colour of a kind of slice; others take theirs in turn."""
    return KNOWN.get(name, OTHERS[number % len(OTHERS)])


def time_unit(elapsed_ps: int) -> tuple[float, str]:
    """Picoseconds per unit, and the unit, in which a run's length is at least one."""
    return next(((scale, unit) for scale, unit in TIME_UNITS if elapsed_ps >= scale), TIME_UNITS[-1])


def clipped(text: str, most: int = 28) -> str:
    """A label without its first part when it is too long: the ends tell names apart."""
    return text if len(text) <= most else "…" + text[1 - most :]


def legend_above(axes: Any, entries: list[tuple[str, str]]) -> None:
    """A legend over the axes: (name, colour), as many to a row as fit a column."""
    if entries:
        axes.legend(handles=_patches(entries), loc="lower left", bbox_to_anchor=(0, 1.0), **LEGEND)


def legend_on_top(figure: Figure, entries: list[tuple[str, str]]) -> None:
    """A legend over all of a picture, from its left edge: there is more room than over axes beside long names."""
    if entries:
        figure.legend(handles=_patches(entries), loc="outside upper left", **LEGEND)


def _patches(entries: list[tuple[str, str]]) -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(facecolor=tint, label=name) for name, tint in entries]
