#!/usr/bin/env python3
"""Write the table of Hugging Face families into ``docs/models-supported.md``.

    scripts/make_models_table.py

A test makes the table again and compares, so a change of a frontend shows as a change of the document.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))


def main() -> None:
    """Lower every public model and write the table."""
    from models_table import DOCUMENT, document_with, table

    DOCUMENT.write_text(document_with(table()), encoding="utf-8")


if __name__ == "__main__":
    main()
