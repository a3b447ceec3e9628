"""Which values of a mapping are right by themselves when the mapping as a whole is not.

A spec is refused as a whole; so that one wrong key does not hide what is wrong between the others, each key is looked at
alone, and of a mapping from free names to values the entries that are wrong are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, get_origin

from pydantic import TypeAdapter, ValidationError

from sim.config.spec import FrozenSpec

KEPT_READERS = 512


def sound_values(model: type[FrozenSpec], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Key -> value, as ``model`` would have it, of all keys that are right or left to their default."""
    found: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        if key not in plain:
            if not field.is_required():
                found[key] = field.get_default(call_default_factory=True)
            continue
        try:
            found[key] = _value(model, key, plain[key])
        except ValidationError:
            continue
    return found


def _value(model: type[FrozenSpec], key: str, plain: Any) -> Any:
    reader = _reader(model, key)
    try:
        return reader.validate_python(plain)
    except ValidationError as error:
        if get_origin(model.model_fields[key].annotation) is not dict or not isinstance(plain, dict):
            raise
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        return reader.validate_python({name: item for name, item in plain.items() if name not in wrong})


@lru_cache(maxsize=KEPT_READERS)
def _reader(model: type[FrozenSpec], key: str) -> TypeAdapter[Any]:
    """What reads one key of a model; kept, because a file may hold many wrong components of a kind."""
    field = model.model_fields[key]
    hint: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(hint)
