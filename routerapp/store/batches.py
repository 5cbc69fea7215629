"""How much one transaction of housekeeping may take: at most so many rows and so long, and then a rest for those who wait to write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_ROWS = 500
FIRST_ROWS, FEWEST_ROWS = 100, 10
LONGEST_SECONDS = 0.1
# A rest is as long as the batch took, so that housekeeping has the database half of the time at most.
LONGEST_REST_SECONDS = 0.5


class Batches:
    """rows: how many the next batch may take. It halves when one took more than a quarter of what it may, for a busy machine may stretch the next, and grows back slowly."""

    def __init__(
        self,
        most_rows: int = MOST_ROWS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most_rows = most_rows
        self._monotonic = monotonic
        self._sleep = sleep
        self._took = 0.0
        self.rows = min(most_rows, FIRST_ROWS)
        self.longest_seconds = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Around one transaction."""
        started = self._monotonic()
        yield
        self._took = self._monotonic() - started
        self.longest_seconds = max(self.longest_seconds, self._took)
        if self._took > LONGEST_SECONDS / 4:
            self.rows = max(min(self._most_rows, FEWEST_ROWS), self.rows // 2)
        elif self._took < LONGEST_SECONDS / 10:
            self.rows = min(self._most_rows, self.rows + self.rows // 4 + 1)

    def rest(self) -> None:
        self._sleep(min(self._took, LONGEST_REST_SECONDS))
