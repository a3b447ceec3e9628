"""Layers import downwards only, modules and functions stay short, and heavy packages load only where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest

import sim

LAYERS = ("core", "config", "trace", "hardware", "mapping", "run", "observe", "energy", "report", "validate", "cli")
ROOT = Path(sim.__file__).parent
FILES = sorted(file for file in ROOT.rglob("*.py") if "_data" not in file.parts)
MOST_LINES = 400
MOST_FUNCTION_LINES = 50


def layer_of(file: Path) -> str | None:
    """The layer a file belongs to; None for the package's own ``__init__``."""
    first = file.relative_to(ROOT).parts[0]
    return first if first in LAYERS else None


def imported(file: Path) -> Iterator[tuple[str, int]]:
    """Modules of this package that a file imports anywhere, also inside functions, with their lines."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            module = node.module or ""
            if module == "sim":
                yield from ((f"sim.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


def test_every_file_belongs_to_a_layer() -> None:
    assert {file for file in FILES if layer_of(file) is None} <= {ROOT / "__init__.py", ROOT / "__main__.py"}


def test_imports_go_downwards() -> None:
    upward = []
    for file in FILES:
        layer = layer_of(file)
        if layer is None:
            continue
        for module, line in imported(file):
            parts = module.split(".")
            if parts[0] == "sim" and len(parts) > 1 and parts[1] in LAYERS:
                if LAYERS.index(parts[1]) > LAYERS.index(layer):
                    upward.append(f"{file.relative_to(ROOT)}:{line} imports {module}")
            elif parts[0] == "sim":
                upward.append(f"{file.relative_to(ROOT)}:{line} imports the package itself")
    assert upward == []


def test_files_import_each_other_in_no_circle() -> None:
    """Imports inside functions and for type checking count: a circle is one thing written in two files."""
    files = {".".join(("sim", *file.relative_to(ROOT).with_suffix("").parts)): file for file in FILES}
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for name, file in files.items():
        graph.add_edges_from((name, module) for module, _ in imported(file) if module in files and module != name)
    assert [sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1] == []


def test_models_know_nothing_of_what_observes_prices_or_reports_them() -> None:
    """Implied by the order of the layers; said apart because it is rule 2 of the design."""
    for file in FILES:
        if layer_of(file) in ("core", "hardware", "mapping", "run"):
            assert not [module for module, _ in imported(file) if module.split(".")[1:2] in
                        (["observe"], ["energy"], ["report"])], file  # fmt: skip


def test_files_are_short() -> None:
    long = {
        str(file.relative_to(ROOT)): count
        for file in FILES
        if (count := len(file.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_functions_are_short() -> None:
    """Bodies only: without decorators, signature and docstring. Compiled kernels are one loop each and may be longer."""
    long = []
    for file in FILES:
        if file.name.startswith("_kernels"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0
            if lines > MOST_FUNCTION_LINES:
                long.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines")
    assert long == []


@pytest.mark.parametrize("module", ["sim", "sim.run.simulate", "sim.config.load", "sim.trace.load"])
def test_heavy_packages_are_imported_only_where_they_are_used(module: str) -> None:
    heavy = ("onnx", "matplotlib", "numba", "pandas", "torch", "networkx", "rich", "typer")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "[]"
