"""Options that several commands share, in one place: how a model is lowered, and which architecture is meant.

``with_model_options`` adds the lowering options to a command; it receives them as one dictionary, ``lowering``, of the
names of :class:`sim.trace.options.LowerOptions`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

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
    "batch": Annotated[int | None, typer.Option("--batch", metavar="N", help="batch size [1]")],
    "shape": Annotated[
        list[str] | None, typer.Option("--shape", metavar="NAME=N", help="size of a symbolic dimension; may be repeated")
    ],
    "phase": Annotated[
        str | None, typer.Option("--phase", metavar="PHASE", help="prefill, decode or generate [prefill]")
    ],
    "prompt": Annotated[str | None, typer.Option("--prompt", metavar="N|FILE", help="tokens of the prompt(s) [512]")],
    "context": Annotated[str | None, typer.Option("--context", metavar="N|FILE", help="tokens a decode step attends to")],
    "generate": Annotated[int | None, typer.Option("--generate", metavar="N", help="decode steps after the prefill")],
    "dtype": Annotated[str | None, typer.Option("--dtype", metavar="TYPE", help="element type [bf16]")],
    "weights": Annotated[str | None, typer.Option("--weights", metavar="TYPE", help="element type of weights")],
    "kv": Annotated[str | None, typer.Option("--kv", metavar="TYPE", help="element type of the KV cache")],
    "experts": Annotated[str | None, typer.Option("--experts", metavar="FILE", help="token count of each expert")],
    "allow_unsupported": Annotated[
        bool, typer.Option("--allow-unsupported", help="leave out operators that cannot be lowered, with a warning")
    ],
}  # fmt: skip


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
    """What was given, under the names of LowerOptions."""
    found = {
        name: value for name, value in given.items() if name != "shape" and value is not None and value is not False
    }
    shapes = pairs(given["shape"], "--shape", "NAME=N")
    return found | ({"shapes": shapes} if shapes else {})


def pairs(values: list[str] | None, option: str, form: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a dictionary; raises InputError with every one that is not of this form."""
    from sim.core.errors import Problems

    problems, found = Problems(), {}
    for text in values or []:
        name, equals, value = text.partition("=")
        if not name.strip() or not equals:
            problems.add(f"{option}: expected {form}", found=text)
        found[name.strip()] = value.strip()
    problems.raise_if_any()
    return found


def overrides(values: list[str] | None) -> dict[str, str]:
    """``--set`` options as path -> value text."""
    return pairs(values, "--set", "PATH=VALUE")
