"""What keys and teams have spent on this UTC day and in this UTC month, from rollups; end users, whom rollups do not know, from rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum

from routerapp.engine.allowances import USER_PREFIX, subject_names
from routerapp.models import AttemptRow, Granularity, Origin, RequestRollup, RoutedRequest
from routerapp.store.rollups import UNANSWERED, period_start
from routerapp.store.usage_windows import month_starts_ms


@dataclass(slots=True)
class Spent:
    """unpriced: requests of the month whose cost nobody knows; of them only what their priced attempts cost is in the sums."""

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
    if any(one.unpriced for one in found.values()):
        for part in priced_parts(month_starts_ms(now_ms), using):
            for name in subject_names(part.key, part.team, ""):
                _add(found, name, part, day_ms)
    return found


@dataclass(frozen=True, slots=True)
class PricedPart:
    """What the priced attempts of one request cost whose whole cost nobody knows."""

    at_ms: int
    key: str
    team: str
    user_hash: str
    nusd: int


def priced_parts(from_ms: int, using: str = "default", **where: Any) -> list[PricedPart]:
    """Of requests begun since from_ms and otherwise filtered by where: budgets count it, though no sum of requests holds it."""
    rows = RoutedRequest.objects.using(using).filter(at_ms__gte=from_ms, cost_nusd=None, attempts__gt=1, **where)
    unknown = rows.exclude(origin=Origin.SAMPLE).order_by()
    attempts = AttemptRow.objects.using(using).filter(request_id__in=unknown.values("id"), cost_nusd__gt=0)
    known = dict(attempts.order_by().values_list("request_id").annotate(nusd=Sum("cost_nusd")))
    if not known:
        return []
    about = unknown.values_list("id", "at_ms", "key", "team", "user_hash")
    return [
        PricedPart(at_ms, key, team, user_hash, known[request_id])
        for request_id, at_ms, key, team, user_hash in about.iterator()
        if request_id in known
    ]


def _add(found: dict[str, Spent], name: str, part: PricedPart, day_ms: int) -> None:
    spent = found.setdefault(name, Spent())
    spent.day_nusd += part.nusd if part.at_ms >= day_ms else 0
    spent.month_nusd += part.nusd


def spent_by_users(hashes: Collection[str], now_ms: int, using: str = "default") -> dict[str, Spent]:
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
    found = {
        USER_PREFIX + user: Spent(day or 0, month or 0, requests, unpriced)
        for user, day, month, requests, unpriced in rows
    }
    for part in priced_parts(month_starts_ms(now_ms), using, user_hash__in=list(hashes)):
        _add(found, USER_PREFIX + part.user_hash, part, day_ms)
    return found
