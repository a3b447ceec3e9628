#!/usr/bin/env python3
"""Write the tables of dataflows into ``docs/dataflows.md``.

    scripts/make_dataflow_table.py

A test makes the tables again and compares, so a change of a dataflow shows as a change of the document.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))


def main() -> None:
    """Ask the dataflows' closed forms and write the tables."""
    from dataflow_table import DOCUMENT, documented

    DOCUMENT.write_text(documented(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
