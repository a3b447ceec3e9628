"""Lowering options, and the choice of the frontend: what cannot be used is refused, never ignored."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sim.core.errors import InputError
from sim.trace.frontends import frontends
from sim.trace.load import load_trace, lower
from sim.trace.options import LowerOptions

CONV = "Layer, H, W, R, S, C, N, Stride,\nconv1, 8, 8, 3, 3, 4, 16, 1,\n"


def test_what_is_not_given_is_at_its_default() -> None:
    assert LowerOptions.of() == LowerOptions()
    assert LowerOptions.of(batch=None, kv=None).given() == ()
    assert LowerOptions.of(batch="4", prompt=[1, 2], weights="int4_g128").given() == ("batch", "prompt", "weights")
    options = LowerOptions.of(dtype="fp16", weights="int8")
    assert (options.weight_dtype, options.kv_dtype) == ("int8", "fp16")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"btach": 2}, "did you mean 'batch'"),
        ({"batch": 0}, "--batch: not a count"),
        ({"batch": True}, "--batch: not a count"),
        ({"batch": 2.0}, "--batch: not a count"),
        ({"prompt": -1}, "--prompt: not a count"),
        ({"prompt": "-1"}, "--prompt: not a count"),
        ({"prompt": []}, "empty list"),
        ({"prompt": [4, 0]}, "--prompt: not a count"),
        ({"context": 2**60}, "--context: not a count"),
        ({"phase": "decod"}, "did you mean 'decode'"),
        ({"dtype": "bf61"}, "--dtype: unknown data type"),
        ({"shapes": 3}, "NAME=N"),
        ({"shapes": {"N": 0}}, "--shape: not a count"),
        ({"experts": 3}, "--experts: expected a file"),
        ({"allow_unsupported": "yes"}, "--allow-unsupported: expected true or false"),
    ],
)
def test_bad_values_are_input_errors(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        LowerOptions.of(**raw)
    assert message in str(caught.value)


def test_all_bad_options_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        LowerOptions.of(batch=0, phase="x", dtype="y", nonsense=1)
    assert len(caught.value.problems) == 4


def test_lengths_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("128, 256  # two requests\n[512]\n", encoding="utf-8")
    assert LowerOptions.of(prompt=str(path)).prompt == (128, 256, 512)
    path.write_text("128\n  x -3\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        LowerOptions.of(prompt=path)
    places = [problem.place for problem in caught.value.problems]
    assert [(place.line, place.column) for place in places if place] == [(2, 3), (2, 5)]
    with pytest.raises(InputError, match="cannot read the file"):
        LowerOptions.of(context="no_such_file.txt")


def test_every_frontend_says_what_it_reads_and_names_real_options() -> None:
    known = {option.name for option in dataclasses.fields(LowerOptions)}
    for name in frontends.names():
        frontend = frontends.get(name)
        assert frontend.reads
        assert frontend.options <= known
        assert not frontend.matches(Path("README.md"))


@pytest.mark.parametrize("options", [{"phase": "decode"}, {"prompt": 3}, {"batch": 2}, {"shapes": {"N": 1}}])
def test_an_option_that_means_nothing_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "net.csv"
    path.write_text(CONV, encoding="utf-8")
    assert lower(path, dtype="int8").name == "net"
    with pytest.raises(InputError, match="means nothing for this model"):
        lower(path, **options)
    with pytest.raises(InputError, match="means nothing for this model"):
        lower("gpt2", **options)


def test_names_files_and_strangers(tmp_path: Path) -> None:
    assert load_trace("llama2_7b_decode").name == "llama2_7b_decode"
    with pytest.raises(InputError, match="did you mean 'llama2_7b_decode'"):
        load_trace("lama2_7b_decode")
    stranger = tmp_path / "model.pt"
    stranger.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="no frontend reads this kind of file"):
        load_trace(stranger)
