"""Every preset loads, fits the published schema, and survives being written out; the schema covers every kind."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from sim.config.architecture import to_yaml
from sim.config.load import load_architecture
from sim.config.schema import architecture_schema
from sim.config.spec import components, links, spec_class
from sim.config.yaml_source import read_yaml
from sim.core.data_files import package_folder

PRESETS = sorted(package_folder("arch").glob("*.yaml"))
SCHEMA = architecture_schema()


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.stem for preset in PRESETS])
def test_preset_loads_fits_the_schema_and_round_trips(preset: Path, tmp_path: Path) -> None:
    architecture = load_architecture(str(preset))
    assert architecture.sources, "a preset says where its figures come from"
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(read_yaml(preset).plain())] == []
    assert [error.message for error in validator.iter_errors(architecture.document)] == []
    written = tmp_path / "written.yaml"
    written.write_text(to_yaml(architecture), encoding="utf-8")
    assert load_architecture(str(written)).sha256 == architecture.sha256


def test_the_schema_is_valid_and_knows_every_kind() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    names = set(SCHEMA["$defs"])
    assert names >= {f"component.{kind}" for kind in components.names()}
    assert names >= {f"link.{kind}" for kind in links.names()}


@pytest.mark.parametrize(
    ("registry", "kind"), [(registry, kind) for registry in (components, links) for kind in registry.names()]
)
def test_every_key_of_every_kind_is_described(registry, kind) -> None:
    spec = spec_class(registry, kind)
    assert spec.model_config["frozen"], kind
    assert spec.model_config["extra"] == "forbid", kind
    undescribed = [name for name, field in spec.model_fields.items() if not field.description]
    assert undescribed == []


@pytest.mark.parametrize(
    "document",
    [
        {"m": {"kind": "host"}},
        {"name": 4, "m": {"kind": "host"}},
        {"name": "x", "m": {"kind": "no_such_kind"}},
        {"name": "x", "m": {"kind": "host", "no_such_key": 1}},
        {"name": "x", "m": 4},
        {"name": "x", "clocks": {"core": 940}},
        {"name": "x", "links": [{"kind": "bus", "connects": []}]},
        {"name": "x", "g": {"count": 0, "m": {"kind": "host"}}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(document) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_a_file_that_extends_may_leave_things_out() -> None:
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid({"extends": "tpu_v4", "chip": {"hbm": {"stacks": 2}}})
