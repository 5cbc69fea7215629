"""The parts of a configuration document: each reads its rows and writes through use cases.

A section knows names and fields; what differs is found by changes.py, and whether it may be is decided by the use cases alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from django.utils.dateparse import parse_datetime

from routerapp.engine.money import format_usd
from routerapp.serving.amounts import usd
from routerapp.serving.configuration.fields import Field
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid

Entry = Mapping[str, Any]


class Section(Protocol):
    """name: its key in the document. noun: what one entry is called. prunes: what --prune takes away: entries, fields or nothing."""

    name: str
    noun: str
    prunes: str

    def field(self, name: str) -> Field | None:
        """What an entry may hold under this name; None when nothing."""
        ...

    def read(self) -> dict[str, dict[str, Any]]:
        """Every entry as it is now, by name, in the form the document has."""
        ...

    def settle(self, entry: Entry) -> dict[str, Any]:
        """The same entry as `read` would spell it: amounts and instants. Raises Invalid with paths inside the entry."""
        ...

    def add(self, name: str, entry: Entry, by: Actor) -> str | None:
        """Make it. A sentence when something of it is in no document and somebody has to do it by hand."""
        ...

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> str | None:
        """Only the fields that differ; before is the whole entry."""
        ...

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        """The entry, or where fields are pruned these fields of it."""
        ...


ENTRIES, FIELDS, NOTHING = "entries", "fields", "nothing"


def instant_text(instant: datetime | None) -> str | None:
    """One spelling, in UTC."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant_of(text: Any, path: str) -> datetime:
    try:
        found = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise invalid(path, "bad_instant", "An instant is written 2026-01-31T09:00:00Z, with its zone.")
    return found.astimezone(UTC)


def amount_text(value: Any, path: str) -> str | None:
    return None if value is None else format_usd(usd(value, path))


def nusd_text(nusd: int | None) -> str | None:
    return None if nusd is None else format_usd(nusd)
