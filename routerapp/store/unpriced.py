"""Traffic that was served without a price: whose cost nobody knows, which is not zero. From rollups; never guessed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Min, Sum, When
from django.db.models.functions import Coalesce

from routerapp.models import AttemptRollup, Deployment, Granularity, Price
from routerapp.store.config_document import unix_ms

LOOKED_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Unpriced:
    """attempts: recorded without a cost. tokens: of those, as far as sums tell them from priced ones (is_least: there may be more).

    is_priced: has a price by now, so that the record can be re-priced.
    """

    deployment: str
    attempts: int
    tokens: int
    is_least: bool
    since_ms: int
    is_priced: bool


def find_unpriced(now: datetime, origins: Sequence[str]) -> tuple[Unpriced, ...]:
    """Deployments of the catalogue with unpriced traffic of the last 90 days, most first."""
    all_unpriced = When(n=F("unpriced_n"), then=F("input_tokens") + F("output_tokens"))
    rows = (
        AttemptRollup.objects.filter(
            granularity=Granularity.DAY,
            starts_at_ms__gte=unix_ms(now - LOOKED_BACK),
            origin__in=list(origins),
            unpriced_n__gt=0,
        )
        .values("deployment")
        .annotate(
            attempts=Sum("unpriced_n"),
            all_attempts=Sum("n"),
            tokens=Coalesce(Sum(Case(all_unpriced, default=0)), 0),
            since_ms=Min("starts_at_ms"),
        )
        .order_by("-attempts", "deployment")
    )
    known = set(Deployment.objects.filter(archived_at=None).values_list("slug", flat=True))
    priced = set(Price.objects.filter(valid_from__lte=now).values_list("deployment__slug", flat=True).distinct())
    return tuple(
        Unpriced(
            row["deployment"],
            row["attempts"],
            row["tokens"],
            row["all_attempts"] > row["attempts"],
            row["since_ms"],
            row["deployment"] in priced,
        )
        for row in rows
        if row["deployment"] in known
    )
