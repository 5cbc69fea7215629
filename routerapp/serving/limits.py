"""What a key may still do, asked before anything is decided or sent: requests in this minute and dollars on this day."""

from __future__ import annotations

from routerapp.engine.money import format_usd
from routerapp.engine.types import CallerFacts, Decision
from routerapp.serving.served import Refused
from routerapp.store.limits import CallerLimits

MINUTE_MS = 60_000


def take_request(limits: CallerLimits, caller: CallerFacts, now_ms: int) -> None:
    """Counts one request of the key; raises Refused 429 with the wait until the minute is over."""
    wait_ms = limits.try_take_request(caller.slug, caller.requests_per_minute, now_ms)
    if wait_ms is None:
        return
    refused = Refused(
        429,
        "rate_limited",
        f"This API key may send {caller.requests_per_minute} requests per minute.",
        source="policy",
        retry_after_ms=wait_ms,
    )
    refused.headers.update(limit_headers(limits, caller, now_ms))
    raise refused


def limit_headers(limits: CallerLimits, caller: CallerFacts, now_ms: int) -> dict[str, str]:
    """Where the key stands in this minute; empty for keys without a limit."""
    limit = caller.requests_per_minute
    if limit is None:
        return {}
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(limits.requests_left(caller.slug, limit, now_ms)),
        "x-ratelimit-reset-requests": f"{(MINUTE_MS - now_ms % MINUTE_MS) / 1000:g}s",
    }


def reserve(limits: CallerLimits, caller: CallerFacts, decision: Decision, now_ms: int) -> int:
    """Holds the dearest estimate of the plan against the day's cap and returns it in nusd; raises Refused 402.

    An unpriced step holds nothing: its cost is unknown, not zero, and a cap cannot count it.
    """
    nusd = dearest_estimate(decision)
    if limits.reserve_spend(caller.slug, nusd, caller.daily_spend_nusd, now_ms):
        return nusd
    cap = format_usd(caller.daily_spend_nusd or 0)
    raise Refused(
        402,
        "budget_exceeded",
        f"This request would pass the API key's daily budget of {cap} USD. It is renewed at midnight UTC.",
        source="policy",
    )


def dearest_estimate(decision: Decision) -> int:
    planned = {step.deployment for step in decision.plan}
    costs = (one.estimate.cost_nusd for one in decision.candidates if one.deployment in planned)
    return max((cost for cost in costs if cost is not None), default=0)
