"""Drops minute and hour rollups past their time. Every sum is written per minute, hour and day at once, so nothing is lost but resolution."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models, transaction

from routerapp.models import AttemptRollup, Granularity, RequestRollup, SketchBucket
from routerapp.store.config_document import unix_ms
from routerapp.store.retention import RetentionDays, retention_days

MINUTES_KEPT = timedelta(days=RetentionDays().minute_sums)
HOURS_KEPT = timedelta(days=RetentionDays().hour_sums)
BATCH = 500


def compact_rollups(now: datetime) -> int:
    """Deletes in bounded transactions, sketches with their rollup; returns how many rollup rows went."""
    days, deleted = retention_days(), 0
    for granularity, kept in ((Granularity.MINUTE, days.minute_sums), (Granularity.HOUR, days.hour_sums)):
        for table in (RequestRollup, AttemptRollup):
            while batch := _delete_batch(table, granularity, unix_ms(now - timedelta(days=kept))):
                deleted += batch
    return deleted


def _delete_batch(table: type[models.Model], granularity: Granularity, before_ms: int) -> int:
    old = table._default_manager.filter(granularity=granularity, starts_at_ms__lt=before_ms)
    with transaction.atomic():
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        # Locked first and in the drainer's order: rollups by id, then what hangs on them.
        list(table._default_manager.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
        SketchBucket.objects.filter(rollup_id__in=ids).delete()
        table._default_manager.filter(pk__in=ids).delete()
    return len(ids)
