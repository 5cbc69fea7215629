"""Drops minute and hour rollups past their time. Every sum is written per minute, hour and day at once, so nothing is lost but resolution."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import models, transaction

from routerapp.models import AttemptRollup, Granularity, RequestRollup, RollupHorizon, RuleRollup, TotalRollup
from routerapp.store.batches import Batches
from routerapp.store.config_document import unix_ms
from routerapp.store.retention import RetentionDays, retention_days
from routerapp.store.rollups import period_start

MINUTES_KEPT = timedelta(days=RetentionDays().minute_sums)
HOURS_KEPT = timedelta(days=RetentionDays().hour_sums)
COARSER = {Granularity.MINUTE: Granularity.HOUR, Granularity.HOUR: Granularity.DAY}


def compact_rollups(now: datetime, report: Callable[[float, str], None] = lambda share, words: None) -> int:
    """Deletes in bounded transactions; returns how many rollup rows went. report may raise to stop it.

    The horizon moves first: from then on nobody reads or adds to what is about to go, so it may stop and go on at any row.
    """
    days, deleted = retention_days(), 0
    for granularity, kept in ((Granularity.MINUTE, days.minute_sums), (Granularity.HOUR, days.hour_sums)):
        before_ms = _move_horizon(granularity, unix_ms(now - timedelta(days=kept)))
        for table in (RequestRollup, RuleRollup, TotalRollup, AttemptRollup):
            batches = Batches()
            while batch := _delete_batch(table, granularity, before_ms, batches):
                deleted += batch
                report(0.0, f"{deleted} sums dropped")
                batches.rest()
    return deleted


def _move_horizon(granularity: Granularity, before_ms: int) -> int:
    """To the start of a coarser period and never back: what is gone stays gone when the setting grows again."""
    before_ms = max(0, period_start(before_ms, COARSER[granularity]))
    with transaction.atomic():
        row, _ = RollupHorizon.objects.get_or_create(granularity=granularity, defaults={"kept_from_ms": before_ms})
        if row.kept_from_ms < before_ms:
            RollupHorizon.objects.filter(granularity=granularity).update(kept_from_ms=before_ms)
    return max(row.kept_from_ms, before_ms)


def _delete_batch(table: type[models.Model], granularity: Granularity, before_ms: int, batches: Batches) -> int:
    """The oldest ones. The write lock is held only while deleting."""
    old = table._default_manager.filter(granularity=granularity, starts_at_ms__lt=before_ms).order_by("starts_at_ms")
    ids = list(old.values_list("pk", flat=True)[: batches.rows])
    if ids:
        with batches.timed(), transaction.atomic():
            # Locked first and in the drainer's order.
            list(table._default_manager.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
            table._default_manager.filter(pk__in=ids).delete()
    return len(ids)
