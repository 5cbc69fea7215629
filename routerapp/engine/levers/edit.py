"""Edits of a document by path, on copies: what is not on the path is shared, nothing is changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]
GONE = object()


def edited(document: Any, path: Path, value: Any) -> Any:
    """The document with this value at the path; mappings that are missing on the way are made. GONE takes the key out."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        items = list(document)
        items[key] = edited(items[key], rest, value)
        return items
    members = dict(document) if isinstance(document, Mapping) else {}
    if not rest and value is GONE:
        members.pop(key, None)
    else:
        members[key] = edited(members.get(key), rest, value)
    return members


def at(document: Any, path: Path) -> Any:
    """What stands at the path, or None."""
    for key in path:
        if isinstance(key, int):
            is_there = isinstance(document, list | tuple) and key < len(document)
            document = document[key] if is_there else None
        else:
            document = document.get(key) if isinstance(document, Mapping) else None
    return document


def written(path: Path) -> str:
    """As people read it: rules[1].use.pool."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
