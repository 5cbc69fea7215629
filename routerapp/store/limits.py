"""What API keys may still do: requests in this clock minute and money on this UTC day. In process, exact for this worker.

A clock that jumps back never opens a second minute or day: windows only move forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINUTE_MS = 60_000
DAY_MS = 86_400_000


@dataclass(slots=True)
class _Window:
    minute: int = 0
    requests: int = 0


@dataclass(slots=True)
class _Spend:
    """reserved is outstanding over all days; spent is of this day."""

    day: int = 0
    spent_nusd: int = 0
    reserved_nusd: int = 0


def minute_of(now_ms: int, *, at_least: int = 0) -> int:
    return max(now_ms // MINUTE_MS, at_least)


class CallerLimits:
    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._spend: dict[str, _Spend] = {}

    def try_take_request(self, key: str, limit: int | None, now_ms: int) -> int | None:
        """Take one request out of this minute's limit. None when taken, else the milliseconds until the minute ends."""
        if limit is None:
            return None
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window()
        minute = minute_of(now_ms, at_least=window.minute)
        if minute != window.minute:
            window.minute, window.requests = minute, 0
        if window.requests >= limit:
            return (minute + 1) * MINUTE_MS - now_ms
        window.requests += 1
        return None

    def requests_left(self, key: str, limit: int, now_ms: int) -> int:
        """What is left of this minute's limit."""
        window = self._windows.get(key)
        if window is None or minute_of(now_ms, at_least=window.minute) != window.minute:
            return limit
        return max(0, limit - window.requests)

    def reserve_spend(self, key: str, nusd: int, cap: int | None, now_ms: int) -> bool:
        """Hold nusd for a request about to run; False, and nothing held, when the day's cap would be passed."""
        spend = self._spend_of(key, now_ms)
        if cap is not None and spend.spent_nusd + spend.reserved_nusd + nusd > cap:
            return False
        spend.reserved_nusd += nusd
        return True

    def settle_spend(self, key: str, reserved_nusd: int, actual_nusd: int, now_ms: int) -> None:
        """The request is over: drop its hold, book what it did cost."""
        spend = self._spend_of(key, now_ms)
        spend.reserved_nusd = max(0, spend.reserved_nusd - reserved_nusd)
        spend.spent_nusd += actual_nusd

    def release_spend(self, key: str, reserved_nusd: int, now_ms: int) -> None:
        """The request never ran: drop its hold."""
        self.settle_spend(key, reserved_nusd, 0, now_ms)

    def spend_left(self, key: str, cap: int | None, now_ms: int) -> int | None:
        """None without a cap; never below zero."""
        if cap is None:
            return None
        spend = self._spend_of(key, now_ms)
        return max(0, cap - spend.spent_nusd - spend.reserved_nusd)

    def restore_spend(self, rows: Mapping[str, int], now_ms: int) -> None:
        """Book what earlier boots spent today (undrained.spend_with_spool); call once, before the first request."""
        for key, nusd in rows.items():
            self._spend_of(key, now_ms).spent_nusd += nusd

    def _spend_of(self, key: str, now_ms: int) -> _Spend:
        spend = self._spend.get(key)
        if spend is None:
            spend = self._spend[key] = _Spend()
        day = max(now_ms // DAY_MS, spend.day)
        if day != spend.day:
            spend.day, spend.spent_nusd = day, 0
        return spend
