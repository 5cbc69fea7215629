"""The part of one subject's limits that this process may use without asking: what the shared books granted it, and what it does with it.

A slice stands where CallerLimits expects an allowance: its limits are what was granted, and grow and shrink with every exchange.
"""

from __future__ import annotations

from routerapp.engine.types import AllowanceFacts
from routerapp.store.limits import DAILY, MONTHLY
from routerapp.store.shared.wire import MINUTE, MONEY, PARALLEL
from routerapp.store.usage_windows import Moment, Usage

LIMITS = ("requests_per_minute", "tokens_per_minute", "max_parallel", DAILY, MONTHLY)
KINDS = (MINUTE, MINUTE, PARALLEL, MONEY, MONEY)
REQUESTS, TOKENS, AT_ONCE, DAY, MONTH = range(5)
# How long a book outlives its window's beginning.
EXPIRY_MS = (180_000, 180_000, 3_600_000, 2 * 86_400_000, 34 * 86_400_000)
AHEAD_SECONDS = 1.0
# Who has taken nothing for so long keeps nothing ahead of need.
IDLE_AFTER_MS = 1_500
MOST_OF_LIMIT = 4


class Slice:
    """By limit: granted, extra (what is added while nobody can be asked), free (unshared rest as last seen), gone and acknowledged."""

    __slots__ = (
        "acknowledged",
        "allowance",
        "epoch",
        "extra",
        "free",
        "gone",
        "granted",
        "is_exact",
        "largest",
        "limits",
        "name",
        "needs",
        "pace",
        "restored",
        "seen_at_ms",
        "taken",
        "taken_at_ms",
        "window",
    )

    def __init__(self, name: str, allowance: AllowanceFacts, restored: tuple[int, int] = (0, 0)) -> None:
        self.name = name
        self.granted = [0] * 5
        self.extra = [0] * 5
        self.gone = [0] * 5
        self.acknowledged = [0] * 5
        self.needs = [0] * 5
        self.taken = [0] * 5
        self.largest = [0] * 5
        self.pace = [0.0] * 5
        self.seen_at_ms = [0] * 5
        self.taken_at_ms = 0
        self.window = [-1, -1, 0, -1, -1]
        self.restored = restored
        self.epoch = -1
        self.free: list[int] = [0] * 5
        self.limits: tuple[int | None, ...] = ()
        self.is_exact = False
        self.allow(allowance)

    def allow(self, allowance: AllowanceFacts) -> None:
        """The limits as configured; what was granted of others stays."""
        before, self.allowance = self.limits, allowance
        self.limits = tuple(getattr(allowance, name) for name in LIMITS)
        self.is_exact = allowance.is_exact
        for i, limit in enumerate(self.limits):
            if not before or before[i] != limit:
                self.free[i] = self._unseen(i)
                self.seen_at_ms[i] = 0

    @property
    def requests_per_minute(self) -> int | None:
        return self.cap(REQUESTS)

    @property
    def tokens_per_minute(self) -> int | None:
        return self.cap(TOKENS)

    @property
    def max_parallel(self) -> int | None:
        return self.cap(AT_ONCE)

    @property
    def daily_spend_nusd(self) -> int | None:
        return self.cap(DAY)

    @property
    def monthly_spend_nusd(self) -> int | None:
        return self.cap(MONTH)

    def cap(self, i: int) -> int | None:
        """What this process may use in all of the window's; None is no limit."""
        return None if self.limits[i] is None else self.granted[i] + self.extra[i]

    def left(self, i: int, usage: Usage) -> int:
        """Of the whole limit, as far as this process can know."""
        return max(0, self.granted[i] + self.extra[i] - used_of(usage, i) + self.free[i])

    def roll(self, moment: Moment) -> None:
        """In a new minute, day or month nothing is granted yet."""
        for i, now in ((REQUESTS, moment.minute), (TOKENS, moment.minute), (DAY, moment.day), (MONTH, moment.month)):
            if self.window[i] != now:
                if self.window[i] != -1 and i >= DAY:
                    self.restored = (0, self.restored[1] if i == DAY else 0)
                self.window[i] = now
                self.granted[i] = self.extra[i] = self.gone[i] = self.acknowledged[i] = self.seen_at_ms[i] = 0
                self.free[i] = self._unseen(i)
                self.epoch = -1

    def go_alone(self, processes: int) -> None:
        """Nobody can be asked: a fair part of the limit of a minute, and of what was left of money when last seen."""
        for i, limit in enumerate(self.limits):
            if limit is None:
                continue
            if KINDS[i] == MONEY:
                self.extra[i] = max(0, self.free[i]) // processes
            else:
                self.extra[i] = max(0, limit // processes - self.granted[i])

    def ask_again(self) -> None:
        """Others can be asked: only what was granted holds."""
        self.extra = [0] * 5

    def note_taken(self, i: int, n: int, now_ms: int) -> None:
        self.taken[i] += n
        self.largest[i] = max(self.largest[i], n)
        self.taken_at_ms = now_ms

    def target(self, i: int, used: int, seconds: float, now_ms: int) -> int:
        """What it would like to have: what it uses and needs, and what it is likely to use before long. Call once an exchange."""
        rate = self.taken[i] / seconds
        self.taken[i] = 0
        self.pace[i] = max(rate, 0.6 * self.pace[i])
        needed = used + self.needs[i]
        if self.is_exact or now_ms - self.taken_at_ms > IDLE_AFTER_MS:
            self.pace[i], self.largest[i] = 0.0, 0
            return needed
        ahead = max(int(self.pace[i] * AHEAD_SECONDS) + 1, 2 * self.largest[i])
        return needed + min(ahead, max(1, (self.limits[i] or 0) // MOST_OF_LIMIT))

    def _unseen(self, i: int) -> int:
        """What may be left of a limit whose book has not been seen."""
        known = self.restored[i - DAY] if i >= DAY else 0
        return max(0, (self.limits[i] or 0) - known)


def used_of(usage: Usage, i: int) -> int:
    """Used and held by this process."""
    if i == REQUESTS:
        return usage.requests
    if i == TOKENS:
        return usage.tokens
    if i == AT_ONCE:
        return usage.in_flight
    return usage.day_spent_nusd + usage.day_held_nusd if i == DAY else usage.month_spent_nusd + usage.month_held_nusd


def spent_of(usage: Usage, i: int) -> int:
    if KINDS[i] != MONEY:
        return 0
    return usage.day_spent_nusd if i == DAY else usage.month_spent_nusd


def book_name(name: str, i: int, window: int) -> str:
    return f"{name}|{LIMITS[i]}|{window}"
