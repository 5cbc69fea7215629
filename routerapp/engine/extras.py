"""What a rule asks for beside pool and strategy: sticky units, exploration, a hedge, the exact cache, what to do with the inexpressible.

Read here, and laid over each other where uses nest; what they do to a ranking is in keeping.py, to a plan in plan.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routerapp.engine.problems import Problem
from routerapp.engine.section import Section
from routerapp.engine.types import Handling

EXTRA_KEYS = ("sticky", "explore", "hedge", "cache", "unsupported")
POLICY_EXTRA_KEYS = ("cache", "unsupported")
CONTENT_KEYS = ("keep", "days")
STICKY_BY = ("unit", "tenant")
STICKY_FIRST = ("hash", "strategy")
CACHE_MODES = ("exact", "off")
UNSUPPORTED = ("refuse", "drop")
KEEP_CONTENT = ("off", "redacted")
DEFAULT_STICKY_SECONDS = 3_600
MAX_STICKY_SECONDS = 604_800
MAX_SHARE = 0.5
MAX_MARGIN = 1.0
MAX_HEDGE_MS = 600_000
DEFAULT_CACHE_SECONDS = 300
MAX_CACHE_SECONDS = 604_800
MAX_CONTENT_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Sticky:
    """by: unit or tenant. first: hash or strategy chooses for a new unit. ttl_seconds: how long after its last answer it is still known."""

    by: str = "unit"
    first: str = "hash"
    ttl_seconds: int = DEFAULT_STICKY_SECONDS


@dataclass(frozen=True, slots=True)
class Extras:
    """None is not said here, so what is around decides. cache_ttl_seconds 0 is off.

    explore_margin: how much lower quality may be than the best's of those explored with; None: any.
    """

    sticky: Sticky | None = None
    explore_share: float | None = None
    hedge_after_ms: int | None = None
    cache_ttl_seconds: int | None = None
    unsupported: str | None = None
    explore_margin: float | None = None

    @property
    def ranks(self) -> bool:
        """Whether they change who is first."""
        return self.sticky is not None or bool(self.explore_share)


NO_EXTRAS = Extras()
PLAIN_HANDLING = Handling()


def overlaid(around: Extras, own: Extras) -> Extras:
    """What a use says itself wins, each extra for itself; the rest is as around it. NO_EXTRAS is the only empty one: asked for by identity."""
    if own is NO_EXTRAS or own is around:
        return around
    if around is NO_EXTRAS:
        return own
    return Extras(
        around.sticky if own.sticky is None else own.sticky,
        around.explore_share if own.explore_share is None else own.explore_share,
        around.hedge_after_ms if own.hedge_after_ms is None else own.hedge_after_ms,
        around.cache_ttl_seconds if own.cache_ttl_seconds is None else own.cache_ttl_seconds,
        around.unsupported if own.unsupported is None else own.unsupported,
        around.explore_margin if own.explore_share is None else own.explore_margin,
    )


def handling_of(extras: Extras, content: Handling) -> Handling:
    """content: what the policy that was asked says of keeping content."""
    if not extras.cache_ttl_seconds and extras.unsupported is None:
        return content
    return Handling(
        cache_ttl_seconds=extras.cache_ttl_seconds or None,
        unsupported=extras.unsupported or PLAIN_HANDLING.unsupported,
        keep_content=content.keep_content,
        content_days=content.content_days,
    )


def read_extras(section: Section) -> Extras:
    """The extras among a section's keys; those it does not know were refused by it already."""
    share, margin = _read_explore(section)
    found = Extras(
        _read_sticky(section),
        share,
        _read_hedge(section),
        _read_cache(section),
        _read_unsupported(section),
        margin,
    )
    return NO_EXTRAS if found == NO_EXTRAS else found


def read_content(section: Section) -> Handling:
    """The policy's `content`, as the part of the handling it decides."""
    if not section.has("content"):
        return PLAIN_HANDLING
    inner = _inner(section, "content", CONTENT_KEYS)
    keep = _one_of(inner, "keep", KEEP_CONTENT, PLAIN_HANDLING.keep_content)
    days = inner.integer("days", 0, 1, MAX_CONTENT_DAYS) or None
    return Handling(keep_content=keep, content_days=days)


def _read_sticky(section: Section) -> Sticky | None:
    if not section.has("sticky"):
        return None
    inner = _inner(section, "sticky", ("by", "first", "ttl_seconds"))
    return Sticky(
        _one_of(inner, "by", STICKY_BY, "unit"),
        _one_of(inner, "first", STICKY_FIRST, "hash"),
        inner.integer("ttl_seconds", DEFAULT_STICKY_SECONDS, 1, MAX_STICKY_SECONDS),
    )


def _read_explore(section: Section) -> tuple[float | None, float | None]:
    if not section.has("explore"):
        return None, None
    inner = _inner(section, "explore", ("share", "margin"))
    inner.require("share")
    return inner.number("share", None, 0, MAX_SHARE), inner.number("margin", None, 0, MAX_MARGIN)


def _read_hedge(section: Section) -> int | None:
    if not section.has("hedge"):
        return None
    inner = _inner(section, "hedge", ("after_ms",))
    inner.require("after_ms")
    return inner.integer("after_ms", 0, 1, MAX_HEDGE_MS) or None


def _read_cache(section: Section) -> int | None:
    if not section.has("cache"):
        return None
    inner = _inner(section, "cache", ("mode", "ttl_seconds"))
    mode = _one_of(inner, "mode", CACHE_MODES, "exact")
    seconds = inner.integer("ttl_seconds", DEFAULT_CACHE_SECONDS, 1, MAX_CACHE_SECONDS)
    return seconds if mode == "exact" else 0


def _read_unsupported(section: Section) -> str | None:
    return _one_of(section, "unsupported", UNSUPPORTED, "refuse") if section.has("unsupported") else None


def _inner(section: Section, key: str, known: tuple[str, ...]) -> Section:
    return Section(section.document[key], section.at(key), section.problems, known)


def _one_of(section: Section, key: str, known: tuple[str, ...], default: str) -> str:
    value: Any = section.document.get(key)
    if value is None:
        return default
    if value not in known:
        section.problems.append(Problem(section.at(key), "unknown_value", f"One of: {', '.join(known)}."))
        return default
    return str(value)
