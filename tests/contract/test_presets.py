"""Every preset loads, says where its figures come from, has all its energies priced, and peaks as published."""

from fractions import Fraction

import pytest

from sim.config.load import list_architectures, load_architecture
from sim.core.data_files import package_folder
from sim.core.errors import InputError
from sim.energy.of_architecture import static_power_of, table_for, uses_of
from sim.energy.price import check_priced, describe

PRESETS = sorted(path.stem for path in package_folder("arch").glob("*.yaml"))
REQUIRED = {"scalesim_32x32", "tpu_v3", "tpu_v4i", "tpu_v4", "gemmini", "eyeriss_like", "edge_npu"}


def test_the_presets_are_there() -> None:
    assert set(PRESETS) >= REQUIRED
    assert set(list_architectures()) >= REQUIRED


@pytest.mark.parametrize("name", PRESETS)
def test_preset_loads_and_names_its_sources(name: str) -> None:
    architecture = load_architecture(name)
    assert architecture.name == name
    assert architecture.description
    assert architecture.technology
    assert architecture.sources
    assert all(len(source) > 20 for source in architecture.sources)


@pytest.mark.parametrize("name", PRESETS)
def test_every_action_of_a_preset_has_a_price_with_a_source(name: str) -> None:
    architecture = load_architecture(name)
    table, uses = table_for(architecture), uses_of(architecture)
    assert {use.path for use in uses if use.actions} == {use.path for use in uses}
    check_priced(table, uses)
    assert all(row.source and row.entry for row in describe(table, uses))
    assert set(static_power_of(architecture, table)) == {use.path for use in uses}


@pytest.mark.parametrize(
    ("name", "type_name", "tera_operations_per_s"),
    [
        ("tpu_v4", "bf16", 275),
        ("tpu_v4i", "bf16", 138),
        ("tpu_v3", "bf16", 123),
        ("tpu_v4i", "int8", 138),
        ("edge_npu", "int8", 8),
        ("a100", "bf16", 312),
        ("a100", "int8", 624),
        ("a100_sm", "fp16", 312),
        ("h100", "bf16", 989),
        ("h100", "fp8", 1979),
    ],
)
def test_peak_rate_is_the_published_one(name: str, type_name: str, tera_operations_per_s: int) -> None:
    architecture = load_architecture(name)
    arrays = [node for node in architecture.components if node.kind == "systolic_array"]
    peak = sum(
        (
            2 * node.total * node.spec.rows * node.spec.cols * node.spec.types[type_name] * node.clock_hz
            for node in arrays
        ),
        Fraction(0),
    )
    assert float(peak) / 1e12 == pytest.approx(tera_operations_per_s, rel=0.03)


@pytest.mark.parametrize(("name", "gib"), [("tpu_v3", 32), ("tpu_v4i", 8), ("tpu_v4", 32)])
def test_hbm_capacity_is_the_published_one(name: str, gib: int) -> None:
    tiers = [node for node in load_architecture(name).components if node.kind == "dram"]
    assert [node.spec.capacity for node in tiers] == [gib * 2**30]


@pytest.mark.parametrize(("name", "gb_per_s"), [("a100", 2039), ("h100", 3352), ("tpu_v4", 1200)])
def test_hbm_bandwidth_is_the_published_one(name: str, gb_per_s: int) -> None:
    (tier,) = (node for node in load_architecture(name).components if node.kind == "dram")
    assert float(tier.spec.bandwidth * tier.spec.stacks) / 1e9 == pytest.approx(gb_per_s, rel=0.001)


@pytest.mark.parametrize("name", ["tpu_v3", "tpu_v4i", "tpu_v4"])
def test_no_link_port_is_slower_than_the_hbm(name: str) -> None:
    architecture = load_architecture(name)
    (tier,) = (node for node in architecture.components if node.kind == "dram")
    for link in architecture.links:
        assert link.spec.width * link.clock_hz >= tier.spec.bandwidth


def test_technology_chooses_the_table_and_overrides_apply() -> None:
    chosen = table_for(
        load_architecture("tpu_v4", {"energy.overrides": {"dram.read_bytes": "8 pJ", "dram.static_power": "5 W"}})
    )
    assert chosen.name == "cmos_7nm"
    assert chosen.price("dram", "read_bytes", {}).joules == Fraction(8, 10**12)
    assert chosen.static_w == {"dram": 5}
    by_technology = table_for(load_architecture("gemmini", {"energy": {}}))
    assert by_technology.name == "cmos_16nm"


def test_a_technology_without_a_table_and_wrong_overrides_are_told() -> None:
    with pytest.raises(InputError, match="cmos_7nm"):
        table_for(load_architecture("tpu_v4", {"energy": {}, "technology": "6 nm"}))
    with pytest.raises(InputError) as caught:
        table_for(
            load_architecture("tpu_v4", {"energy.overrides": {"drom.read_bytes": "1 pJ", "dram.static_power": "1 pJ"}})
        )
    assert len(caught.value.problems) == 2
