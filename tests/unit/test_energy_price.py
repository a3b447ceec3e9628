"""Pricing after a run: exact sums per component and per operator, nothing lost, nothing guessed."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.core.errors import InconsistencyError, InputError
from sim.energy.price import Tally, Use, check_priced, describe, price_actions, price_operators
from sim.energy.table import EnergyTable, load_table

TABLE = load_table("cmos_7nm")
PJ = Fraction(1, 10**12)
ARRAY = Tally("systolic_array", {}, {"mac_bf16": 1000, "mac_int8": 10}, Fraction(3))
MEMORY = Tally("scratchpad", {"bank_bytes": 100_000}, {"read_bytes": 7, "write_bytes": 3})


def test_dynamic_is_counts_times_prices_and_static_is_power_times_time() -> None:
    run = price_actions(TABLE, {"core.mxu": ARRAY, "core.vmem": MEMORY}, elapsed_ps=2 * 10**12)
    assert run is not None
    assert run.components["core.mxu"].dynamic_j == (590 + 1) * PJ
    assert run.components["core.mxu"].static_j == 6
    assert run.components["core.vmem"].static_j == 0
    assert run.total_j == run.dynamic_j + 6
    assert run.components["core.mxu"].to_dict() == {"dynamic": 591e-12, "static": 6.0}


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**15)), max_size=8))
def test_operators_add_up_exactly_to_the_components(shares: list[tuple[int, int]]) -> None:
    macs, reads = (sum(share[place] for share in shares) for place in (0, 1))
    components = {
        "mxu": Tally("systolic_array", {}, {"mac_bf16": macs}, Fraction(1, 3)),
        "vmem": Tally("scratchpad", {"bank_bytes": 12345}, {"read_bytes": reads}),
    }
    operators = {
        f"op{place}": {"mxu": {"mac_bf16": mac}, "vmem": {"read_bytes": read}}
        for place, (mac, read) in enumerate(shares)
    }
    run, split = price_actions(TABLE, components, 777), price_operators(TABLE, components, operators, 777)
    assert run is not None
    assert split is not None
    assert sum(split.operators.values(), Fraction(0)) == run.dynamic_j
    assert split.unattributed_j == run.static_j == Fraction(777, 3 * 10**12)


def test_actions_of_no_operator_are_unattributed() -> None:
    components = {"hbm": Tally("dram", {"device": "HBM2"}, {"read_bytes": 100})}
    split = price_operators(TABLE, components, {"a": {"hbm": {"read_bytes": 60}}}, 0)
    assert split is not None
    assert split.operators["a"] == 60 * Fraction(312, 10) * PJ
    assert split.unattributed_j == 40 * Fraction(312, 10) * PJ


@pytest.mark.parametrize(
    "claim", [{"hbm": {"read_bytes": 101}}, {"hbm": {"write_bytes": 1}}, {"dram": {"read_bytes": 1}}]
)
def test_operators_cannot_claim_what_no_component_counted(claim: dict[str, dict[str, int]]) -> None:
    components = {"hbm": Tally("dram", {"device": "HBM2"}, {"read_bytes": 100})}
    with pytest.raises(InconsistencyError):
        price_operators(TABLE, components, {"a": claim}, 0)


def test_everything_without_a_price_is_listed_before_a_run() -> None:
    uses = [
        Use("hbm", "dram", {"bandwidth": 1}, ("read_bytes", "write_bytes")),
        Use("mxu", "systolic_array", {}, ("mac_bf16", "mac_posit8")),
        Use("fpga", "lookup_table", {}, ("lookups",)),
    ]
    with pytest.raises(InputError) as caught:
        check_priced(TABLE, uses)
    told = [problem.message.split(": energy table 'cmos_7nm': ") for problem in caught.value.problems]
    assert [(path, what.split(":")[0]) for path, what in told] == [
        ("fpga (lookup_table)", "lookups"),
        ("hbm (dram)", "read_bytes, write_bytes"),
        ("mxu (systolic_array)", "mac_posit8"),
    ]


def test_a_price_beyond_the_stated_capacities_says_that_it_is_extrapolated() -> None:
    entries = {size: TABLE.price("scratchpad", "read_bytes", {"bank_bytes": size}).entry for size in (2048, 16384)}
    assert entries[2048] == "curve sram at 2 KiB, extrapolated from sram_8k and sram_32k"
    assert entries[16384] == "curve sram at 16 KiB, between sram_8k and sram_32k"


def test_description_tells_the_source_of_every_number() -> None:
    rows = describe(TABLE, [Use("x", "vector_unit", {}, ("op_exp", "op_add")), Use("a", "host", {}, ("launches",))])
    assert [(row.path, row.action) for row in rows] == [("a", "launches"), ("x", "op_add"), ("x", "op_exp")]
    assert rows[2].entry == "6 x fp32_mul + 7 x fp32_add"
    assert rows[2].joules_per_unit == pytest.approx(10.52e-12)
    assert all(row.source for row in rows)
    assert (rows[0].joules_per_unit, rows[0].confidence) == (0.0, "estimate")
    assert "no source" in rows[0].note


def test_the_table_none_reports_no_energy_and_asks_for_no_price() -> None:
    none = load_table("none")
    check_priced(none, [Use("fpga", "lookup_table", {}, ("lookups",))])
    assert price_actions(none, {"fpga": Tally("lookup_table", {}, {"lookups": 1})}, 1) is None
    assert price_operators(none, {"fpga": Tally("lookup_table", {}, {"lookups": 1})}, {}, 1) is None
    assert describe(none, []) == []


def test_overrides_replace_prices_and_give_static_power() -> None:
    table = TABLE.with_overrides({("dram", "read_bytes"): 8 * PJ}, {"dram": Fraction(5)}, "a test")
    assert isinstance(table, EnergyTable)
    assert table.price("dram", "read_bytes", {}).joules == 8 * PJ
    assert table.price("dram", "read_bytes", {}).source == "a test"
    assert table.static_w == {"dram": 5}
    with pytest.raises(InputError):
        TABLE.price("dram", "read_bytes", {})


@pytest.mark.parametrize("table", ["cmos_7nm", "cmos_45nm"])
def test_a_fabric_between_packages_is_priced_as_any_link_between_packages(table: str) -> None:
    def joules(kind: str, action: str, **parameters: str) -> Fraction:
        run = price_actions(load_table(table), {"link": Tally(kind, parameters, {action: 1000})}, 1)
        assert run is not None
        return run.dynamic_j

    for reach in ("interposer", "off_package"):
        assert joules("fabric", "hop_bytes", reach=reach) == joules("crossbar", "bytes", reach=reach)
    assert joules("fabric", "hop_bytes") < joules("fabric", "hop_bytes", reach="off_package")
