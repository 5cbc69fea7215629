"""How keys, teams and end users stand against their limits now: spend from rollups and rows, what is held from the workers' reports.

With one worker its own books are shown, which are exact and not a second old; several workers each know only their own part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routerapp.models import WorkerReport
from routerapp.store.caller_spend import Spent, spent_by_callers, spent_by_users

FRESH = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Standing:
    """unpriced: requests of this month whose cost nobody knows. is_live: from the books of the one worker; held and in_flight None: unknown."""

    day_nusd: int = 0
    month_nusd: int = 0
    day_held_nusd: int | None = None
    month_held_nusd: int | None = None
    in_flight: int | None = None
    requests: int = 0
    unpriced: int = 0
    is_live: bool = False


class Standings:
    """All of one moment: ask once a page, then look up by subject."""

    def __init__(self, now_ms: int, user_hashes: Collection[str] = (), using: str = "default") -> None:
        self._spent = spent_by_callers(now_ms, using)
        self._spent |= spent_by_users(user_hashes, now_ms, using)
        fresh = WorkerReport.objects.using(using).filter(reported_at__gte=timezone.now() - FRESH)
        states = [state for state in fresh.values_list("state", flat=True) if "role" not in state]
        self._workers: list[Mapping[str, Any]] = [state.get("callers", {}) for state in states]
        # One of several that share their limits knows what it has spent itself, and not what was before it.
        self._is_alone = len(states) == 1 and "shared" not in states[0]

    def of(self, subject: str) -> Standing:
        spent = self._spent.get(subject, Spent())
        rows = [found for worker in self._workers if (found := worker.get(subject)) is not None]
        if not rows:
            return Standing(spent.day_nusd, spent.month_nusd, requests=spent.requests, unpriced=spent.unpriced)
        is_live = self._is_alone
        return Standing(
            day_nusd=rows[0]["day_spent_nusd"] if is_live else spent.day_nusd,
            month_nusd=rows[0]["month_spent_nusd"] if is_live else spent.month_nusd,
            day_held_nusd=sum(row["day_held_nusd"] for row in rows),
            month_held_nusd=sum(row["month_held_nusd"] for row in rows),
            in_flight=sum(row["in_flight"] for row in rows),
            requests=spent.requests,
            unpriced=spent.unpriced,
            is_live=is_live,
        )
