"""A circuit breaker as a function: (breaker, result, now) -> breaker. Holds no clock; time may step back without harm.

closed --failures--> open --cooldown over--> half_open --ok--> closed, --failure--> open for longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Opens on consecutive failures, or on a share of failures in the window once it holds enough results.

    The n-th opening in a row lasts cooldown_ms * 2**(n-1), at most max_cooldown_ms.
    """

    consecutive_failures: int = 5
    failure_share: float = 0.5
    window_ms: int = 60_000
    min_results: int = 20
    cooldown_ms: int = 5_000
    max_cooldown_ms: int = 300_000


class Breaker(msgspec.Struct, frozen=True, gc=False):
    """is_open covers open and half_open; which of them it is hangs on the time. openings counts those since it last closed.

    Two half windows are kept, current and previous, weighed by age: a sliding window in four numbers.
    """

    is_open: bool = False
    reopens_at_ms: int = 0
    openings: int = 0
    consecutive_failures: int = 0
    half_started_ms: int = 0
    results: int = 0
    failures: int = 0
    previous_results: int = 0
    previous_failures: int = 0


def state_at(breaker: Breaker, now_ms: int) -> tuple[str, int | None]:
    """(closed | open | half_open, when it reopens); half_open means the cooldown is over and a probe decides."""
    if not breaker.is_open:
        return CLOSED, None
    return (OPEN if now_ms < breaker.reopens_at_ms else HALF_OPEN), breaker.reopens_at_ms


def on_result(
    breaker: Breaker, ok: bool, now_ms: int, settings: BreakerSettings, retry_after_ms: int | None = None
) -> Breaker:
    """The breaker after one attempt. retry_after_ms: the upstream said when to come back; that overrides the cooldown and opens at once.

    Results that arrive while it is open come from attempts begun before: they neither close nor lengthen it, but for a Retry-After.
    """
    state, _ = state_at(breaker, now_ms)
    if not ok and retry_after_ms is not None:
        return _opened(breaker, now_ms, min(max(retry_after_ms, 0), settings.max_cooldown_ms), state)
    if state == OPEN:
        return breaker
    if state == HALF_OPEN:
        return Breaker() if ok else _opened(breaker, now_ms, _cooldown_ms(breaker, settings), state)
    counted = _counted(breaker, ok, now_ms, settings)
    if not ok and _should_open(counted, settings, now_ms):
        return _opened(counted, now_ms, _cooldown_ms(counted, settings), state)
    return counted


def _counted(breaker: Breaker, ok: bool, now_ms: int, settings: BreakerSettings) -> Breaker:
    half = max(1, settings.window_ms // 2)
    age_ms = now_ms - breaker.half_started_ms
    failed = 0 if ok else 1
    streak = 0 if ok else breaker.consecutive_failures + 1
    if 0 <= age_ms < half:
        return replace(
            breaker, results=breaker.results + 1, failures=breaker.failures + failed, consecutive_failures=streak
        )
    is_next = half <= age_ms < 2 * half
    return replace(
        breaker,
        half_started_ms=now_ms,
        previous_results=breaker.results if is_next else 0,
        previous_failures=breaker.failures if is_next else 0,
        results=1,
        failures=failed,
        consecutive_failures=streak,
    )


def _should_open(breaker: Breaker, settings: BreakerSettings, now_ms: int) -> bool:
    if breaker.consecutive_failures >= settings.consecutive_failures:
        return True
    half = max(1, settings.window_ms // 2)
    left = max(0.0, 1.0 - (now_ms - breaker.half_started_ms) / half)
    results = breaker.results + left * breaker.previous_results
    failures = breaker.failures + left * breaker.previous_failures
    return results >= settings.min_results and failures / results >= settings.failure_share


def _opened(breaker: Breaker, now_ms: int, cooldown_ms: int, state: str) -> Breaker:
    """A second refusal while open moves the end, never to an earlier moment, and counts no further opening."""
    reopens_at_ms = now_ms + cooldown_ms
    if state == OPEN:
        return replace(breaker, reopens_at_ms=max(breaker.reopens_at_ms, reopens_at_ms))
    return Breaker(is_open=True, reopens_at_ms=reopens_at_ms, openings=breaker.openings + 1)


def _cooldown_ms(breaker: Breaker, settings: BreakerSettings) -> int:
    doublings = min(breaker.openings, 30)
    return min(settings.cooldown_ms << doublings, settings.max_cooldown_ms)
