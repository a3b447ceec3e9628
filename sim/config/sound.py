"""Which values of a mapping are right by themselves when the mapping as a whole is not.

A spec is refused as a whole; so that one wrong key does not hide what is wrong between the others, each key is looked at
alone, and of a mapping from free names to values the entries that are wrong are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from sim.config.spec import FrozenSpec


def sound_values(model: type[FrozenSpec], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Key -> value, as ``model`` would have it, of all keys that are right or left to their default."""
    found: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        if key not in plain:
            if not field.is_required():
                found[key] = field.get_default(call_default_factory=True)
            continue
        try:
            found[key] = _value(field, plain[key])
        except ValidationError:
            continue
    return found


def _value(field: FieldInfo, plain: Any) -> Any:
    hint: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    reader: TypeAdapter[Any] = TypeAdapter(hint)
    try:
        return reader.validate_python(plain)
    except ValidationError as error:
        if get_origin(field.annotation) is not dict or not isinstance(plain, dict):
            raise
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        return reader.validate_python({key: item for key, item in plain.items() if key not in wrong})
