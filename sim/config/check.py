"""Checking a located mapping against a pydantic model, and telling every error where it stands.

pydantic finds all errors of a mapping at once; here each becomes a Problem with the place of the offending key, what
was found, what is allowed and the nearest valid name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

import pydantic

from sim.config.yaml_source import Located
from sim.core.errors import Problems

M = TypeVar("M", bound=pydantic.BaseModel)
_QUOTED = re.compile(r"'([^']*)'")
_MAPPING = re.compile(r"Input should be a valid dictionary(?: or instance of \w+)?")
_SHOWN_CHARACTERS = 60


def check(model: type[M], node: Located, keys: Sequence[str], what: str, problems: Problems) -> M | None:
    """The ``keys`` of the mapping ``node`` as a ``model``; on errors None, and the errors in ``problems``.

    ``what`` names the thing in messages ("component chip.hbm of kind dram").
    """
    chosen = Located({key: node.value[key] for key in keys}, node.place)
    try:
        return model.model_validate(chosen.plain())
    except pydantic.ValidationError as error:
        _Telling(model, chosen, what, problems).tell(error)
        return None


class _Telling:
    """One validation's errors on their way to the user."""

    def __init__(self, model: type[pydantic.BaseModel], node: Located, what: str, problems: Problems) -> None:
        self.model, self.node, self.what, self.problems = model, node, what, problems

    def tell(self, error: pydantic.ValidationError) -> None:
        wrong_values: dict[tuple[str | int, ...], list[Any]] = {}
        for detail in error.errors(include_url=False, include_input=False):
            steps = _steps_in(self.node, detail["loc"])
            if detail["type"] == "extra_forbidden":
                self._unknown_key(detail["loc"], steps)
            elif detail["type"] == "missing":
                self._missing_key(detail["loc"], steps)
            else:
                wrong_values.setdefault(steps, []).append(detail)
        for steps, details in wrong_values.items():
            self._wrong_value(steps, details)

    def _unknown_key(self, location: tuple[str | int, ...], steps: tuple[str | int, ...]) -> None:
        key = str(steps[-1]) if steps else "?"
        allowed = _keys(_model_at(self.model, location[:-1]))
        place = self.node.at(steps).place
        self.problems.add(f"unknown key in {self.what}", place, found=key, allowed=allowed, suggest_for=key)

    def _missing_key(self, location: tuple[str | int, ...], steps: tuple[str | int, ...]) -> None:
        key = str(location[-1])
        field = _model_at(self.model, location[:-1]).model_fields.get(key)
        meaning = f" ({field.description})" if field is not None and field.description else ""
        inside = f" under {_dotted(steps)}" if steps else ""
        self.problems.add(f"{self.what} needs the key {key!r}{inside}{meaning}", self.node.at(steps).place)

    def _wrong_value(self, steps: tuple[str | int, ...], details: list[Any]) -> None:
        target = self.node.at(steps)
        choices = [name for detail in details for name in _choices(detail)]
        on_key = any(detail["loc"] and detail["loc"][-1] == "[key]" for detail in details)
        found = str(steps[-1]) if on_key and steps else target.plain()
        prefix = f"{self.what}: {_dotted(steps)}: " if steps else f"{self.what}: "
        if choices:
            message = prefix + ("not one of its keys" if on_key else "not one of its values")
            self.problems.add(message, target.place, found=_shown(found), allowed=choices, suggest_for=str(found))
            return
        texts = dict.fromkeys(_sentence(detail) for detail in details)
        self.problems.add(prefix + ", or ".join(texts), target.place, found=_shown(found) if steps else None)


def _steps_in(node: Located, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The steps of ``location`` that exist in the document (pydantic adds steps of its own for unions and keys)."""
    taken: list[str | int] = []
    for step in location:
        before = node.at(taken)
        if node.at([*taken, step]) is not before:
            taken.append(step)
    return tuple(taken)


def _model_at(model: type[pydantic.BaseModel], location: Sequence[str | int]) -> type[pydantic.BaseModel]:
    here = model
    for step in location:
        field = here.model_fields.get(str(step))
        if field is not None:
            here = next(_models_in(field.annotation), here)
    return here


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _keys(model: type[pydantic.BaseModel]) -> list[str]:
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _choices(detail: Any) -> list[str]:
    if detail["type"] not in ("literal_error", "enum"):
        return []
    return _QUOTED.findall(str(detail.get("ctx", {}).get("expected", "")))


def _sentence(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be a valid string", "expected text")
    message = _MAPPING.sub("expected a mapping", message).replace("Input should be a valid list", "expected a list")
    message = message.replace("Input should be", "expected")
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _dotted(steps: Sequence[str | int]) -> str:
    return ".".join(map(str, steps))
