"""Heartbeats of gateway workers: one row each, written once a second, read by the System page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routerapp.models import WorkerReport

FORGOTTEN_AFTER = timedelta(hours=1)


def report_worker(worker: str, config_revision: str, serial: int, state: Mapping[str, Any]) -> None:
    """Writes this worker's row. Its first report also removes rows of workers that have been silent for an hour."""
    now = timezone.now()
    _, is_new = WorkerReport.objects.update_or_create(
        worker=worker,
        defaults={"reported_at": now, "config_revision": config_revision, "serial": serial, "state": dict(state)},
    )
    if is_new:
        WorkerReport.objects.filter(reported_at__lt=now - FORGOTTEN_AFTER).delete()


def retire_worker(worker: str) -> None:
    """The worker has stopped in good order."""
    WorkerReport.objects.filter(worker=worker).delete()
