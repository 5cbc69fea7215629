"""A plan to apply a configuration, as lines people read: what comes, what changes from what to what, what goes."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from routerapp.serving.configuration.changes import ADD, CHANGE, REMOVE, Change, FieldChange
from routerapp.serving.configuration.document import Applied

MARKS = {ADD: "+", CHANGE: "~", REMOVE: "-"}
LONGEST_VALUE = 100
MOST_LINES = 60


def plan_text(applied: Applied, *, is_dry: bool) -> str:
    if not applied.changes:
        return "\n".join(["No changes: the installation is as the document says.", *_note_lines(applied)])
    counts = Counter(change.kind for change in applied.changes)
    words = f"{counts[ADD]} to add, {counts[CHANGE]} to change, {counts[REMOVE]} to archive or remove"
    done = "Nothing was changed: this was a dry run." if is_dry else "Done; every worker has it within two seconds."
    lines = [line for change in applied.changes for line in _lines(change)]
    return "\n".join([*lines, "", f"{words}. {done}", *_note_lines(applied)])


def plan_document(applied: Applied, *, is_dry: bool) -> dict[str, Any]:
    return {
        "dry_run": is_dry,
        "changes": [
            {
                "kind": change.kind,
                "path": change.path,
                "fields": [{"name": one.name, "before": one.before, "after": one.after} for one in change.fields],
            }
            for change in applied.changes
        ],
        "notes": list(applied.notes),
    }


def _note_lines(applied: Applied) -> list[str]:
    return ["", "By hand:", *(f"  {note}" for note in applied.notes)] if applied.notes else []


def _lines(change: Change) -> Iterator[str]:
    yield f"{MARKS[change.kind]} {change.section.noun} {change.name}"
    for one in change.fields:
        if _is_long(one.before) or _is_long(one.after):
            yield f"    {one.name}:"
            yield from _difference(one)
        elif change.kind == ADD:
            yield f"    {one.name}: {_short(one.after)}"
        else:
            yield f"    {one.name}: {_short(one.before)} → {_short(one.after)}"


def _difference(one: FieldChange) -> Iterator[str]:
    before, after = (
        [] if value is None else json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
        for value in (one.before, one.after)
    )
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    for line in lines[:MOST_LINES]:
        yield f"      {line}"
    if len(lines) > MOST_LINES:
        yield f"      … {len(lines) - MOST_LINES} more lines; --json has them all"


def _is_long(value: Any) -> bool:
    return isinstance(value, dict | list) and len(json.dumps(value)) > LONGEST_VALUE


def _short(value: Any) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
