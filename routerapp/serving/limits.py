"""What the key, team and end user of one request may still do: asked before anything is decided, and said in headers and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from routerapp.engine.allowances import TEAM_PREFIX, USER_PREFIX, Subject
from routerapp.engine.money import format_usd
from routerapp.serving.served import Refused
from routerapp.store.limits import DAILY, CallerLimits, Grant, Shortage

# Nobody can say when another request ends; a client that asks again after this does no harm.
PARALLEL_RETRY_MS = 1_000
AWAY_RETRY_MS = 2_000
_PER_MINUTE: Mapping[str, str] = MappingProxyType(
    {"requests": "requests_per_minute", "tokens": "tokens_per_minute"},
)


def admit(limits: CallerLimits, subjects: tuple[Subject, ...], now_ms: int) -> Grant | None:
    """Counts one request, and one in flight until the grant is released; None where nobody is limited. Raises Refused 429."""
    if not subjects:
        return None
    grant = limits.admit(subjects, now_ms)
    if isinstance(grant, Shortage):
        raise refused_for(grant, limits, subjects, now_ms)
    return grant


def limit_headers(limits: CallerLimits, subjects: tuple[Subject, ...], now_ms: int) -> dict[str, str]:
    """Where the tightest subject stands in this minute; empty where nobody is limited."""
    headers: dict[str, str] = {}
    for name, limit in _PER_MINUTE.items():
        found = limits.minute_left(subjects, limit, now_ms)
        if found is None:
            continue
        headers[f"x-ratelimit-limit-{name}"] = str(found[0])
        headers[f"x-ratelimit-remaining-{name}"] = str(found[1])
        headers[f"x-ratelimit-reset-{name}"] = f"{limits.ms_to_next_minute(now_ms) / 1000:g}s"
    if limits.notes and subjects:
        headers["x-ratelimit-policy"] = ",".join(limits.notes)
    return headers


def refused_for(shortage: Shortage, limits: CallerLimits, subjects: tuple[Subject, ...], now_ms: int) -> Refused:
    """402 where money is short, else 429; the sentence names whose limit and which."""
    detail = {"limit": {"subject": subject_word(shortage.subject), "name": shortage.limit}}
    if shortage.limit.endswith("_nusd"):
        return Refused(402, "budget_exceeded", budget_sentence(shortage), source="policy", detail=detail)
    refused = Refused(
        429,
        "rate_limited",
        _rate_sentence(shortage),
        source="policy",
        retry_after_ms=_retry_after_ms(shortage, now_ms),
        detail=detail,
    )
    refused.headers.update(limit_headers(limits, subjects, now_ms))
    if not shortage.can_ever_pass:
        refused.headers["x-should-retry"] = "false"
    return refused


def limits_unavailable() -> Refused:
    """A limit of this caller is exact, and nobody can be asked what is left of it."""
    return Refused(
        503,
        "limits_unavailable",
        "A limit of this caller is kept exactly by all gateway processes together, and where they keep it cannot be asked now.",
        source="router",
        retry_after_ms=AWAY_RETRY_MS,
    )


def budget_sentence(shortage: Shortage) -> str:
    """What this request may cost, what is left of which budget of whom, and when it is renewed."""
    period = "daily" if shortage.limit == DAILY else "monthly"
    allowed = format_usd(shortage.allowed)
    left = format_usd(max(0, shortage.allowed - shortage.used))
    words = f"{_whose(shortage.subject)} {period} budget of {allowed} USD has {left} USD left"
    words += f", and this request may cost up to {format_usd(shortage.wanted)} USD." if shortage.wanted else "."
    if shortage.renews_at_ms is not None:
        renewal = datetime.fromtimestamp(shortage.renews_at_ms // 1000, UTC)
        words += f" It is renewed on {renewal:%Y-%m-%d} at {renewal:%H:%M} UTC."
    if not shortage.can_ever_pass:
        words += " A smaller max_tokens makes a request cheaper."
    return words


def subject_word(subject: str) -> str:
    """For callers: an end user is never named by its hash."""
    return "user" if subject.startswith(USER_PREFIX) else subject


def _whose(subject: str) -> str:
    if subject.startswith(USER_PREFIX):
        return "This end user's"
    if subject.startswith(TEAM_PREFIX):
        return f"The team {subject.removeprefix(TEAM_PREFIX)}'s"
    return "This API key's"


def _rate_sentence(shortage: Shortage) -> str:
    whose, allowed = _whose(shortage.subject), shortage.allowed
    if shortage.limit == "max_parallel":
        return f"{whose} limit of {allowed:,} requests at the same time is reached."
    if shortage.limit == "requests_per_minute":
        return f"{whose} limit of {allowed:,} requests per minute is reached."
    if not shortage.can_ever_pass:
        return (
            f"{whose} limit is {allowed:,} tokens per minute, and this request may use {shortage.wanted:,}. "
            "Shorten the prompt or set a smaller max_tokens."
        )
    left = max(0, allowed - shortage.used)
    return (
        f"{whose} limit of {allowed:,} tokens per minute has {left:,} left; this request may use {shortage.wanted:,}."
    )


def _retry_after_ms(shortage: Shortage, now_ms: int) -> int | None:
    if not shortage.can_ever_pass:
        return None
    if shortage.renews_at_ms is None:
        return PARALLEL_RETRY_MS
    return max(1, shortage.renews_at_ms - now_ms)
