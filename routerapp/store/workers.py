"""Heartbeats of gateway workers: one row each, written once a second, read by the System page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routerapp.models import WorkerReport

FORGOTTEN_AFTER = timedelta(hours=1)


def report_worker(worker: str, config_revision: str, serial: int, state: Mapping[str, Any]) -> None:
    """Writes this worker's row. Its first report also removes rows of workers that have been silent for an hour, or whose place it has taken."""
    now = timezone.now()
    _, is_new = WorkerReport.objects.update_or_create(
        worker=worker,
        defaults={"reported_at": now, "config_revision": config_revision, "serial": serial, "state": dict(state)},
    )
    if is_new:
        WorkerReport.objects.filter(reported_at__lt=now - FORGOTTEN_AFTER).delete()
        _forget_predecessors(worker, state)


def retire_worker(worker: str) -> None:
    """The worker has stopped in good order."""
    WorkerReport.objects.filter(worker=worker).delete()


def _forget_predecessors(worker: str, state: Mapping[str, Any]) -> None:
    """Whoever had this slot under the same supervisor and was killed: it will never say goodbye. One that still leaves is alive."""
    if "node" not in state:
        return
    rows = WorkerReport.objects.filter(state__node=state["node"], state__slot=state["slot"]).exclude(worker=worker)
    for row in rows:
        if not _is_alive(int(row.state.get("pid") or 0)):
            row.delete()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
