"""The commands as a user runs them, each in its own process, on a small network and machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

MACHINE = """\
name: small
technology: 7 nm
clocks: {core: 1 GHz}
chip:
  core:
    count: 2
    mxu: {kind: systolic_array, count: 2, rows: 16, cols: 16, types: {bf16: 1}, clock: core}
    vpu: {kind: vector_unit, lanes: 16, clock: core}
    vmem: {kind: scratchpad, capacity: 128 KiB, banks: 8, width: 32 B, clock: core}
  cmem: {kind: scratchpad, capacity: 64 KiB, banks: 8, width: 16 B, clock: core}
  hbm: {kind: dram, device: HBM2_2400, capacity: 1 GiB, bandwidth: 64 GB/s}
  links:
    - {kind: crossbar, connects: [core.vmem, cmem, hbm], width: 64 B, clock: core}
energy: {table: cmos_7nm}
"""
CONFIG = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 4096,
}  # fmt: skip
MODEL = ["config.json", "--prompt", "32"]
RUN = ["run", *MODEL, "-a", "small.yaml"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(MACHINE)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    code = "from sim.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80", **environment},
    )  # fmt: skip


def tilesim(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_run_writes_everything_and_the_folder_explains_itself(folder: Path) -> None:
    code, out, err = tilesim(folder, *RUN, "-o", "out")
    assert (code, err) == (0, "")
    assert "cycles of core" in out and "out/timeline.json" in out
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["cycles"] > 0 and report["energy_j"] > 0 and report["schema_version"] == 1
    (folder / "small.yaml").unlink()
    (folder / "config.json").unlink()
    code, out, err = tilesim(folder, "explain", "out", "--operator", report["operators"][2]["name"])
    assert (code, err) == (0, "") and "bound" in out
    code, _, _ = tilesim(folder, "timeline", "out", "-o", "copy.json")
    assert code == 0 and (folder / "copy.json").read_bytes() == (folder / "out" / "timeline.json").read_bytes()


def test_json_to_stdout_stands_alone(folder: Path) -> None:
    code, out, err = tilesim(folder, *RUN, "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["trace"]["name"] and not (folder / "out").exists()


def test_lower_then_run_the_trace_gives_the_same_figures(folder: Path) -> None:
    assert tilesim(folder, "lower", *MODEL, "-o", "net.jsonl")[0] == 0
    assert tilesim(folder, "trace", "check", "net.jsonl")[0] == 0
    lowered = json.loads(tilesim(folder, "run", "net.jsonl", "-a", "small.yaml", "--json", "-")[1])
    direct = json.loads(tilesim(folder, *RUN, "--json", "-")[1])
    assert lowered["time_ps"] == direct["time_ps"] and lowered["energy_j"] == direct["energy_j"]


def test_compare_shows_every_dataflow(folder: Path) -> None:
    line = ["compare", *MODEL, "-a", "small.yaml", "--dataflow", "os,ws,is", "--json", "compare.json"]
    code, out, err = tilesim(folder, *line)
    assert (code, err) == (0, "")
    assert "the runs differ by what is said above" in " ".join(out.split())
    assert set(json.loads((folder / "compare.json").read_text())["variants"]) == {"os", "ws", "is"}


@pytest.mark.parametrize(
    "line",
    ["trace list", "arch list", "trace show resnet50", "arch show tpu_v4", "arch show tpu_v4 --energy",
     "arch check gemmini", "validate --list", "--version"],
)  # fmt: skip
def test_looking_around_works_from_any_folder(tmp_path: Path, line: str) -> None:
    code, out, err = tilesim(tmp_path, *line.split())
    assert (code, err) == (0, "") and out.strip()


def test_same_bytes_under_any_hash_seed_and_order_of_keys(folder: Path) -> None:
    shuffled = yaml.safe_load(MACHINE)
    shuffled["chip"] = dict(reversed(shuffled["chip"].items()))
    shuffled["chip"]["core"] = dict(reversed(shuffled["chip"]["core"].items()))
    texts = [MACHINE, MACHINE, MACHINE, yaml.safe_dump(dict(reversed(shuffled.items())), sort_keys=False)]
    found = []
    for number, text in enumerate(texts):
        (folder / "small.yaml").write_text(text)
        code, _, err = tilesim(folder, *RUN, "-o", f"out{number}", PYTHONHASHSEED=str(number % 3 + 1))
        assert (code, err) == (0, "")
        found.append({path.name: path.read_bytes() for path in sorted((folder / f"out{number}").iterdir())})
    assert all(one == found[0] for one in found[1:])


def test_an_interrupted_run_ends_cleanly(folder: Path) -> None:
    """Python inherits SIGINT ignored where the tests run in the background of a shell: a terminal's program has it."""
    long = ("--phase", "generate", "--generate", "4000")
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = start(folder, *RUN, *long, "-o", "out")
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)  # first use compiles kernels, which a signal waits for
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err and "Traceback" not in err
    assert not (folder / "out").exists()


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from sim.cli.main import run_command; run_command(['--help']); "
        "print([name for name in ('numpy', 'pydantic', 'simpy', 'numba', 'onnx', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_public_python_api(folder: Path) -> None:
    code = (
        "import sim; r = sim.simulate(sim.lower('config.json', prompt=32), sim.load_architecture('small.yaml',"
        " {'chip.hbm.bandwidth': '32 GB/s'})); r.save('api'); assert isinstance(r, sim.Result);"
        " c = sim.compare(sim.load_trace('config.json'), ['small.yaml'], ['ws']); print(r.cycles, len(c.variants))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, capture_output=True, check=True)
    assert done.stdout.split()[1] == "1" and (folder / "api" / "report.json").exists()
