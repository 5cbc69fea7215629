"""How many retries this worker may make: a share of its recent requests, so that an outage is not made worse by us.

After Envoy's retry budget (circuit_breaker.proto): retries ≤ 20 % of active and recent requests, and never fewer than three.
"""

from __future__ import annotations

WINDOW_SECONDS = 10


class RetryBudget:
    """Counts per second over the last ten seconds, plus what is running. Seconds come from the caller's monotonic clock."""

    def __init__(self, share: float = 0.2, floor: int = 3) -> None:
        self._share = share
        self._floor = floor
        self._active = 0
        self._requests: dict[int, int] = {}
        self._retries: dict[int, int] = {}

    def request_started(self, now: float) -> None:
        self._active += 1
        self._count(self._requests, now)

    def request_ended(self) -> None:
        self._active = max(0, self._active - 1)

    def try_take(self, now: float) -> bool:
        """Takes one retry if the budget has one."""
        recent = max(self._sum(self._requests, now), self._active)
        if self._sum(self._retries, now) >= max(self._floor, int(recent * self._share)):
            return False
        self._count(self._retries, now)
        return True

    def _sum(self, counts: dict[int, int], now: float) -> int:
        first = int(now) - WINDOW_SECONDS + 1
        return sum(n for second, n in counts.items() if first <= second <= int(now))

    def _count(self, counts: dict[int, int], now: float) -> None:
        second = int(now)
        counts[second] = counts.get(second, 0) + 1
        if len(counts) > 2 * WINDOW_SECONDS:
            for old in [key for key in counts if not second - WINDOW_SECONDS < key <= second]:
                del counts[old]
