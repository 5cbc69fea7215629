"""A database that is away makes everybody who needs it fail: one line says so, the tracebacks that follow are left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

# Failures further apart than this are two outages.
QUIET_SECONDS = 60.0


class DatabaseOutages(logging.Filter):
    """Shortens the first record of an outage to its sentence and drops the rest of it. Faults of ours (bad SQL, constraints) pass whole."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, OperationalError | InterfaceError) or _is_ours(error):
            return True
        now, last = self._now(), self._last
        self._last = now
        if now - last < QUIET_SECONDS:
            return False
        record.msg = "The database cannot be used: %s. What needs it waits or fails until it can."
        record.args = (str(error),)
        record.exc_info = record.exc_text = None
        return True


def _is_ours(error: Exception) -> bool:
    """A statement that does not fit the tables is no outage."""
    return any(words in str(error) for words in ("no such column", "syntax error", "has no column"))
