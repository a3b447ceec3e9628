"""Reads a ``.pt2`` file: the JSON graph in the zip archive, and nothing else of it.

``torch.export.save`` writes a zip with the program as JSON (schema: torch/_export/serde/schema.py, major version 8) beside
weights and sample inputs, which may be pickles. Only the JSON member is unpacked, up to a bound; torch is not needed,
nothing is unpickled and nothing executed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_EXTENT
from sim.trace.frontends.torch_export.program import ELEMENT_TYPES, Call, Meta, Program, Ref, Size, symbol_of
from sim.trace.json_places import load_json

MAX_BYTES = 100_000_000
"""Size of the JSON graph; that of a model of 100 layers has some megabytes."""
MAJOR = 8
#: ScalarType of torch/_export/serde/schema.py.
SCALAR_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz",
    34: "uint32", 35: "uint64",
}  # fmt: skip
#: Keys of an argument that hold a plain value.
PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_string", "as_strings", "as_bool", "as_bools", "as_operator")


class _Malformed(Exception):
    """The JSON does not have the form of the schema; the message says where."""


def read_archive(path: Path) -> Program:
    """The program in a ``.pt2`` file. Raises InputError with what is wrong with the file."""
    problems, place = Problems(), Place(str(path))
    text = _member(path, problems, place)
    problems.raise_if_any()
    table = load_json(text, problems, str(path))
    problems.raise_if_any()
    try:
        version = _get(table, "schema_version")
        if isinstance(version, Mapping) and version.get("major") != MAJOR:
            problems.add(
                "a version of the format that is not known", place, found=version.get("major"), allowed=str(MAJOR)
            )
            problems.raise_if_any()
        return _program(table)
    except _Malformed as error:
        problems.add(f"is not an exported program: {error}", place)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        problems.add(f"is not an exported program: {type(error).__name__} {str(error)[:200]}", place)
    problems.raise_if_any()
    raise AssertionError("unreachable")


def _member(path: Path, problems: Problems, place: Place) -> str:
    """The text of the archive's graph; empty after a problem."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _is_graph(name)]
            if len(names) != 1:
                problems.add("holds no one exported program", place, found=", ".join(names[:3]) or "none",
                             allowed="one models/NAME.json, or serialized_exported_program.json")  # fmt: skip
                return ""
            with archive.open(names[0]) as stream:
                data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            problems.add("the graph is too large", place, allowed=f"at most {MAX_BYTES} bytes")
            return ""
        return data.decode("utf-8")
    except OSError as error:
        problems.add(f"cannot be read: {error.strerror or error}", place)
    except UnicodeDecodeError:
        problems.add("is not an exported program: its graph is not UTF-8 text", place)
    except Exception as error:  # zipfile and zlib raise many kinds for a damaged archive
        problems.add(f"is not an archive of torch.export.save ({type(error).__name__})", place)
    return ""


def _is_graph(name: str) -> bool:
    parts = name.split("/")
    return name == "serialized_exported_program.json" or (
        len(parts) >= 2 and parts[-2] == "models" and parts[-1].endswith(".json")
    )


def _get(table: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(table, Mapping) or key not in table:
            raise _Malformed(f"without {key!r}")
        table = table[key]
    return table


def _program(table: Any) -> Program:
    graph = _get(table, "graph_module", "graph")
    signature = _get(table, "graph_module", "signature")
    hints: dict[str, int] = {}
    metas = {name: _meta(meta, hints) for name, meta in _get(graph, "tensor_values").items()}
    numbers = {name: _size(value, hints) for name, value in graph.get("sym_int_values", {}).items()}
    inputs, weights = [], {}
    for spec in _get(signature, "input_specs"):
        if "user_input" in spec:
            argument = _get(spec, "user_input", "arg")
            if "as_tensor" in argument:
                inputs.append(_get(argument, "as_tensor", "name"))
        for kind in ("parameter", "buffer", "tensor_constant"):
            if kind in spec:
                weights[_get(spec, kind, "arg", "name")] = str(_get(spec, kind, f"{kind}_name"))
    outputs = [
        _get(spec, "user_output", "arg", "as_tensor", "name")
        for spec in _get(signature, "output_specs")
        if "user_output" in spec and "as_tensor" in _get(spec, "user_output", "arg")
    ]
    calls = tuple(_call(node, numbers) for node in _get(graph, "nodes"))
    missing = [name for name in (*inputs, *weights, *outputs) if name not in metas]
    if missing:
        raise _Malformed(f"the value {missing[0]!r} has no shape")
    return Program(tuple(inputs), weights, calls, tuple(outputs), metas, hints)


def _meta(meta: Any, hints: dict[str, int]) -> Meta:
    shape = tuple(_size(size, hints) for size in _get(meta, "sizes"))
    return Meta(shape, ELEMENT_TYPES.get(SCALAR_TYPES.get(_get(meta, "dtype"), ""), 0))


def _size(size: Any, hints: dict[str, int]) -> Size:
    if "as_int" in size:
        if not isinstance(size["as_int"], int) or isinstance(size["as_int"], bool):
            raise _Malformed("a size that is no number")
        if not 0 <= size["as_int"] <= MAX_EXTENT:
            raise _Malformed(f"a size that is negative or absurdly large ({str(size['as_int'])[:40]})")
        return int(size["as_int"])
    text = symbol_of(str(_get(size, "as_expr", "expr_str")))
    hint = (size["as_expr"].get("hint") or {}).get("as_int")
    if text.isidentifier() and isinstance(hint, int):
        hints.setdefault(text, hint)
    return text


def _call(node: Any, numbers: Mapping[str, Size]) -> Call:
    target = str(_get(node, "target")).removeprefix("torch.ops.")
    arguments = {str(_get(entry, "name")): _argument(_get(entry, "arg"), numbers) for entry in _get(node, "inputs")}
    outputs: list[str] = []
    for output in _get(node, "outputs"):
        if "as_tensor" in output:
            outputs.append(_get(output, "as_tensor", "name"))
        outputs += [_get(one, "name") for one in output.get("as_tensors", [])]
    path = str((node.get("metadata") or {}).get("nn_module_stack", "")).split(";")[-1].split(",")
    own = str(node.get("name") or (outputs[0] if outputs else target))
    name = f"{path[1]}.{own}" if len(path) > 2 and path[1] else own
    return Call(target, name, arguments, tuple(outputs))


def _argument(argument: Any, numbers: Mapping[str, Size]) -> Any:
    if not isinstance(argument, Mapping) or len(argument) != 1:
        raise _Malformed("an argument of unknown form")
    ((kind, value),) = argument.items()
    if kind == "as_tensor":
        return Ref(_get(value, "name"))
    if kind == "as_tensors":
        return [Ref(_get(one, "name")) for one in value]
    if kind in ("as_optional_tensors", "as_optional_tensor"):
        refs = [_argument(one, numbers) for one in (value if isinstance(value, list) else [value])]
        return refs if kind.endswith("s") else refs[0]
    if kind == "as_sym_int":
        return numbers.get(value["as_name"], 0) if "as_name" in value else value["as_int"]
    if kind == "as_sym_ints":
        return [_argument({"as_sym_int": one}, numbers) for one in value]
    if kind == "as_scalar_type":
        return SCALAR_TYPES.get(value, "")
    return value if kind in PLAIN else None
