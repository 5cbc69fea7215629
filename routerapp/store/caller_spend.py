"""What keys and teams have spent on this UTC day and in this UTC month, from rollups; end users, whom rollups do not know, from rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from routerapp.engine.allowances import USER_PREFIX, subject_names
from routerapp.models import Granularity, Origin, RequestRollup, RoutedRequest
from routerapp.store.rollups import UNANSWERED, period_start
from routerapp.store.usage_windows import month_starts_ms


@dataclass(slots=True)
class Spent:
    """unpriced: requests of the month whose cost nobody knows; they are not in the sums."""

    day_nusd: int = 0
    month_nusd: int = 0
    requests: int = 0
    unpriced: int = 0


def spent_by_callers(now_ms: int, using: str = "default") -> dict[str, Spent]:
    """Subject (key:…, team:…) -> spend; sample data costs nobody anything."""
    day_ms = period_start(now_ms, Granularity.DAY)
    rows = (
        RequestRollup.objects.using(using)
        .filter(granularity=Granularity.DAY, starts_at_ms__gte=month_starts_ms(now_ms))
        .exclude(origin=Origin.SAMPLE)
        .values_list("key", "team", "starts_at_ms")
        .annotate(nusd=Sum("cost_nusd"), requests=Sum("n"), unpriced=Sum("unpriced_n"))
        .order_by()
    )
    found: dict[str, Spent] = {}
    for key, team, starts_at_ms, nusd, requests, unpriced in rows:
        for name in subject_names(key, team, ""):
            spent = found.setdefault(name, Spent())
            spent.day_nusd += nusd if starts_at_ms >= day_ms else 0
            spent.month_nusd += nusd
            spent.requests += requests
            spent.unpriced += unpriced
    return found


def spent_by_users(hashes: Iterable[str], now_ms: int, using: str = "default") -> dict[str, Spent]:
    """Subject (user:…) -> spend, of these users only."""
    day_ms = period_start(now_ms, Granularity.DAY)
    rows = (
        RoutedRequest.objects.using(using)
        .filter(user_hash__in=list(hashes), at_ms__gte=month_starts_ms(now_ms))
        .exclude(origin=Origin.SAMPLE)
        .values_list("user_hash")
        .annotate(
            day=Sum("cost_nusd", filter=Q(at_ms__gte=day_ms)),
            month=Sum("cost_nusd"),
            requests=Count("id"),
            unpriced=Count("id", filter=Q(cost_nusd=None) & ~Q(status__in=UNANSWERED)),
        )
        .order_by()
    )
    return {
        USER_PREFIX + user: Spent(day or 0, month or 0, requests, unpriced)
        for user, day, month, requests, unpriced in rows
    }
