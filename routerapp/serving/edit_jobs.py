"""What people do with background work: ask it to stop, and run it again. Each leaves an audit event."""

from __future__ import annotations

from django.db import transaction

from routerapp.models import Job, JobState
from routerapp.serving import audit
from routerapp.serving.changes import find
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store import jobs

VERIFY_AUDIT = "verify_audit"
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@transaction.atomic
def cancel_job(job_id: int, *, by: Actor) -> Job:
    """At once when it waits; one that runs stops at its next step."""
    require(by, "edit_jobs")
    job = find(Job.objects.all(), "job", pk=job_id)
    if not jobs.cancel(job_id):
        raise invalid("", "already_ended", f"Job {job_id} has ended already.")
    audit.record(by, "cancel_job", f"job:{job_id}", after={"kind": job.kind})
    job.refresh_from_db()
    return job


@transaction.atomic
def retry_job(job_id: int, *, by: Actor) -> Job:
    """A new job of the same kind and arguments; the open one when there is one already."""
    require(by, "edit_jobs")
    old = find(Job.objects.all(), "job", pk=job_id)
    if old.state not in ENDED:
        raise invalid("", "still_open", f"Job {job_id} has not ended yet.")
    job = jobs.enqueue(old.kind, old.arguments, old.unique_key, old.queue)
    audit.record(by, "retry_job", f"job:{job.pk}", after={"kind": old.kind, "again": job_id})
    return job


@transaction.atomic
def ask_for_audit_check(*, by: Actor) -> Job:
    """Walks the whole log in the background; its result says whether it is whole."""
    require(by, "read_audit")
    return jobs.enqueue(VERIFY_AUDIT, unique_key=VERIFY_AUDIT, queue="long")
