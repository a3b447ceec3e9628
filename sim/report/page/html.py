"""Puts a page together: our markup, style and scripts, the data as JSON, and the plotting library.

The library is plotly.js, from the data files of the ``plotly`` Python package (only that file is read; the package
itself is not imported). Everything is inside the page, so it needs no network and can be sent as one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sim.core.errors import InputError, Place, Problem

ASSETS = files("sim.report.page") / "assets"
SHARED = ("format.js", "table.js", "charts.js")


def html_chunks(title: str, body: str, scripts: tuple[str, ...], data: dict[str, Any]) -> Iterator[str]:
    """The text of a page: ``body`` and ``scripts`` name asset files, ``data`` is what the scripts draw.

    The scripts define ``fill``, which makes what can be read, and ``draw``, which makes the charts. The library, which is
    most of the page, stands between them, so that a reader does not wait for it.
    """
    yield f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n{_asset(body)}"
    yield f'<script type="application/json" id="data">{_embedded(data)}</script>\n'
    for name in (*SHARED, *scripts):
        yield f"<script>\n{_asset(name)}</script>\n"
    yield "<script>fill();</script>\n"
    yield f"<script>{_library()}</script>\n"
    yield "<script>draw();</script>\n</body>\n</html>\n"


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _embedded(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/").replace("<!--", "<\\u0021--")


def _library() -> str:
    found = find_spec("plotly")
    if found is None or found.origin is None:
        message = "the report page needs the plotly package, which is not installed"
        raise InputError([Problem(message, allowed="pip install plotly")])
    path = Path(found.origin).parent / "package_data" / "plotly.min.js"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([Problem("the plotly package lacks its script", Place(str(path)))]) from error
