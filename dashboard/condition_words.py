"""Conditions in words: one phrase a leaf, grouped as the document groups them.

Words only: what a field or operator may be is the engine's vocabulary. Values stay apart from the words, so that templates can set them off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELD_WORDS: Mapping[str, str] = {
    "task": "task",
    "task_confidence": "task confidence",
    "complexity": "complexity",
    "language": "language",
    "prompt_tokens": "prompt tokens",
    "tokens_exact": "token count is exact",
    "turns": "turns",
    "has_code": "has code",
    "has_math": "has math",
    "has_images": "has images",
    "wants_tools": "wants tools",
    "wants_json": "wants JSON",
    "pii": "personal data",
    "scan_complete": "scan is complete",
    "text": "last user message",
    "conversation": "whole conversation",
    "system": "system prompt",
    "model": "requested model",
    "user": "user",
    "key": "API key",
    "team": "team",
    "tags": "tags",
    "metadata": "metadata entry",
    "header": "request header",
    "hour": "hour",
    "weekday": "weekday",
    "stream": "is streaming",
    "max_tokens": "answer token limit",
}
OPERATOR_WORDS: Mapping[str, str] = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "between": "is between",
    "contains": "contains",
    "contains_any": "contains one of the words",
    "matches": "matches the pattern",
    "intersects": "includes any of",
    "exists": "is given",
    "starts_with": "starts with",
}
_CLAIMS: Mapping[str, tuple[str, str]] = {
    "has_code": ("has code", "has no code"),
    "has_math": ("has math", "has no math"),
    "has_images": ("has images", "has no images"),
    "wants_tools": ("wants tools", "wants no tools"),
    "wants_json": ("wants JSON", "wants no JSON"),
    "tokens_exact": ("token count is exact", "token count is an estimate"),
    "scan_complete": ("scan is complete", "scan is not complete"),
    "stream": ("is streaming", "is not streaming"),
}
_GROUPS: Mapping[str, str] = {"all": "all of", "any": "any of", "not": "not"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """One leaf: subject and verb are ours, values are people's and must be escaped where they are shown."""

    subject: str
    verb: str = ""
    values: tuple[str, ...] = ()
    joiner: str = "or"

    def __str__(self) -> str:
        return " ".join(part for part in (self.subject, self.verb, f" {self.joiner} ".join(self.values)) if part)


@dataclass(frozen=True, slots=True)
class Group:
    """kind: all, any or not; parts in the document's order."""

    kind: str
    parts: tuple[Phrase | Group, ...]

    @property
    def label(self) -> str:
        return _GROUPS[self.kind]

    def __str__(self) -> str:
        if self.kind == "not":
            return "not (" + "; ".join(map(str, self.parts)) + ")"
        joined = (" and " if self.kind == "all" else " or ").join(
            f"({part})" if isinstance(part, Group) and part.kind != "not" else str(part) for part in self.parts
        )
        return joined or f"{self.label} nothing"


def describe_condition(document: Any) -> Phrase | Group:
    """Words for any stored condition, also one this release no longer accepts."""
    if not isinstance(document, Mapping) or not document:
        return Phrase("every request")
    for kind in ("all", "any"):
        if isinstance(document.get(kind), list):
            return Group(kind, tuple(describe_condition(child) for child in document[kind]))
    if "not" in document:
        return Group("not", (describe_condition(document["not"]),))
    return describe_leaf(str(document.get("field", "?")), str(document.get("op", "?")), document.get("value"))


def describe_leaf(field: str, op: str, value: Any) -> Phrase:
    if field in _CLAIMS and isinstance(value, bool) and op in ("eq", "ne"):
        return Phrase(_CLAIMS[field][0 if value is (op == "eq") else 1])
    subject = field_words(field)
    if op == "exists":
        return Phrase(subject, "is given" if value is not False else "is not given")
    values = value if isinstance(value, list | tuple) else [value]
    verb = OPERATOR_WORDS.get(op, op)
    if op in ("in", "intersects") and len(values) == 1:
        verb = "is" if op == "in" else "includes"
    return Phrase(subject, verb, tuple(_value_words(one) for one in values), "and" if op == "between" else "or")


def field_words(field: str) -> str:
    if field.startswith("metadata."):
        return f"metadata {field.removeprefix('metadata.')}"
    if field.startswith("header."):
        return f"header {field.removeprefix('header.')}"
    return FIELD_WORDS.get(field, field)


def _value_words(value: Any) -> str:
    if isinstance(value, str):
        return value if value.strip() else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
