"""Celery's scheduler for a process that may not be the only one: of all that share a database, one at a time sends what is due."""

from __future__ import annotations

import logging
from typing import Any

from celery.beat import PersistentScheduler
from django.db import DatabaseError

from routerapp.store.turn import SCHEDULE, Turn

log = logging.getLogger(__name__)


class OneSchedule(PersistentScheduler):  # type: ignore[misc]
    """Whoever has not the turn lets what is due pass by, and so is on time when the turn comes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._turn = Turn(SCHEDULE)
        super().__init__(*args, **kwargs)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        try:
            is_ours = self._turn.take()
        except DatabaseError as error:
            log.warning("%s is not sent: the database does not answer (%s).", entry.name, str(error).split("\n", 1)[0])
            return
        if is_ours:
            super().apply_entry(entry, producer)

    def close(self) -> None:
        self._turn.give_back()
        super().close()
