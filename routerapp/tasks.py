"""Celery tasks: each is one call into serving or store. Messages carry a job's id or kind, never its work."""

from celery import shared_task

from routerapp.serving import run_job as jobs_runner
from routerapp.store import jobs


@shared_task(name="routerapp.tasks.run_job")
def run_job(job_id: int) -> None:
    jobs_runner.run_job(job_id)


@shared_task(name="routerapp.tasks.open_job")
def open_job(kind: str, queue: str) -> None:
    """Opens one job of this kind unless one is open already."""
    jobs.enqueue(kind, unique_key=kind, queue=queue)


@shared_task(name="routerapp.tasks.resend_stale_jobs")
def resend_stale_jobs() -> None:
    jobs.resend_stale()
