"""Energy tables: every price is a stated figure, a stated sum or a stated curve; nothing falls back."""

from fractions import Fraction
from pathlib import Path

import pytest

from sim.core.errors import InputError
from sim.energy.quantity import BYTE, OPERATION, parse_unit_energy
from sim.energy.rules import CONFIDENCES, Price
from sim.energy.table import NONE, load_table, table_names

PJ = Fraction(1, 10**12)
SHIPPED = [name for name in table_names() if name != NONE]


@pytest.mark.parametrize(
    ("text", "joules", "per"),
    [
        ("0.59 pJ", Fraction(59, 100) * PJ, OPERATION),
        ("3.9 pJ/b", Fraction(312, 10) * PJ, BYTE),
        ("20 pJ/8 B", Fraction(20, 8) * PJ, BYTE),
        ("1 nJ/KiB", Fraction(1000, 1024) * PJ, BYTE),
    ],
)
def test_energies_per_operation_and_per_amount_of_data_are_exact(text: str, joules: Fraction, per: str) -> None:
    energy = parse_unit_energy(text)
    assert (energy.joules, energy.per) == (joules, per)


@pytest.mark.parametrize("text", [3, "3", "3 W", "-1 pJ", "3 pJ/", "3 pJ/0 B", "3 pJ/2 s", None])
def test_what_is_not_an_energy_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_unit_energy(text)


def test_the_tables_by_technology_are_there() -> None:
    assert {"cmos_45nm", "cmos_7nm", NONE} <= set(table_names())


@pytest.mark.parametrize(
    ("table", "kind", "action", "parameters", "picojoules"),
    [
        # Sums of the published operation energies: multiply plus accumulate in the accumulator's type.
        ("cmos_45nm", "systolic_array", "mac_int8", {}, Fraction(3, 10)),
        ("cmos_45nm", "systolic_array", "mac_fp32", {}, Fraction(46, 10)),
        ("cmos_7nm", "systolic_array", "mac_bf16", {}, Fraction(59, 100)),
        ("cmos_7nm", "systolic_array", "mac_int8", {}, Fraction(1, 10)),
        ("cmos_7nm", "vector_unit", "op_mac", {}, Fraction(169, 100)),
        # A stated capacity gives the stated figure: 64-bit accesses, per byte.
        ("cmos_45nm", "scratchpad", "read_bytes", {"bank_bytes": 32 * 1024}, Fraction(20, 8)),
        ("cmos_7nm", "scratchpad", "write_bytes", {"bank_bytes": 2**20}, Fraction(14, 8)),
        ("cmos_7nm", "dram", "read_bytes", {"device": "HBM2_2400"}, Fraction(312, 10)),
        ("cmos_16nm", "systolic_array", "mac_int8", {}, Fraction(12, 100)),
        ("cmos_16nm", "dram", "write_bytes", {"device": "HBM2"}, Fraction(312, 10)),
    ],
)
def test_prices_follow_from_the_stated_figures(
    table: str, kind: str, action: str, parameters: dict[str, object], picojoules: Fraction
) -> None:
    price = load_table(table).price(kind, action, parameters)
    assert price.joules == picojoules * PJ
    assert price.source


def test_between_stated_capacities_energy_is_interpolated_log_log() -> None:
    table = load_table("cmos_45nm")
    # Halfway in log capacity between 8 KiB (10 pJ) and 32 KiB (20 pJ): the geometric mean.
    price = table.price("scratchpad", "read_bytes", {"bank_bytes": 16 * 1024})
    assert float(price.joules) * 8e12 == pytest.approx(200**0.5, rel=1e-5)
    assert price.confidence == "secondary"


def test_beyond_the_stated_capacities_a_price_is_an_estimate_that_says_so() -> None:
    table = load_table("cmos_7nm")
    price = table.price("scratchpad", "read_bytes", {"bank_bytes": 4 * 2**20})
    assert price.joules > table.price("scratchpad", "read_bytes", {"bank_bytes": 2**20}).joules
    assert price.confidence == "estimate"
    assert "extrapolated" in price.note
    small = table.price("scratchpad", "read_bytes", {"bank_bytes": 1024})
    assert 0 < small.joules < table.price("scratchpad", "read_bytes", {"bank_bytes": 8192}).joules


@pytest.mark.parametrize("name", SHIPPED)
def test_every_price_of_a_shipped_table_has_source_and_standing(name: str) -> None:
    table = load_table(name)
    sizes = {"bank_bytes": 2**16, "accumulator_bank_bytes": 2**13}
    for kind in table.kinds:
        for action in table.actions(kind):
            devices = [
                table.look_up(kind, action, {**sizes, "device": device}) for device in ("HBM2", "HBM3", "GDDR6", "DDR5")
            ]
            price = next((one for one in devices if isinstance(one, Price)), None)
            assert price is not None and price.source, (kind, action)
            assert price.confidence in CONFIDENCES
            assert price.joules > 0 or price.note, f"{kind}.{action} is free without a word"


def test_scaled_tables_are_estimates_throughout_except_for_the_memory_devices() -> None:
    table = load_table("cmos_28nm")
    assert table.price("systolic_array", "mac_int8", {}).confidence == "estimate"
    assert "45 nm to 28 nm" in table.price("systolic_array", "mac_int8", {}).source
    assert table.price("dram", "read_bytes", {"device": "HBM2"}).confidence == "secondary"


def test_a_device_is_told_from_its_family_not_from_its_first_letters() -> None:
    table = load_table("cmos_7nm")
    hbm2e = table.price("dram", "read_bytes", {"device": "HBM2E_3200"})
    assert hbm2e.joules == Fraction(30) * PJ


@pytest.mark.parametrize(
    ("kind", "action", "parameters", "told"),
    [
        ("dram", "read_bytes", {}, "needs device"),
        ("dram", "read_bytes", {"device": "HBM9_1"}, "HBM2"),
        ("scratchpad", "read_bytes", {}, "needs bank_bytes"),
        ("systolic_array", "mac_bf61", {}, "mac_bf16"),
        ("systolic_aray", "mac_bf16", {}, "systolic_array"),
    ],
)
def test_what_has_no_price_is_an_error_that_helps(
    kind: str, action: str, parameters: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        load_table("cmos_7nm").price(kind, action, parameters)


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(InputError, match="cmos_7nm"):
        load_table("cmos_7mm")


USER = """
schema: 1
name: mine
technology: 12 nm
include: [cmos_7nm]
sources: {silicon: our chip}
figures:
  mac: {value: 0.4 pJ, source: silicon, confidence: verified}
prices:
  systolic_array:
    mac_bf16: mac
"""


def test_a_user_table_includes_another_and_replaces_entries(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(USER)
    table = load_table(file)
    mine = table.price("systolic_array", "mac_bf16", {})
    assert (mine.joules, mine.source, mine.confidence) == (Fraction(4, 10) * PJ, "our chip", "verified")
    assert table.price("systolic_array", "mac_int8", {}).joules == Fraction(1, 10) * PJ
    assert load_table("mine.yaml", beside=tmp_path).name == "mine"


def test_a_figure_replaced_by_a_user_table_reprices_what_is_built_on_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(USER.replace("  mac: {value: 0.4 pJ", "  fp32_add: {value: 0.1 pJ").replace("mac_bf16: mac", "{}"))
    file.write_text(file.read_text().replace("prices:\n  systolic_array:\n    {}\n", ""))
    assert load_table(file).price("systolic_array", "mac_bf16", {}).joules == Fraction(31, 100) * PJ


def test_all_mistakes_of_a_table_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "schema: 2\nname: bad\nsourcs: {a: b}\nfigures:\n"
        "  one: {value: 1 pW, source: a, confidence: sure}\n"
        "  two: {value: 1 pJ/B, confidence: estimate, source: a}\n"
        "prices:\n  dram:\n    read_bytes: {sum: {tow: 1}}\n    write_bytes: {sum: {two: x}, curve: c}\n"
        "  host:\n    launches: two\n"
    )
    with pytest.raises(InputError) as caught:
        load_table(file)
    problems = caught.value.problems
    assert all(problem.place is not None and problem.place.line > 0 for problem in problems)
    lines = {problem.place.line for problem in problems if problem.place}
    assert {1, 3, 5, 6, 9, 10, 12} <= lines
    assert any(problem.nearest == "two" for problem in problems)
    assert any(problem.nearest == "sources" for problem in problems)


def test_a_table_that_includes_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "loop.yaml"
    file.write_text("schema: 1\nname: loop\ninclude: [loop.yaml]\n")
    with pytest.raises(InputError, match="itself"):
        load_table(file)


def test_the_table_in_the_documentation_works(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "energy.md").read_text()
    file = tmp_path / "mine.yaml"
    file.write_text(text.split("```yaml\n")[1].split("```")[0])
    table = load_table(file)
    assert table.price("systolic_array", "mac_fp32", {}).joules == Fraction(16, 10) * PJ
    assert table.price("scratchpad", "read_bytes", {"bank_bytes": 4096}).joules == Fraction(5, 8) * PJ
