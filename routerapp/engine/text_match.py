"""Operators over one string. Words and substrings compare without regard to case; patterns say (?i) themselves."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

PATTERN_CHARACTERS = 512


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """RE2 pattern, silent; raises re2.error with RE2's own words."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


@lru_cache(maxsize=1024)
def _whole_words(words: tuple[str, ...]) -> Any:
    alternatives = "|".join(re2.escape(word.lower()) for word in words)
    return compile_pattern(rf"(?:^|[^\pL\pN_])(?:{alternatives})(?:$|[^\pL\pN_])")


def text_matches(op: str, wanted: Any, text: str) -> bool:
    """Truth of one operator; op is one the vocabulary allows on text."""
    if op == "matches":
        return bool(compile_pattern(wanted).search(text))
    if op == "contains_any":
        return bool(_whole_words(tuple(wanted)).search(text.lower()))
    if op == "exists":
        return (text != "") is bool(wanted)
    if op in ("in", "not_in"):
        return (text in wanted) is (op == "in")
    folded, other = text.lower(), str(wanted).lower()
    if op == "contains":
        return other in folded
    if op == "starts_with":
        return folded.startswith(other)
    if op == "ne":
        return bool(text != wanted)
    return bool(text == wanted)
