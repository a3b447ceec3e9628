"""Fuzzing of every reader: whatever the bytes, an input is accepted or refused with InputError, quickly.

The quick tests are part of every run. The long one is marked slow; it goes on for TILESIM_FUZZ_SECONDS (30 by default)
and names the target and the seed of what failed, so that ``check(folder, target, seed)`` repeats it.
"""

from __future__ import annotations

import json
import lzma
import os
import time
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import onnx
import pytest
from chakra_files import STEP, binary, json_parts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from input_fuzz import accepts, damaged_bytes, damaged_text, damaged_value, encoded, json_text, sources

from sim.config.load import load_architecture
from sim.core.errors import Problems
from sim.energy.of_architecture import table_for
from sim.energy.read_table import read_table as read_energy_table
from sim.hardware.layout import Layout
from sim.trace.load import lower
from sim.trace.options import read_counts
from sim.validate.suite import suites
from sim.validate.table import read_table

DATA = Path(__file__).parents[1] / "data"
EXPORTED, PROGRAMS = DATA / "onnx" / "small", DATA / "pt2"
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
Target = Callable[[Path, Random], Callable[[], object]]


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _maybe_bytes(text: str, random: Random) -> bytes:
    """Mostly damage to the text, sometimes to its bytes."""
    return damaged_bytes(encoded(text), random) if random.random() < 0.15 else encoded(damaged_text(text, random))


def _architecture(folder: Path, random: Random) -> Callable[[], object]:
    path = _file(folder, "fuzz.yaml", _maybe_bytes(random.choice(sources("arch", "*.yaml"))[1], random))

    def read() -> None:
        architecture = load_architecture(path)
        Layout(architecture)
        table_for(architecture)

    return read


def _energy(folder: Path, random: Random) -> Callable[[], object]:
    path = _file(folder, "energy.yaml", _maybe_bytes(random.choice(sources("sim/energy/tables", "*.yaml"))[1], random))
    return lambda: read_energy_table(path)


def _trace(folder: Path, random: Random) -> Callable[[], object]:
    lines = random.choice(sources("traces", "*.jsonl"))[1].strip().split("\n")
    lines = lines[: random.randint(2, len(lines))]
    if random.random() < 0.3:
        damaged = _maybe_bytes("\n".join(lines), random)
        return partial(lower, _file(folder, "fuzz.jsonl", damaged))
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        lines[at] = json_text(damaged_value(json.loads(lines[at]), random))
    return partial(lower, _file(folder, "fuzz.jsonl", encoded("\n".join(lines))))


def _config(folder: Path, random: Random) -> Callable[[], object]:
    text = random.choice(sources("traces", "configs/*/config.json"))[1]
    if random.random() < 0.3:
        path = _file(folder, "fuzz.json", _maybe_bytes(text, random))
    else:
        path = _file(folder, "fuzz.json", encoded(json_text(damaged_value(json.loads(text), random))))
    options = random.choice([{}, {"phase": "decode"}, {"phase": "generate", "generate": 3}, {"batch": 7}])
    return lambda: lower(path, **options)


def _topology(folder: Path, random: Random) -> Callable[[], object]:
    good = "Layer, h, w, fh, fw, c, n, s,\nconv1, 224, 224, 7, 7, 3, 64, 2,\nconv2, 56, 56, 3, 3, 64, 64, 1, 2:4,\n"
    good = random.choice([good, "Layer, M, N, K,\ng1, 4, 5, 6,\ng2, 400, 100, 7, 1:2,\n"])
    path = _file(folder, "fuzz.csv", _maybe_bytes(good, random))
    return lambda: lower(path)


def _table(folder: Path, random: Random) -> Callable[[], object]:
    name, text = random.choice(sources("sim/validate/data", "*.csv"))
    suite = next(suites.get(one) for one in suites.names() if suites.get(one).data == name)
    lines = text.split("\n")
    path = _file(folder, "table.csv", _maybe_bytes("\n".join(lines[:8]), random))
    return lambda: read_table(path, suite.columns)


def _counts(folder: Path, random: Random) -> Callable[[], object]:
    path = _file(folder, "counts.txt", _maybe_bytes("# tokens\n1 2, 3\n[4, 5]\n0 # none\n", random))

    def read() -> None:
        problems = Problems()
        read_counts(path, "--experts", problems)
        problems.raise_if_any()

    return read


def _onnx(folder: Path, random: Random) -> Callable[[], object]:
    good = random.choice(sorted(LIGHT.glob("*.onnx"))).read_bytes()
    path = _file(folder, "fuzz.onnx", damaged_bytes(good, random))
    return lambda: lower(path)


def _exported(folder: Path, random: Random) -> Callable[[], object]:
    good = random.choice([path for path in sorted(EXPORTED.glob("*.onnx.xz")) if path.stat().st_size < 6000])
    return partial(lower, _file(folder, "fuzz.onnx", damaged_bytes(lzma.decompress(good.read_bytes()), random)))


def _pt2(folder: Path, random: Random) -> Callable[[], object]:
    good = random.choice([path for path in sorted(PROGRAMS.glob("*.pt2")) if path.stat().st_size < 8000])
    path = folder / "fuzz.pt2"
    if random.random() < 0.2:
        return partial(lower, _file(folder, "fuzz.pt2", damaged_bytes(good.read_bytes(), random)))
    with zipfile.ZipFile(good) as archive, zipfile.ZipFile(path, "w") as out:
        for name in archive.namelist():
            text = archive.read(name).decode()
            if name.endswith(".json"):
                text = json_text(damaged_value(json.loads(text), random))
            out.writestr(name, encoded(text))
    return partial(lower, path)


def _chakra(folder: Path, random: Random) -> Callable[[], object]:
    if random.random() < 0.5:
        path = _file(folder, "fuzz.et", damaged_bytes(binary(STEP), random))
    else:
        parts = [json_text(damaged_value(part, random)) for part in json_parts(STEP)]
        path = _file(folder, "fuzz.et.json", encoded("\n".join(parts)))
    return lambda: lower(path, shapes={"ranks": 8})


TARGETS: dict[str, Target] = {
    "architecture": _architecture, "energy": _energy, "trace": _trace, "config": _config, "topology": _topology,
    "table": _table, "counts": _counts, "onnx": _onnx, "exported": _exported, "pt2": _pt2, "chakra": _chakra,
}  # fmt: skip


def check(folder: Path, target: str, seed: int) -> bool:
    """Make the damaged input of a seed and read it; is it accepted?"""
    return accepts(TARGETS[target](folder, Random(seed)))


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_inputs_are_accepted_or_refused(tmp_path, target):
    accepted = [check(tmp_path, target, seed) for seed in range(40)]
    assert not all(accepted), "no damage was noticed: this test does not test"


TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(['{"', '"', ":", "[", "]", "{", "}", ",", "\n", "op", "name", "-1", "1e9", "&a", "*a", "- "]),
             max_size=40).map("".join),
)  # fmt: skip


@pytest.mark.parametrize("suffix", ["yaml", "jsonl", "json", "csv", "onnx"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_any_text_is_accepted_or_refused(tmp_path, suffix, text):
    path = _file(tmp_path, f"any.{suffix}", encoded(text))
    accepts(lambda: load_architecture(path) if suffix == "yaml" else lower(path))


@pytest.mark.parametrize("suffix", ["yaml", "jsonl", "json", "csv", "onnx"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_accepted_or_refused(tmp_path, suffix, content):
    path = _file(tmp_path, f"any.{suffix}", content)
    accepts(lambda: load_architecture(path) if suffix == "yaml" else lower(path))


@pytest.mark.slow
def test_damaged_inputs_for_long(tmp_path):
    start = int(os.environ.get("TILESIM_FUZZ_SEED", "1000"))
    end = time.monotonic() + float(os.environ.get("TILESIM_FUZZ_SECONDS", "30"))
    for seed in count(start):
        if time.monotonic() > end:
            return
        for target in TARGETS:
            try:
                check(tmp_path, target, seed)
            except BaseException as error:
                error.add_note(f"target {target!r}, seed {seed}")
                raise
