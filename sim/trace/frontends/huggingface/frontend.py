"""The frontend for ``config.json`` files: reads the file, finds the family, checks the options."""

from __future__ import annotations

from pathlib import Path

from sim.core.errors import Place, Problems
from sim.core.text_file import read_text
from sim.trace.frontends import Frontend, frontends
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.families import Family, families
from sim.trace.frontends.huggingface.phases import check_lengths
from sim.trace.json_places import load_json
from sim.trace.model import Trace
from sim.trace.options import LowerOptions, option_name

MAX_BYTES = 10_000_000
"""Size of a config; the longest, with a type per layer, have some kilobytes."""


@frontends.register("huggingface")
class HuggingFace(Frontend):
    """Lowers language models from their sizes (``model_type`` says which family)."""

    reads = "a Hugging Face config (.json with a model_type)"
    options = frozenset({"batch", "phase", "prompt", "context", "generate", "dtype", "weights", "kv", "experts"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".json"

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        problems = Problems()
        text = read_text(path, problems, MAX_BYTES)
        problems.raise_if_any()
        table = load_json(text, problems, str(path))
        problems.raise_if_any()
        if not isinstance(table, dict):
            problems.add("a config must be a JSON object", Place(str(path), 1, 1), found=table)
            problems.raise_if_any()
        config = ModelConfig(path, text, table, problems)
        family = _family(config)
        problems.raise_if_any()
        assert family is not None
        _check_options(family, config, options)
        return family.lower(config, options)


def _family(config: ModelConfig) -> type[Family] | None:
    name = config.table.get("model_type")
    if name is None:
        config.add("the key 'model_type' is missing", "model_type", allowed=families.names())
    elif not isinstance(name, str) or name not in families:
        place = config.place("model_type")
        config.problems.add("unknown model_type", place, found=name, allowed=families.names(), suggest_for=str(name))
    else:
        return families.get(name)
    return None


def _check_options(family: type[Family], config: ModelConfig, options: LowerOptions) -> None:
    place = Place(str(config.path))
    name = config.table["model_type"]
    if options.phase not in family.phases:
        message = f"model_type {name} has no phase {options.phase}"
        config.problems.add(message, place, allowed=family.phases)
        return
    usable = ", ".join(sorted(option_name(option) for option in family.options))
    for option in options.given():
        if option not in family.options:
            config.problems.add(f"{option_name(option)} means nothing for model_type {name}", place, allowed=usable)
    check_lengths(options, place, config.problems, family.lengths)
