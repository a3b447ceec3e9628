"""Options that several commands share, in one place: how a model is lowered, and which architecture is meant.

``with_model_options`` adds the lowering options to a command; it receives them as one dictionary, ``lowering``, of the
names of :class:`sim.trace.options.LowerOptions`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from sim.config.architecture import Architecture
    from sim.core.errors import Problems

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="an ONNX file, a config.json, a trace, a SCALE-Sim CSV, or a name in traces/"),
]
Arch = Annotated[str, typer.Option("-a", "--arch", metavar="ARCH", help="a YAML file, or a name in arch/")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="override a value of the architecture; may be repeated"),
]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="write JSON there; - prints it alone")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print nothing but warnings and errors")]
Detail = Annotated[bool, typer.Option("--detail", help="show every operator")]

_LOWERING: dict[str, Any] = {
    "batch": Annotated[str | None, typer.Option("--batch", metavar="N", help="batch size [1]")],
    "shape": Annotated[
        list[str] | None, typer.Option("--shape", metavar="NAME=N", help="size of a symbolic dimension; may be repeated")
    ],
    "phase": Annotated[
        str | None, typer.Option("--phase", metavar="PHASE", help="prefill, decode or generate [prefill]")
    ],
    "prompt": Annotated[str | None, typer.Option("--prompt", metavar="N|FILE", help="tokens of the prompt(s) [512]")],
    "context": Annotated[str | None, typer.Option("--context", metavar="N|FILE", help="tokens a decode step attends to")],
    "generate": Annotated[str | None, typer.Option("--generate", metavar="N", help="decode steps after the prefill")],
    "dtype": Annotated[str | None, typer.Option("--dtype", metavar="TYPE", help="element type [bf16]")],
    "weights": Annotated[str | None, typer.Option("--weights", metavar="TYPE", help="element type of weights")],
    "kv": Annotated[str | None, typer.Option("--kv", metavar="TYPE", help="element type of the KV cache")],
    "experts": Annotated[str | None, typer.Option(
        "--experts", metavar="FILE|DRAW",
        help="token count of each expert, or a draw: uniform[:SEED], zipf[:EXPONENT[:SEED]]")],
    "tp": Annotated[
        str | None, typer.Option("--tp", metavar="N", help="tensor parallelism: chips that share every layer [1]")
    ],
    "ep": Annotated[
        str | None, typer.Option("--ep", metavar="N", help="expert parallelism: chips that share the experts [1]")
    ],
    "pp": Annotated[
        str | None, typer.Option("--pp", metavar="N", help="pipeline parallelism: chips that each have some layers [1]")
    ],
    "micro_batches": Annotated[
        str | None,
        typer.Option("--micro-batches", metavar="N", help="parts of the batch in a pipeline [gcd of --batch and --pp]"),
    ],
    "dp": Annotated[
        str | None, typer.Option("--dp", metavar="N", help="data parallelism: chips that each have some requests [1]")
    ],
    "allow_unsupported": Annotated[
        bool, typer.Option("--allow-unsupported", help="leave out operators that cannot be lowered, with a warning")
    ],
}  # fmt: skip


#: Options that are called otherwise in LowerOptions.
_OTHER_NAMES = {"shape": "shapes"}


def with_model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the command takes the lowering options too, and gets those given as ``lowering``."""

    @wraps(command)
    def wrapped(**arguments: Any) -> Any:
        given = {name: arguments.pop(name) for name in _LOWERING}
        return command(**arguments, lowering=_lowering(given))

    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.name != "lowering"]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if name == "allow_unsupported" else None,
            annotation=kind,
        )
        for name, kind in _LOWERING.items()
    ]
    parameters = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *shared]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


def _lowering(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, under the names of LowerOptions, which judges the values."""
    found = {name: value for name, value in given.items() if value is not None and value is not False}
    return {_OTHER_NAMES.get(name, name): value for name, value in found.items()}


def load(name: str, set_: list[str] | None) -> Architecture:
    """The architecture called ``name`` with ``--set`` applied; raises InputError with all that is wrong with either."""
    from sim.config.load import load_architecture
    from sim.core.errors import Problems, all_of

    problems = Problems()
    overrides = read_overrides(set_, problems)
    _, loaded = all_of(problems.raise_if_any, lambda: load_architecture(name, overrides))
    return cast("Architecture", loaded)


def read_overrides(set_: list[str] | None, problems: Problems) -> dict[str, str]:
    """Path -> text of every ``--set``; what is not PATH=VALUE, or given twice, goes to ``problems``."""
    overrides: dict[str, str] = {}
    for text in set_ or []:
        path, equals, value = (part.strip() for part in text.partition("="))
        if not path or not equals:
            problems.add("--set: expected PATH=VALUE", found=text)
        elif path in overrides:
            problems.add(f"--set: {path} is given twice", found=text)
        else:
            overrides[path] = value
    return overrides


def check_outputs(*files: Path | str | None) -> None:
    """Raise InputError with every file (None and ``-`` left out) that could not be written."""
    from sim.core.atomic import check_writable

    check_writable(Path(file) for file in files if file is not None and str(file) != "-")
