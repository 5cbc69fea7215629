"""What differs between an installation and a configuration document, entry by entry, as values. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from routerapp.serving.configuration.sections import ENTRIES, FIELDS, NOTHING, Section

ADD, CHANGE, REMOVE = "add", "change", "remove"
Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """kind: add, change or remove. entry is the whole entry as it is now, empty for one that is added."""

    kind: str
    section: Section
    name: str
    fields: tuple[FieldChange, ...] = ()
    entry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.section.name}.{self.name}"

    @property
    def after(self) -> dict[str, Any]:
        return {one.name: one.after for one in self.fields}

    @property
    def before(self) -> dict[str, Any]:
        return {one.name: one.before for one in self.fields}


def changes_of(section: Section, current: Entries, wanted: Entries) -> Iterator[Change]:
    """To add and to change, in the order they are written; what is not written stays."""
    for name, entry in wanted.items():
        if name not in current:
            fields = tuple(FieldChange(field, None, value) for field, value in entry.items())
            yield Change(ADD, section, name, fields)
            continue
        now = current[name]
        changed = tuple(
            FieldChange(field, now.get(field), value)
            for field, value in entry.items()
            if field not in now or now[field] != value
        )
        if changed:
            yield Change(CHANGE, section, name, changed, now)


def removals_of(section: Section, current: Entries, wanted: Entries) -> Iterator[Change]:
    """What is here and not written. Sections that the document leaves out altogether are not asked about."""
    if section.prunes == NOTHING:
        return
    for name, now in current.items():
        if section.prunes == ENTRIES and name not in wanted:
            yield Change(REMOVE, section, name, (), now)
        gone = [one for one in now if one not in wanted.get(name, now)] if section.prunes == FIELDS else []
        if gone:
            yield Change(REMOVE, section, name, tuple(FieldChange(one, now[one], None) for one in gone), now)


def in_order(sections: Sequence[Section], document: Mapping[str, Entries], *, prune: bool) -> list[Change]:
    """Everything to do, so that each step finds what it needs: additions and changes, then removals from the other end."""
    current = {section.name: section.read() for section in sections if section.name in document}
    asked = [section for section in sections if section.name in document]
    found = [
        change for section in asked for change in changes_of(section, current[section.name], document[section.name])
    ]
    if prune:
        for section in reversed(asked):
            found += removals_of(section, current[section.name], document[section.name])
    return found
