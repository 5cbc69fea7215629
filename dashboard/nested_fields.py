"""Dotted form field names (when.0.field, use.strategy.kind) read as a tree, so that a form of any depth works without JavaScript.

Knows nothing of policies. Values stay text exactly as typed; nothing is dropped, nothing is converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

MAX_DEPTH = 40


@dataclass(slots=True)
class Fields:
    """One level of the tree: the values posted under this very name, and what hangs below it."""

    values: list[str] = field(default_factory=list)
    below: dict[str, Fields] = field(default_factory=dict)

    def at(self, name: str) -> Fields:
        """The level under name; an empty one where nothing was posted."""
        return self.below.get(name) or Fields()

    def one(self, name: str, default: str = "") -> str:
        """The last value posted under name, trimmed."""
        values = self.at(name).values
        return values[-1].strip() if values else default

    def raw(self, name: str, default: str = "") -> str:
        """The last value posted under name, white space kept: for patterns and messages."""
        values = self.at(name).values
        return values[-1] if values else default

    def many(self, name: str) -> list[str]:
        return [value for value in self.at(name).values if value.strip()]

    def rows(self) -> list[Fields]:
        """The numbered levels below, in the order of their numbers."""
        numbers = sorted(int(name) for name in self.below if name.isascii() and name.isdigit() and len(name) < 6)
        return [self.below[str(number)] for number in numbers if str(number) in self.below]

    def __bool__(self) -> bool:
        return bool(self.values or self.below)


def section(document: Any, name: str) -> Mapping[str, Any]:
    """The mapping under name in a stored document; an empty one where there is none."""
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def read_fields(data: QueryDict) -> Fields:
    """Every posted field as one tree. Names deeper than any form of ours are ignored."""
    root = Fields()
    for name, values in data.lists():
        steps = name.split(".")
        if len(steps) > MAX_DEPTH:
            continue
        level = root
        for step in steps:
            level = level.below.setdefault(step, Fields())
        level.values.extend(str(value) for value in values)
    return root
