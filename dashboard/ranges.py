"""A time range as it stands in the URL: range=24h, or range=custom with from and to. Ends are UTC, the end is not included."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from routerapp.providers.clock import SystemClock

HOUR_MS = 3_600_000
SPANS_MS: Mapping[str, int] = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS, "30d": 30 * 24 * HOUR_MS}
LABELS = {"1h": "1 h", "24h": "24 h", "7d": "7 days", "30d": "30 days"}
LONGEST_MS = 400 * 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class TimeRange:
    """is_open: it ends now and moves on."""

    name: str
    from_ms: int
    to_ms: int
    is_open: bool

    @property
    def label(self) -> str:
        return {
            "1h": "the last hour",
            "24h": "the last 24 hours",
            "7d": "the last 7 days",
            "30d": "the last 30 days",
        }.get(self.name, "the chosen range")


def span(name: str, now_ms: int) -> TimeRange:
    return TimeRange(name, now_ms - SPANS_MS[name], now_ms, is_open=True)


def custom(start: dt.datetime | None, end: dt.datetime | None, now_ms: int) -> TimeRange:
    """A missing start is a day before the end, a missing end is now. Raises ValueError with words for the form."""
    to_ms = _ms(end) if end else now_ms
    from_ms = _ms(start) if start else to_ms - SPANS_MS["24h"]
    if from_ms >= to_ms:
        raise ValueError("The start must lie before the end.")
    if to_ms - from_ms > LONGEST_MS:
        raise ValueError("A range can span 400 days at most.")
    return TimeRange("custom", from_ms, to_ms, is_open=end is None)


def now_ms() -> int:
    return SystemClock().now_ms()


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000)
