"""What a field of the configuration document may hold, told from the column behind it. Judges shape only; meaning is the use cases'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db import models

TEXT, FLAG, WHOLE, NUMBER, LIST, OBJECT, AMOUNT = "text", "flag", "whole", "number", "list", "object", "amount"
# Judged by the use case alone.
ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Field:
    """kind: one of the above. is_fixed: said when the thing is made, never changed."""

    kind: str
    may_be_null: bool = False
    is_fixed: bool = False


Fields = Mapping[str, Field]

_HOLDS: Mapping[str, tuple[Callable[[Any], bool], str]] = MappingProxyType(
    {
        TEXT: (lambda value: isinstance(value, str), "text"),
        FLAG: (lambda value: isinstance(value, bool), "true or false"),
        WHOLE: (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
        NUMBER: (lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number"),
        LIST: (lambda value: isinstance(value, list), "a list"),
        OBJECT: (lambda value: isinstance(value, Mapping), "an object"),
        ANYTHING: (lambda value: True, "anything"),
        AMOUNT: (
            lambda value: isinstance(value, str | int | float) and not isinstance(value, bool),
            'an amount of US dollars such as "2.50"',
        ),
    }
)


def misfit(field: Field, value: Any) -> str | None:
    """Why the value cannot stand there; None when it can."""
    if value is None:
        return None if field.may_be_null else "It cannot be null."
    holds, words = _HOLDS[field.kind]
    return None if holds(value) else f"This is {words}."


def of_columns(table: type[models.Model], names: Iterable[str], **special: Field) -> dict[str, Field]:
    """A field for each column, unless a special one is given for the name."""
    return {
        name: special[name] if name in special else _of_column(table._meta.get_field(name)) for name in sorted(names)
    }


def _of_column(column: Any) -> Field:
    if isinstance(column, models.BooleanField):
        kind = FLAG
    elif isinstance(column, models.IntegerField):
        kind = WHOLE
    elif isinstance(column, models.FloatField):
        kind = NUMBER
    elif isinstance(column, models.JSONField):
        kind = LIST if column.default is list else OBJECT
    else:
        kind = TEXT
    return Field(kind, may_be_null=column.null)
