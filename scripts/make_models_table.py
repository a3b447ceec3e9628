#!/usr/bin/env python3
"""Write the tables of Hugging Face families and of exported graphs into ``docs/models-supported.md``.

    scripts/make_models_table.py

Tests make the tables again and compare, so a change of a frontend shows as a change of the document.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))


def main() -> None:
    """Lower every public model and write the table."""
    import exported_models
    from models_table import DOCUMENT, document_with, table

    DOCUMENT.write_text(document_with(table()), encoding="utf-8")
    with TemporaryDirectory() as folder:
        new = exported_models.table(Path(folder))
    DOCUMENT.write_text(document_with(new, exported_models.START, exported_models.END), encoding="utf-8")


if __name__ == "__main__":
    main()
