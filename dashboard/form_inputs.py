"""Inputs of the policy forms as values: what a template needs to draw one, what was typed, and what is wrong with it.

They read posted fields and documents alike and write documents; whether a value is allowed, the engine says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.nested_fields import Fields
from dashboard.use_words import reference_words

Choice = tuple[str, str]
_WHOLE = re.compile(r"-?\d{1,18}\Z", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][-+]?\d{1,2})?\Z", re.ASCII)


@dataclass(slots=True)
class Input:
    """One value. kind: number, whole, usd, text, area, choice or many. path: form field name. value: as typed."""

    path: str
    label: str
    kind: str
    value: str = ""
    chosen: list[str] = field(default_factory=list)
    choices: tuple[Choice, ...] = ()
    help: str = ""
    unit: str = ""
    placeholder: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_given(self) -> bool:
        return bool(self.chosen if self.kind == "many" else self.value.strip())

    def read(self, fields: Fields, name: str) -> None:
        """What was posted under name."""
        if self.kind == "many":
            self.chosen = fields.many(name)
        else:
            self.value = fields.raw(name).replace("\r\n", "\n")

    def fill(self, value: Any) -> None:
        """What the document says; choices the catalogue lost stay choosable, so that nothing is dropped in silence."""
        if value is None:
            return
        if self.kind == "many":
            self.chosen = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
            self.keep_chosen()
        else:
            self.value = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def keep_chosen(self) -> None:
        known = {value for value, _ in self.choices}
        self.choices += tuple((value, f"{value} (unknown)") for value in self.chosen if value not in known)

    def document(self) -> Any:
        """The typed value; text stays where no number can be read, so that the engine's message stands at it too."""
        if self.kind == "many":
            return list(self.chosen)
        if self.kind in ("number", "whole", "usd"):
            number = as_number(self.value)
            if number is None:
                self.problems.append(f"“{self.value.strip()[:40]}” is not a number.")
                return self.value
            return number
        return self.value.strip() if self.kind == "choice" else self.value


def as_number(text: str) -> int | float | None:
    """The number a person typed, whole where it can be; None for anything else."""
    text = text.strip()
    if _WHOLE.match(text):
        return int(text)
    return float(text) if _NUMBER.match(text) else None


@dataclass(slots=True)
class ReferenceList:
    """References in order, edited by buttons; adding is what the open list still holds when the form is sent.

    is_pool: the first choice made beside “all” alone takes its place, since all holds it already.
    """

    path: str
    label: str
    items: list[str] = field(default_factory=list)
    adding: str = ""
    help: str = ""
    is_pool: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> list[Choice]:
        """(reference, in words)."""
        return [(item, reference_words(item)) for item in self.items]

    def read(self, fields: Fields) -> None:
        self.items = [row.values[-1] for row in fields.rows() if row.values and row.values[-1].strip()]
        self.adding = fields.one("add")

    def fill(self, value: Any) -> None:
        self.items = [str(one) for one in value] if isinstance(value, list | tuple) else []

    def take_added(self) -> None:
        """A choice left in the list counts as added: nobody must press Add to be understood."""
        if self.adding and self.adding not in self.items:
            if self.is_pool and self.items == ["all"]:
                self.items = []
            self.items.append(self.adding)
        self.adding = ""

    def edit(self, verb: str, place: int) -> None:
        """drop, raise or lower the item at this place."""
        if not 0 <= place < len(self.items):
            return
        if verb == "drop":
            del self.items[place]
        else:
            target = place + (-1 if verb == "raise" else 1)
            if 0 <= target < len(self.items):
                self.items.insert(target, self.items.pop(place))

    def document(self) -> list[str]:
        self.take_added()
        return list(self.items)


@dataclass(slots=True)
class WeightRows:
    """name → number. Fixed names are inputs of their own; free ones are rows with a name beside the number."""

    path: str
    label: str
    fixed: tuple[Choice, ...] = ()
    rows: list[tuple[str, str]] = field(default_factory=list)
    suggestions: tuple[str, ...] = ()
    help: str = ""
    problems: list[str] = field(default_factory=list)

    def read(self, fields: Fields) -> None:
        if self.fixed:
            self.rows = [(name, fields.one(name)) for name, _ in self.fixed]
        else:
            self.rows = [(row.one("name"), row.one("weight")) for row in fields.rows()]

    def fill(self, value: Any) -> None:
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if self.fixed:
            known = {name for name, _ in self.fixed}
            self.fixed += tuple((name, f"{name} (unknown)") for name in given if name not in known)
        names: Iterable[str] = [name for name, _ in self.fixed] if self.fixed else given
        self.rows = [(name, json.dumps(given[name]) if name in given else "") for name in names]

    @property
    def labelled(self) -> list[tuple[str, str, str]]:
        """(name, label, number) of the fixed ones."""
        words = dict(self.fixed)
        return [(name, words.get(name, name), number) for name, number in self.rows]

    @property
    def open_rows(self) -> list[tuple[str, str]]:
        """The free rows and one more to type into."""
        return [*[row for row in self.rows if any(row)], ("", "")]

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, text in self.rows:
            if not text and (self.fixed or not name):
                continue
            number = as_number(text)
            if number is None or not name:
                self.problems.append(f"“{text}” is not a number." if name else f"Name what has the weight {text}.")
            found[name] = text if number is None else number
        return found


@dataclass(slots=True)
class RangeRows:
    """name → two ends of a scale."""

    path: str
    label: str
    names: tuple[Choice, ...]
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    help: str = ""
    problems: list[str] = field(default_factory=list)

    def read(self, fields: Fields) -> None:
        self.ends = {name: (fields.at(name).one("low"), fields.at(name).one("high")) for name, _ in self.names}

    def fill(self, value: Any) -> None:
        for name, ends in (value if isinstance(value, Mapping) else {}).items():
            if isinstance(ends, list | tuple) and len(ends) == 2:
                self.ends[name] = (json.dumps(ends[0]), json.dumps(ends[1]))

    @property
    def rows(self) -> list[tuple[str, str, str, str, Any, Any]]:
        """name, label, low, high and the defaults of both."""
        return [
            (name, label, *self.ends.get(name, ("", "")), *self.defaults.get(name, ("", "")))
            for name, label in self.names
        ]

    def document(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for name, (low, high) in self.ends.items():
            if not low and not high:
                continue
            numbers = [as_number(low), as_number(high)]
            if None in numbers:
                self.problems.append("A scale needs a number at both ends.")
            found[name] = [
                typed if number is None else number for number, typed in zip(numbers, (low, high), strict=True)
            ]
        return found
