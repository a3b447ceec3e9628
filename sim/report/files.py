"""Writing the files of a run's folder: report.json, operators.csv, components.csv, result.json, timeline.json,
recording.npz, report.html.

They appear together or not at all, and the same run gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sim.core.atomic import write_files
from sim.observe.recording import recording_bytes
from sim.observe.timeline import timeline_chunks
from sim.report.power import amounts
from sim.report.result_data import ResultData
from sim.report.run_folder import COMPONENTS, OPERATORS, PAGE, RECORDING, REPORT, RESULT, TIMELINE, report_text


def save(result: ResultData, folder: Path) -> tuple[Path, ...]:
    """Write everything; returns the paths in the order named above."""
    from sim.report.page.run_page import run_page

    files: dict[Path, Iterable[str | bytes]] = {
        folder / REPORT: [report_text(result.to_dict())],
        folder / OPERATORS: [_csv(flat_operators(result))],
        folder / COMPONENTS: [_csv(flat_components(result))],
        folder / RESULT: [_result_text(result)],
    }
    if result.recorder is not None:
        files[folder / TIMELINE] = timeline_chunks(result.record, result.recorder, amounts(result))
        files[folder / RECORDING] = [recording_bytes(result.recorder)]
    files[folder / PAGE] = run_page(result)
    write_files(files)
    return tuple(files)


def flat_operators(result: ResultData) -> list[dict[str, Any]]:
    """Operators with one column per tier and direction (``<tier>.read_bytes``) instead of nested bytes."""
    tiers = sorted({tier for one in result.operators for tier in one["bytes"]})
    rows = []
    for one in result.operators:
        row = {key: value for key, value in one.items() if key not in ("bytes", "fused")}
        row["fused"] = " ".join(one["fused"])
        for tier in tiers:
            moved = one["bytes"].get(tier, {"read": 0, "written": 0})
            row |= {f"{tier}.read_bytes": moved["read"], f"{tier}.written_bytes": moved["written"]}
        rows.append(row)
    return rows


def flat_components(result: ResultData) -> list[dict[str, Any]]:
    """Components with one column per cause of stall, in seconds and exact picoseconds."""
    causes = sorted({cause for one in result.components.values() for cause in one["stall_ps"]})
    rows = []
    for path, one in result.components.items():
        row = {"path": path} | {key: value for key, value in one.items() if not isinstance(value, dict | list)}
        row |= {f"stall_{cause}_s": one["stall_s"].get(cause, 0.0) for cause in causes}
        row |= {f"stall_{cause}_ps": one["stall_ps"].get(cause, 0) for cause in causes}
        row |= {f"{name}_j": joules for name, joules in one["energy_j"].items()}
        rows.append(row)
    return rows


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def _result_text(result: ResultData) -> str:
    """Sorted keys: the architecture's document keeps the order of its file, which says nothing."""
    data = {
        "schema_version": result.schema_version,
        "tool": result.tool,
        "record": result.record.to_dict(),
        "prices": list(result.prices),
        "report": result.to_dict(),
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
