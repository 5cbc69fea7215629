"""What one subject (an API key, a team, an end user) has used in this minute, day and month, and what running requests hold.

A request counts in the minute, day and month in which it began; a day and a month are of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

MINUTE_MS = 60_000
DAY_MS = 86_400_000


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Numbers of the clock minute, UTC day (both since 1970) and UTC month (year × 12 + month)."""

    minute: int
    day: int
    month: int


def minute_of(now_ms: int, *, at_least: int = 0) -> int:
    return max(now_ms // MINUTE_MS, at_least)


def moment_at(at_ms: int) -> Moment:
    day = datetime.fromtimestamp(at_ms // 1000, UTC)
    return Moment(at_ms // MINUTE_MS, at_ms // DAY_MS, day.year * 12 + day.month - 1)


def month_starts_ms(at_ms: int) -> int:
    """The first millisecond of the UTC month of this instant."""
    day = datetime.fromtimestamp(at_ms // 1000, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000


@dataclass(slots=True)
class Usage:
    """tokens are of this minute, used and held together; spent and held nano-dollars apart. Held is of requests begun in the period."""

    minute: int = 0
    requests: int = 0
    tokens: int = 0
    in_flight: int = 0
    day: int = 0
    day_spent_nusd: int = 0
    day_held_nusd: int = 0
    month: int = 0
    month_spent_nusd: int = 0
    month_held_nusd: int = 0

    def roll(self, moment: Moment) -> None:
        """Empty the windows that are over."""
        if moment.minute != self.minute:
            self.minute, self.requests, self.tokens = moment.minute, 0, 0
            if moment.day != self.day:
                self.day, self.day_spent_nusd, self.day_held_nusd = moment.day, 0, 0
                if moment.month != self.month:
                    self.month, self.month_spent_nusd, self.month_held_nusd = moment.month, 0, 0

    def add_spent(self, nusd: int, begun: Moment) -> None:
        if begun.day == self.day:
            self.day_spent_nusd += nusd
        if begun.month == self.month:
            self.month_spent_nusd += nusd

    def add_held(self, nusd: int, begun: Moment) -> None:
        """nusd may be negative: what is given back of a period that is over is gone with it."""
        if begun.day == self.day:
            self.day_held_nusd += nusd
        if begun.month == self.month:
            self.month_held_nusd += nusd

    def add_tokens(self, tokens: int, minute: int) -> None:
        if minute == self.minute:
            self.tokens += tokens

    def is_idle(self, moment: Moment, *, keeps_month: bool) -> bool:
        """Nothing is lost when this is forgotten: nothing runs, nothing was spent in a period that still counts."""
        if self.in_flight or (self.day == moment.day and (self.day_spent_nusd or self.day_held_nusd)):
            return False
        return self.month != moment.month or not (self.month_held_nusd or (keeps_month and self.month_spent_nusd))
