"""Documents people send us: what every database we run on keeps exactly as it is, and what none should be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.problems import Problem
from routerapp.serving.refusals import Invalid

MAX_DEPTH = 64
MAX_NUMBER = 2**63 - 1


def refuse_unstorable(value: Any, depth: int = 0) -> None:
    """Raise Invalid for what not every database keeps as it is: endless nesting, NaN and infinities, huge integers, NUL."""
    if depth > MAX_DEPTH:
        raise Invalid([Problem("", "too_deep", f"A document nests at most {MAX_DEPTH} levels.")])
    if isinstance(value, Mapping):
        for name, inner in value.items():
            refuse_unstorable(name, depth + 1)
            refuse_unstorable(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            refuse_unstorable(inner, depth + 1)
    elif isinstance(value, str) and not is_storable(value):
        raise Invalid([Problem("", "bad_character", "Text cannot hold the NUL character or half a surrogate pair.")])
    elif isinstance(value, float | int) and not abs(value) <= MAX_NUMBER:
        raise Invalid([Problem("", "not_a_number", "Numbers are finite and below 2 to the power of 63.")])


def is_storable(text: str) -> bool:
    """PostgreSQL keeps no NUL, and half a surrogate pair is no UTF-8."""
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
