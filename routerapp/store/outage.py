"""A time in which the drainer cannot go on: how long it waits between tries, and what it says of it without filling the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

SHORTEST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
REMINDER_SECONDS = 600.0
log = logging.getLogger(__name__)


class Outage:
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: float | None = None
        self._said_at = 0.0
        self._pause = SHORTEST_PAUSE_SECONDS

    def failed(self, error: Exception) -> float:
        """Seconds to wait before the next try: twice as long each time. Says so the first time, then every ten minutes."""
        now = self._monotonic()
        reason = " ".join(str(error).split())[:300]
        if self._since is None:
            self._since, self._said_at = now, now
            log.error("Records cannot be written to the database; they wait in the journal: %s", reason)
        elif now - self._said_at >= REMINDER_SECONDS:
            self._said_at = now
            log.error("Records wait in the journal for %s now: %s", _words(now - self._since), reason)
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause

    def over(self) -> None:
        """A transaction was committed."""
        self._pause = SHORTEST_PAUSE_SECONDS
        if self._since is not None:
            log.warning("Records are written to the database again, after %s.", _words(self._monotonic() - self._since))
            self._since = None


def _words(seconds: float) -> str:
    return f"{seconds:,.0f} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"
