"""The extras of a rule or policy in words: sticky units, exploration, hedge, exact cache, the inexpressible, kept content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.nested_fields import section
from routerapp.engine.extras import DEFAULT_CACHE_SECONDS, DEFAULT_STICKY_SECONDS

EXTRA_NAMES = ("sticky", "explore", "hedge", "cache", "unsupported", "content")
_STICKY = {"unit": "each conversation", "tenant": "each team"}
_UNSUPPORTED = {"refuse": "refuses what cannot be expressed", "drop": "leaves out what cannot be expressed"}


def describe_extras(document: Any) -> list[str]:
    """One phrase an extra, of a use or of a whole policy."""
    given: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    return [extra_words(name, given[name]) for name in EXTRA_NAMES if given.get(name) is not None]


def extra_words(name: str, value: Any) -> str:
    """One extra; what it leaves unsaid as it is then. Empty for one that is not there."""
    if value is None:
        return ""
    inside = section({name: value}, name)
    if name == "sticky":
        who = _STICKY.get(str(inside.get("by", "unit")), str(inside.get("by")))
        how = ", new ones by the strategy" if inside.get("first") == "strategy" else ""
        return f"keeps {who} where it was for {_span(inside.get('ttl_seconds', DEFAULT_STICKY_SECONDS))}{how}"
    if name == "explore":
        share, margin = inside.get("share"), inside.get("margin")
        near = "" if margin is None else f" within {margin} of the best"
        return (
            f"explores with {share * 100:g} %" if isinstance(share, int | float) else f"explores with {share}"
        ) + near
    if name == "hedge":
        return f"asks a second one after {inside.get('after_ms')} ms"
    if name == "cache":
        if inside.get("mode") == "off":
            return "never answers from memory"
        return f"answers equal requests from memory for {_span(inside.get('ttl_seconds', DEFAULT_CACHE_SECONDS))}"
    if name == "content":
        days = f" for {inside['days']} days" if inside.get("days") is not None else ""
        return f"keeps redacted content{days}" if inside.get("keep") == "redacted" else "keeps no content"
    return _UNSUPPORTED.get(str(value), str(value))


def _span(seconds: Any) -> str:
    """300 → 5 min; 90 → 90 s."""
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return f"{seconds} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
