"""How much of the last seven days went through each policy and rule, from rollups. Live and sample traffic together, as the overview shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, Sum

from dashboard.ranges import SPANS_MS
from routerapp.models import Granularity, Origin, RuleRollup

SPAN_MS = SPANS_MS["7d"]


@dataclass(frozen=True, slots=True)
class Hits:
    """n requests of total; share is unknown while there were none at all."""

    n: int
    total: int
    cost_nusd: int = 0

    @property
    def share(self) -> float | None:
        return self.n / self.total if self.total else None

    @property
    def percent(self) -> float:
        """Width of a bar."""
        return round(100 * self.n / self.total, 2) if self.total else 0.0


def hits_by_policy(now_ms: int) -> dict[str, Hits]:
    """Policy slug → its part of all requests that a policy decided."""
    return _shares(_sums(now_ms, ~Q(policy=""), "policy"))


def hits_by_rule(policy: str, now_ms: int) -> dict[str, Hits]:
    """Rule id → its part of the policy's requests, over all versions; the default has the empty id."""
    return _shares(_sums(now_ms, Q(policy=policy), "rule"))


def _sums(now_ms: int, which: Q, group: str) -> dict[str, tuple[int, int]]:
    rows = RuleRollup.objects.filter(
        which, granularity=Granularity.HOUR, starts_at_ms__gte=now_ms - SPAN_MS, starts_at_ms__lte=now_ms
    )
    found = rows.filter(origin__in=(Origin.LIVE, Origin.SAMPLE)).values_list(group)
    return {name: (n, cost) for name, n, cost in found.annotate(n=Sum("n"), cost=Sum("cost_nusd"))}


def _shares(sums: Mapping[str, tuple[int, int]]) -> dict[str, Hits]:
    total = sum(n for n, _ in sums.values())
    return {name: Hits(n, total, cost) for name, (n, cost) in sums.items()}
