"""An audit event as people read it: what was done, and field by field from what to what. What it holds is text of others: never trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.templatetags.numbers import exact_money
from routerapp.models import AuditEvent

LONGEST = 120
INLINE = 4
SHORT_HASH = 12
NUSD = "_nusd"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """before, after: text, empty where there was or is nothing. is_long: one of them was cut."""

    name: str
    before: str
    after: str
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class EventLine:
    event: AuditEvent
    words: str
    changes: tuple[FieldChange, ...]

    @property
    def first(self) -> tuple[FieldChange, ...]:
        return self.changes[:INLINE]

    @property
    def rest(self) -> tuple[FieldChange, ...]:
        return self.changes[INLINE:]

    @property
    def document(self) -> str:
        """Everything of it as JSON, for whoever wants to see it whole; empty when the lines say all."""
        if not any(change.is_long for change in self.changes):
            return ""
        whole = {"before": self.event.before, "after": self.event.after}
        return json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True)


def event_line(event: AuditEvent) -> EventLine:
    return EventLine(event, action_words(event.action), tuple(_changes(event.before, event.after)))


def action_words(action: str) -> str:
    """set_credential → Set credential."""
    return action.replace("_", " ").strip().capitalize()


def _changes(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """Down to the values that differ, one level into objects; lists are compared whole. What is new and empty says nothing."""
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    for name in [*new, *(gone for gone in old if gone not in new)]:
        was, now = old.get(name), new.get(name)
        if name in old and name in new and was == now:
            continue
        if name not in old and now in (None, "", [], {}):
            continue
        place = f"{path}{name}".replace("_", " ")
        if not path and isinstance(was or {}, Mapping) and isinstance(now or {}, Mapping) and (was or now):
            yield from _changes(was, now, f"{name} › ")
        else:
            yield _field(name, place, was if name in old else None, now if name in new else None)


def _field(name: str, place: str, was: Any, now: Any) -> FieldChange:
    texts = [_text(name, value) for value in (was, now)]
    is_long = any(len(text) > LONGEST for text in texts)
    shown = [text if len(text) <= LONGEST else f"{text[:LONGEST]}…" for text in texts]
    label = place.removesuffix(" nusd") if name.endswith(NUSD) else place
    return FieldChange(label, shown[0], shown[1], is_long)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(NUSD) and isinstance(value, int):
        return exact_money(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "none"
    if name.endswith("sha256") and isinstance(value, str):
        return f"{value[:SHORT_HASH]}…"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
