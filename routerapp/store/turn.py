"""What only one process of all that share a PostgreSQL may do at a time: set the database up, keep the schedule.

The turn is a lock of a connection of its own: whoever dies or loses the connection has lost it. A database in a file belongs to one
supervisor, whose lock on the data folder already sees to that: there every turn is had.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from django.db import DatabaseError, connections

SETUP, SCHEDULE = "set-up", "schedule"
# Numbers of ours in the server's space of advisory locks; store/partitions.py has another.
NUMBERS = MappingProxyType({SETUP: 0x5167_0002, SCHEDULE: 0x5167_0003})
RETRY_SECONDS = 0.5


class Turn:
    def __init__(self, name: str, using: str = "default") -> None:
        self._number = NUMBERS[name]
        own = connections[using]
        self._connection: Any = own.copy() if own.vendor == "postgresql" else None
        self._is_ours = False

    def take(self) -> bool:
        """Whether it is ours now; asked again, whether it still is. Raises DatabaseError, and then it is not."""
        if self._connection is None:
            return True
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT %s OR pg_try_advisory_lock(%s)", [self._is_ours, self._number])
                self._is_ours = cursor.fetchone()[0]
        except DatabaseError:
            self.give_back()
            raise
        return self._is_ours

    def give_back(self) -> None:
        if self._connection is None:
            return
        if self._is_ours:
            # Closing alone would leave it until the server has noticed.
            with contextlib.suppress(DatabaseError), self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
        self._is_ours = False
        self._connection.close()


@contextmanager
def taking_turns(name: str, on_wait: Callable[[], object] = lambda: None, using: str = "default") -> Iterator[None]:
    """Waits for the turn, however long another has it. Raises DatabaseError when the database is away."""
    turn, has_said = Turn(name, using), False
    try:
        while not turn.take():
            if not has_said:
                on_wait()
                has_said = True
            time.sleep(RETRY_SECONDS)
        yield
    finally:
        turn.give_back()
