"""Truth of every content leaf for one chat, in one pass: what is recorded so that rules over content replay without the content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

from routerapp.engine.conditions import Leaf
from routerapp.engine.content import Content
from routerapp.engine.text_match import text_matches
from routerapp.engine.types import RequestFacts


class Observer:
    """Compiled once per snapshot from the content leaves of the live policies and saved drafts."""

    def __init__(self, leaves: Iterable[Leaf]) -> None:
        unique = {leaf.leaf_id: leaf for leaf in leaves}
        self.leaves = tuple(unique.values())
        self._sets: dict[str, tuple[Any, tuple[Leaf, ...]]] = {}
        self._plain = tuple(leaf for leaf in self.leaves if leaf.op != "matches")
        for field in {leaf.field for leaf in self.leaves if leaf.op == "matches"}:
            self._sets[field] = _pattern_set(
                tuple(leaf for leaf in self.leaves if leaf.op == "matches" and leaf.field == field)
            )

    def observe(self, content: Content, facts: RequestFacts) -> dict[str, bool]:
        """leaf_id -> truth; an absent header or metadata name makes its leaf false."""
        truths: dict[str, bool] = {}
        for field, (patterns, leaves) in self._sets.items():
            value = _value_of(field, content, facts)
            hits = frozenset(patterns.Match(value) or ()) if value is not None else frozenset()
            for index, leaf in enumerate(leaves):
                truths[leaf.leaf_id] = index in hits
        for leaf in self._plain:
            value = _value_of(leaf.field, content, facts)
            truths[leaf.leaf_id] = value is not None and text_matches(leaf.op, leaf.value, value)
        return truths


def _pattern_set(leaves: tuple[Leaf, ...]) -> tuple[Any, tuple[Leaf, ...]]:
    options = re2.Options()
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for leaf in leaves:
        patterns.Add(leaf.value)
    patterns.Compile()
    return patterns, leaves


def _value_of(field: str, content: Content, facts: RequestFacts) -> str | None:
    if field == "text":
        return content.text
    if field == "conversation":
        return content.conversation
    if field == "system":
        return content.system
    family, _, name = field.partition(".")
    return (facts.headers if family == "header" else facts.metadata).get(name)
