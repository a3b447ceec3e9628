"""Reading YAML: values after the 1.2 core schema, a place for each, and writing that reads back the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.config.yaml_source import dump_yaml, parse_yaml
from sim.core.errors import InputError, Place


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("-2.5E-3", -2.5e-3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("+7", 7),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("16 MiB", "16 MiB"),
        ("~", None),
        ("", None),
        ("'4'", "4"),
        ("!!str 4", "4"),
        ("!!float 4", 4.0),
        ("=", "="),
    ],
)
def test_scalars(text, value):
    found = parse_yaml(f"a: {text}\n", "f").plain()["a"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_place():
    document = parse_yaml("a:\n  b: {c: 1}\n  d:\n    - x\n    - {e: 2}\n", "f")
    assert dict(document.places()) == {
        (): Place("f", 1, 1),
        ("a",): Place("f", 1, 1),
        ("a", "b"): Place("f", 2, 3),
        ("a", "b", "c"): Place("f", 2, 7),
        ("a", "d"): Place("f", 3, 3),
        ("a", "d", 0): Place("f", 4, 7),
        ("a", "d", 1): Place("f", 5, 7),
        ("a", "d", 1, "e"): Place("f", 5, 8),
    }
    assert document.at(("a", "nowhere", "d", 1)).place == Place("f", 5, 7)


def test_merge_keys_take_what_the_mapping_lacks_and_the_first_wins():
    text = "p: &p {x: 1, y: 1}\nq: &q {y: 2, z: 2}\na: {z: 3, <<: *p}\nb: {<<: [*p, *q]}\n"
    found = parse_yaml(text, "f").plain()
    assert found["a"] == {"x": 1, "y": 1, "z": 3}
    assert found["b"] == {"x": 1, "y": 1, "z": 2}


SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), max_size=12)
TRICKY = st.sampled_from(
    ["1e9", "on", "null", "", "~", "<<", "010", ".inf", "0x1", "- a", "a: b", "#", "\n", "!x", "1_0"]
)
DATA = st.recursive(SCALARS | TEXTS | TRICKY, lambda x: st.lists(x) | st.dictionaries(TEXTS | TRICKY, x), max_leaves=20)


@settings(max_examples=200, deadline=None)
@given(data=DATA)
def test_what_is_written_reads_back_the_same(data):
    assert repr(parse_yaml(dump_yaml(data), "f").plain()) == repr(data)


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?,\n \t0.e~<\\xuU=_", max_size=40))
def test_any_text_is_data_or_an_input_error(text):
    try:
        data = parse_yaml(text, "f").plain()
    except InputError:
        return
    assert parse_yaml(dump_yaml(data), "f").plain() == data
