"""Checking a located mapping against a pydantic model, and telling every error where it stands.

pydantic finds all errors of a mapping at once; here each becomes a Problem with the place of the offending key, what
was found, what is allowed and the nearest valid name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import pydantic

from sim.config.sound import sound_values
from sim.config.spec import FAULTS, Fault, FrozenSpec
from sim.config.yaml_source import Located
from sim.core.errors import Problems

M = TypeVar("M", bound=FrozenSpec)
_QUOTED = re.compile(r"'([^']*)'")
_MAPPING = re.compile(r"Input should be a valid dictionary(?: or instance of \w+)?")
_SHOWN_CHARACTERS = 60
_WORDS = (str, list[str], NoneType)


def check(model: type[M], node: Located, keys: Sequence[str], what: str, problems: Problems) -> M | None:
    """The ``keys`` of the mapping ``node`` as a ``model``; on errors None, and the errors in ``problems``.

    ``what`` names the thing in messages ("component chip.hbm of kind dram").
    """
    chosen = Located({key: node.value[key] for key in keys}, node.place)
    plain = chosen.plain()
    try:
        return model.model_validate(plain)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        _Telling(model, chosen, what, problems).tell(details)
        if not any(detail["type"] == FAULTS and not detail["loc"] for detail in details):
            tell_faults(model.faults(sound_values(model, plain)), chosen, what, problems)
        return None


def tell_faults(faults: Iterable[Fault], node: Located, what: str, problems: Problems) -> None:
    """Each of ``faults`` in ``problems``, at its place in the mapping ``node`` of the thing called ``what``."""
    for steps, message, found, allowed, suggest_for in faults:
        place = node.at(steps).place
        problems.add(f"{what}: {message}", place, found=found, allowed=allowed, suggest_for=suggest_for)


class _Telling:
    """One validation's errors on their way to the user."""

    def __init__(self, model: type[pydantic.BaseModel], node: Located, what: str, problems: Problems) -> None:
        self.model, self.node, self.what, self.problems = model, node, what, problems

    def tell(self, details: Iterable[Any]) -> None:
        wrong_values: dict[tuple[str | int, ...], list[Any]] = {}
        for detail in details:
            steps = _steps_in(self.node, detail["loc"])
            if detail["type"] == FAULTS:
                prefix = f"{self.what}: {_dotted(steps)}" if steps else self.what
                tell_faults(detail["ctx"][FAULTS], self.node.at(steps), prefix, self.problems)
            elif detail["type"] == "extra_forbidden":
                self._unknown_key(detail["loc"], steps)
            elif detail["type"] == "missing":
                self._missing_key(detail["loc"], steps)
            else:
                wrong_values.setdefault(steps, []).append(detail)
        for steps, details in wrong_values.items():
            self._wrong_value(steps, details)

    def _unknown_key(self, location: tuple[str | int, ...], steps: tuple[str | int, ...]) -> None:
        key, model, written = (
            str(steps[-1]) if steps else "?",
            _model_at(self.model, location[:-1]),
            self.node.at(steps),
        )
        around = self.node.at(steps[:-1]).plain()
        allowed = model.keys_for(around) if issubclass(model, FrozenSpec) and isinstance(around, dict) else _keys(model)
        near = (
            allowed
            if isinstance(written.value, str | list)
            else [one for one in allowed if not _takes_words(model, one)]
        )
        self.problems.add(
            f"unknown key in {self.what}", written.place, found=key, allowed=allowed, suggest_for=key, among=near
        )

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


def _takes_words(model: type[pydantic.BaseModel], key: str) -> bool:
    """Does the key take words only, so that a number or a mapping cannot have been meant for it?"""
    field = model.model_fields.get(key)
    hint = field.annotation if field is not None else None
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return all(kind in _WORDS or get_origin(kind) is Literal for kind in kinds)


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
