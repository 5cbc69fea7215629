"""Background work as rows. The message to the worker is only a wake-up with the id: a lost one is sent again by `resend_stale`.

Knows job kinds by name only; what a kind does lives above, in serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from routerapp.models import Job, JobState
from routerapp.store.broker import QUEUES, QUICK, send_wake_up

# Known by name only: the tasks lie above this module.
TASK = "run_job"
# A queued row whose message is older than this was lost; a running one without heartbeat has no worker.
RESEND_AFTER = timedelta(minutes=2)
HEARTBEAT_LOST_AFTER = timedelta(minutes=10)
HEARTBEAT_EVERY = timedelta(seconds=5)


class JobCancelled(Exception):
    """Raised inside a job that was asked to stop."""


def enqueue(
    kind: str,
    arguments: Mapping[str, Any] | None = None,
    unique_key: str | None = None,
    queue: str = QUICK,
) -> Job:
    """The row of new work, or of the open job that already holds unique_key. The wake-up leaves after commit."""
    if queue not in QUEUES:
        raise ValueError(f"queue={queue!r} cannot be used. Allowed: {', '.join(QUEUES)}.")
    fields = {"kind": kind, "arguments": dict(arguments or {}), "queue": queue, "sent_at": timezone.now()}
    try:
        with transaction.atomic():
            job = Job.objects.create(unique_key=unique_key, **fields)
    except IntegrityError:
        open_job = _open().filter(unique_key=unique_key).first()
        if open_job is None:
            raise
        return open_job
    transaction.on_commit(lambda: send_wake_up(TASK, job.pk, queue))
    return job


def claim(job_id: int) -> Job | None:
    """Takes a queued job for this worker; None when it is gone, taken or cancelled."""
    now = timezone.now()
    Job.objects.filter(pk=job_id, state=JobState.QUEUED, is_cancel_requested=True).update(
        state=JobState.CANCELLED, finished_at=now
    )
    taken = Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
        state=JobState.RUNNING, started_at=now, heartbeat_at=now, progress=0, message=""
    )
    return Job.objects.get(pk=job_id) if taken else None


def report_progress(job: Job, progress: float, message: str = "") -> None:
    """Heartbeat and progress (0..1); writes at most every few seconds. Raises JobCancelled when someone asked to stop."""
    now = timezone.now()
    if job.heartbeat_at is not None and now - job.heartbeat_at < HEARTBEAT_EVERY and progress < 1:
        return
    job.heartbeat_at = now
    mine = Job.objects.filter(pk=job.pk, state=JobState.RUNNING, started_at=job.started_at)
    if not mine.update(heartbeat_at=now, progress=min(1.0, progress), message=message[:500]):
        raise JobCancelled("Another worker has this job now.")
    if mine.filter(is_cancel_requested=True).exists():
        raise JobCancelled("Cancelled on request.")


def finish(job: Job, state: JobState, message: str = "", result: Mapping[str, Any] | None = None) -> None:
    """Closes the job, unless another worker took it over. result: what it found out, for whoever asked."""
    closed: dict[str, Any] = {"state": state, "message": message[:500], "finished_at": timezone.now()}
    if result is not None:
        closed["result"] = dict(result)
    if state is JobState.DONE:
        closed["progress"] = 1.0
    Job.objects.filter(pk=job.pk, state=JobState.RUNNING, started_at=job.started_at).update(**closed)


def cancel(job_id: int) -> bool:
    """Stops a queued job at once and asks a running one to stop; False when it has ended already."""
    now = timezone.now()
    if Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, is_cancel_requested=True, finished_at=now
    ):
        return True
    return bool(Job.objects.filter(pk=job_id, state=JobState.RUNNING).update(is_cancel_requested=True))


def resend_stale(now: datetime | None = None, limit: int = 100) -> int:
    """Wakes queued jobs whose message was lost and re-queues running ones whose worker died; returns how many."""
    now = now or timezone.now()
    is_lost = Q(state=JobState.QUEUED) & Q(last_sent__lt=now - RESEND_AFTER)
    is_dead = Q(state=JobState.RUNNING) & Q(heartbeat_at__lt=now - HEARTBEAT_LOST_AFTER)
    rows = Job.objects.annotate(last_sent=Coalesce(F("sent_at"), F("created_at"))).filter(is_lost | is_dead)
    stale = list(rows.order_by("created_at").values_list("pk", "queue", "state", "heartbeat_at")[:limit])
    resent = 0
    for job_id, queue, state, heartbeat_at in stale:
        same = Job.objects.filter(pk=job_id, state=state, heartbeat_at=heartbeat_at)
        if same.update(state=JobState.QUEUED, sent_at=now):
            send_wake_up(TASK, job_id, queue)
            resent += 1
    return resent


def prune_jobs(before: datetime, limit: int = 1000) -> int:
    """Deletes at most `limit` ended jobs from before that instant; returns how many."""
    ended = Job.objects.filter(finished_at__lt=before).values_list("pk", flat=True)[:limit]
    return Job.objects.filter(pk__in=list(ended)).delete()[0]


def _open() -> QuerySet[Job]:
    return Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING])
