"""Forgets what is over its time, in bounded batches so that no transaction holds the database long.

Bodies go first, then inputs and traces (a request is then not replayable), then requests; rollups stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction

from routerapp.models import (
    AttemptRow,
    Body,
    DecisionInputs,
    DecisionTrace,
    Feedback,
    HealthCheck,
    InstallationState,
    RoutedRequest,
)
from routerapp.store.config_document import unix_ms
from routerapp.store.jobs import prune_jobs
from routerapp.store.revisions import prune_revisions

BATCH = 500
SETTING = "retention_days"


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """The installation's settings may override each under `retention_days`."""

    bodies: int = 30
    inputs: int = 90
    requests: int = 400
    jobs: int = 7
    health_checks: int = 2


def retention_days() -> RetentionDays:
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    return RetentionDays(**settings.get(SETTING, {}))


# What goes together, the request's own row last. The setting, then each table with the column that holds the request's id.
TRAFFIC: tuple[tuple[str, tuple[tuple[type[models.Model], str], ...]], ...] = (
    ("bodies", ((Body, "request_id"),)),
    ("inputs", ((DecisionInputs, "request_id"),)),
    ("inputs", ((DecisionTrace, "request_id"),)),
    ("requests", ((AttemptRow, "request_id"), (Feedback, "request_id"), (RoutedRequest, "id"))),
)


def forget(now: datetime, report: Callable[[float, str], None]) -> dict[str, int]:
    """Deletes everything over its time; returns how many rows of each kind. report is called after each batch and may raise."""
    days = retention_days()
    deleted: dict[str, int] = {}
    for index, (kind, tables) in enumerate(TRAFFIC):
        before_ms = unix_ms(now - timedelta(days=getattr(days, kind)))
        deleted.setdefault(kind, 0)
        while batch := _delete_batch(tables, before_ms):
            deleted[kind] += batch
            report(index / len(TRAFFIC), f"{deleted[kind]} {kind} deleted")
    deleted["revisions"] = prune_revisions(now)
    deleted["jobs"] = prune_jobs(now - timedelta(days=days.jobs))
    deleted["health_checks"] = HealthCheck.objects.filter(at__lt=now - timedelta(days=days.health_checks)).delete()[0]
    return deleted


def _delete_batch(tables: tuple[tuple[type[models.Model], str], ...], before_ms: int) -> int:
    """One transaction over the oldest requests that are due; returns how many rows of the last table went."""
    owner, owner_key = tables[-1]
    due = owner._default_manager.filter(at_ms__lt=before_ms).order_by("at_ms").values_list(owner_key, flat=True)
    with transaction.atomic():
        ids = list(due[:BATCH])
        for table, key in tables:
            table._default_manager.filter(**{f"{key}__in": ids}).delete()
    return len(ids)
