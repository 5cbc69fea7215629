"""Forgets what is over its time, in bounded batches so that no transaction holds the database long.

Bodies go first, then inputs and traces (a request is then not replayable), then requests; rollups stay.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from django.db import models, transaction
from django.db.models import Q, QuerySet

from routerapp.models import (
    AlertIncident,
    AttemptRow,
    Body,
    DecisionInputs,
    DecisionTrace,
    Feedback,
    HealthCheck,
    InstallationState,
    Job,
    RoutedRequest,
)
from routerapp.store.batches import MOST_ROWS, Batches
from routerapp.store.config_document import unix_ms
from routerapp.store.jobs import prune_jobs
from routerapp.store.partitions import Partition, drop_partitions, is_partitioned, list_partitions
from routerapp.store.revisions import count_prunable_revisions, prune_revisions

BATCH = MOST_ROWS
SETTING = "retention_days"


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """The installation's settings may override each under `retention_days`. minute_sums and hour_sums are for compaction.py."""

    bodies: int = 30
    inputs: int = 90
    requests: int = 400
    jobs: int = 7
    health_checks: int = 2
    alerts: int = 400
    minute_sums: int = 3
    hour_sums: int = 120


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


# What can be forgotten by itself, in the order it goes.
KINDS = ("bodies", "inputs", "requests", "revisions", "jobs", "health_checks", "alerts")


def forget(
    now: datetime,
    report: Callable[[float, str], None],
    days: RetentionDays | None = None,
    kinds: Collection[str] = KINDS,
) -> dict[str, int]:
    """Deletes everything of these kinds over its time; returns how many rows of each. report is called after each batch and may raise."""
    days = days or retention_days()
    deleted: dict[str, int] = dict.fromkeys((kind for kind in KINDS if kind in kinds), 0)
    for index, (kind, tables) in enumerate(TRAFFIC):
        if kind in kinds:
            deleted[kind] += _drop_whole(tables, _due(kind, now, days), now)
        batches = Batches(BATCH)
        while kind in kinds and (batch := _delete_batch(tables, _reasons(kind, now, days), batches)):
            deleted[kind] += batch
            report(index / len(TRAFFIC), f"{deleted[kind]} {kind} deleted")
            batches.rest()
    if "revisions" in kinds:
        deleted["revisions"] = prune_revisions(now)
    if "jobs" in kinds:
        deleted["jobs"] = prune_jobs(now - timedelta(days=days.jobs))
    if "health_checks" in kinds:
        old = HealthCheck.objects.filter(at__lt=now - timedelta(days=days.health_checks))
        deleted["health_checks"] = old.delete()[0]
    if "alerts" in kinds:
        deleted["alerts"] = _closed_alerts(now, days).delete()[1].get("routerapp.AlertIncident", 0)
    return deleted


def count_due(now: datetime, days: RetentionDays | None = None, kinds: Collection[str] = KINDS) -> dict[str, int]:
    """What `forget` would delete now; revisions as they stand, before the requests that hold on to them go."""
    days = days or retention_days()
    due: dict[str, int] = dict.fromkeys((kind for kind in KINDS if kind in kinds), 0)
    for kind, tables in TRAFFIC:
        if kind in kinds:
            due[kind] += tables[-1][0]._default_manager.filter(_due(kind, now, days)).count()
    if "revisions" in kinds:
        due["revisions"] = count_prunable_revisions(now)
    if "jobs" in kinds:
        due["jobs"] = Job.objects.filter(finished_at__lt=now - timedelta(days=days.jobs)).count()
    if "health_checks" in kinds:
        due["health_checks"] = HealthCheck.objects.filter(at__lt=now - timedelta(days=days.health_checks)).count()
    if "alerts" in kinds:
        due["alerts"] = _closed_alerts(now, days).count()
    return due


def _closed_alerts(now: datetime, days: RetentionDays) -> QuerySet[AlertIncident]:
    """With their messages; what is open stays however old it is."""
    return AlertIncident.objects.filter(closed_at__lt=now - timedelta(days=days.alerts))


def _due(kind: str, now: datetime, days: RetentionDays) -> Q:
    return reduce(operator.or_, _reasons(kind, now, days))


def _reasons(kind: str, now: datetime, days: RetentionDays) -> tuple[Q, ...]:
    """Each is one stretch of an index. Content goes when its policy says so, else when the installation does. Neither it nor inputs
    outlive their request."""
    before_ms = unix_ms(now - timedelta(days=getattr(days, kind)))
    requests_before_ms = unix_ms(now - timedelta(days=days.requests))
    if kind != "bodies":
        return (Q(at_ms__lt=max(before_ms, requests_before_ms)),)
    of_its_policy = Q(expires_at_ms__lte=unix_ms(now))
    return of_its_policy, Q(expires_at_ms=None, at_ms__lt=before_ms), Q(at_ms__lt=requests_before_ms)


def _drop_whole(tables: tuple[tuple[type[models.Model], str], ...], is_due: Q, now: datetime) -> int:
    """On PostgreSQL, periods in which every row is due go as a table each; returns how many rows of the last table went."""
    owner, owner_key = tables[-1]
    dropped = 0
    for partition in list_partitions(owner._meta.db_table):
        if partition.ends_at > now:
            break
        rows = owner._default_manager.filter(partition.holds(owner_key))
        count = rows.count()
        if count > rows.filter(is_due).count():
            continue
        parts = [Partition(table._meta.db_table, partition.starts_at) for table, _ in tables if is_partitioned(table)]
        with transaction.atomic():
            for table, key in tables:
                if not is_partitioned(table):
                    table._default_manager.filter(partition.holds(key)).delete()
            if not drop_partitions(parts):
                break
        dropped += count
    return dropped


def _delete_batch(tables: tuple[tuple[type[models.Model], str], ...], reasons: tuple[Q, ...], batches: Batches) -> int:
    """One transaction over the oldest requests that are due; returns how many rows of the last table went.

    They are looked for before it begins: nobody waits to write meanwhile, and what was due stays due.
    """
    owner, owner_key = tables[-1]
    for reason in reasons:
        due = owner._default_manager.filter(reason).order_by("at_ms").values_list(owner_key, flat=True)
        if ids := list(due[: batches.rows]):
            with batches.timed(), transaction.atomic():
                for table, key in tables:
                    table._default_manager.filter(**{f"{key}__in": ids}).delete()
            return len(ids)
    return 0
