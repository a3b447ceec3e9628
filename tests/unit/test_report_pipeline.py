"""A run with joined regions is written, shown and explained like any other."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from sim.cli.main import app
from sim.trace.builder import TraceBuilder
from sim.trace.writer import trace_lines


def test_a_pipeline_is_reported_and_explained(tmp_path: Path) -> None:
    build = TraceBuilder("chain")
    x, hidden, y = (build.activation(name, (64, 64)) for name in ("x", "hidden", "y"))
    w, v = (build.weight(name, (64, 64)) for name in ("w", "v"))
    build.op("first", "gemm", {"m": 64, "n": 64, "k": 64}, {"a": [x], "b": [w]}, [hidden])
    build.op("second", "gemm", {"m": 64, "n": 64, "k": 64}, {"a": [hidden], "b": [v]}, [y])
    file, folder = tmp_path / "chain.jsonl", tmp_path / "run"
    file.write_text("\n".join(trace_lines(build.build(outputs=("y",)))) + "\n")
    runner = CliRunner()
    ran = runner.invoke(app, ["run", str(file), "-a", "tpu_v4", "--set", "policy.fusion=pipeline", "-o", str(folder)])
    assert ran.exit_code == 0, ran.output
    assert "fusion saved" in ran.output
    report = json.loads((folder / "report.json").read_text())
    assert report["fusion_saved_bytes"] == 2 * 64 * 64 * 2
    assert [one["region"] for one in report["operators"]] == ["first", "first"]
    explained = runner.invoke(app, ["explain", str(folder), "--operator", "first"])
    assert explained.exit_code == 0, explained.output
    assert "rows=" in explained.output and "fusion saved 16384 bytes" in explained.output
