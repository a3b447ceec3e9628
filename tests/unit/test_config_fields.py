"""What each field type reads, and that it refuses the rest with a sentence."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import pydantic
import pytest
from config_toys import ToyArraySpec, ToyMemorySpec

from sim.config.fields import (
    Bandwidth,
    DurationPs,
    Energy,
    Frequency,
    NonNegativeInt,
    PositiveInt,
    Power,
    Rate,
    SizeBytes,
)
from sim.config.policy import EnergyOrPower, MappingPin, Policy, Quantity


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Frequency, "1.05 GHz", Fraction(1_050_000_000)),
        (Frequency, Fraction(1, 3), Fraction(1, 3)),
        (SizeBytes, "16 MiB", 16 * 2**20),
        (SizeBytes, 24, 24),
        (SizeBytes, "12 b", None),
        (SizeBytes, "16 b", 2),
        (SizeBytes, 0, 0),
        (DurationPs, "20 ns", 20_000),
        (DurationPs, "1.4 ps", 1),
        (DurationPs, 0, 0),
        (Bandwidth, "1.2 TB/s", Fraction(12 * 10**11)),
        (Bandwidth, "0 B/s", None),
        (Rate, 0.1, Fraction(1, 10)),
        (Rate, "1/3", Fraction(1, 3)),
        (Rate, "2.5e2", Fraction(250)),
        (Rate, 4, Fraction(4)),
        (Rate, 0, None),
        (Energy, "0.5 pJ", Fraction(1, 2 * 10**12)),
        (Power, "3 W", Fraction(3)),
        (EnergyOrPower, "20 mW", Quantity(Fraction(1, 50), "power")),
        (EnergyOrPower, "1 nJ", Quantity(Fraction(1, 10**9), "energy")),
        (PositiveInt, 3, 3),
        (PositiveInt, 3.0, None),
        (PositiveInt, "3", None),
        (NonNegativeInt, 0, 0),
    ],
)
def test_values_are_exact_or_refused(kind, value, expected):
    adapter = pydantic.TypeAdapter(kind)
    if expected is None:
        with pytest.raises(pydantic.ValidationError):
            adapter.validate_python(value)
    else:
        assert adapter.validate_python(value) == expected
        assert type(adapter.validate_python(value)) is type(expected)


@pytest.mark.parametrize("kind", [Frequency, SizeBytes, DurationPs, Bandwidth, Energy, Power, Rate, PositiveInt])
@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, math.nan, -1, "-1", True, None, [], {}, "", "x", "1e999999999", 10**40, "1" * 5000]
)
def test_every_type_refuses_nonsense_with_a_sentence(kind, value):
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    assert error["type"] == "value_error"


def test_specs_are_frozen_hashable_and_pickle():
    spec = ToyArraySpec(rows=4, types={"int8": "1/2"})
    assert hash(spec) == hash(ToyArraySpec(rows=4, types={"int8": 0.5}))
    assert hash(spec) != hash(ToyArraySpec(rows=5, types={"int8": 0.5}))
    assert pickle.loads(pickle.dumps(spec)) == spec
    with pytest.raises(pydantic.ValidationError):
        spec.rows = 5


def test_a_spec_with_nested_quantities_hashes():
    memory = ToyMemorySpec(capacity="1 KiB", bandwidth="1 GB/s", timing={"activate": "14 ns"})
    assert memory.timing.activate == 14_000
    assert isinstance(hash(memory), int)


def test_a_pin_reads_its_loop_order_as_letters():
    assert MappingPin(order="bmnk").order == ("b", "m", "n", "k")
    assert MappingPin(order=["k", "m"]).order == ("k", "m")
    assert Policy(mapping={"fc*": {"tile": {"m": 4}}}).mapping["fc*"].tile == {"m": 4}
