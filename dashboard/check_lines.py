"""A cascade's checks as lines of text, one each: the kind, a space, its value. Whether a check is allowed, the engine says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.form_inputs import Input, as_number

# Checks whose value has two members, written one after the other.
PAIRS = {"agrees": ("samples", "least"), "judge": ("by", "least")}
NUMBERS = ("min_characters", "log_probability")


@dataclass(slots=True)
class CheckLines(Input):
    def fill(self, value: Any) -> None:
        if isinstance(value, list | tuple):
            self.value = "\n".join(_line(one) for one in value)

    def document(self) -> list[Any]:
        return [_check(line.strip()) for line in self.value.splitlines() if line.strip()]


def _line(check: Any) -> str:
    if not isinstance(check, Mapping):
        return json.dumps(check, ensure_ascii=False)
    value = check.get("value")
    names = PAIRS.get(str(check.get("check")))
    if names and isinstance(value, Mapping):
        return " ".join([str(check["check"]), *(str(value[name]) for name in names if name in value)])
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return str(check.get("check", "")) if value is None else f"{check.get('check', '')} {words}"


def _check(line: str) -> dict[str, Any]:
    """The value as it has to be for the kind; what cannot be read so stays text, and the engine's message stands at it."""
    kind, _, value = line.partition(" ")
    value = value.strip()
    if not value:
        return {"check": kind}
    if kind in PAIRS:
        words = ((name, word, as_number(word)) for name, word in zip(PAIRS[kind], value.split(), strict=False))
        return {"check": kind, "value": {name: word if number is None else number for name, word, number in words}}
    if kind in NUMBERS:
        number = as_number(value)
        return {"check": kind, "value": value if number is None else number}
    if kind == "schema":
        try:
            return {"check": kind, "value": json.loads(value)}
        except (ValueError, RecursionError):
            return {"check": kind, "value": value}
    return {"check": kind, "value": value}
