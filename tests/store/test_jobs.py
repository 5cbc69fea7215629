from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.models import Job, JobState
from routerapp.store import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch):
    messages = []
    monkeypatch.setattr(jobs, "send_wake_up", lambda task, job_id, queue: messages.append((task, job_id, queue)))
    return messages


def test_the_wake_up_leaves_only_after_commit(sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        job = jobs.enqueue("retention", queue="long")
        assert sent == []

    assert sent == [("run_job", job.pk, "long")]


def test_an_unknown_queue_is_refused_by_name():
    with pytest.raises(ValueError, match="quick, long"):
        jobs.enqueue("retention", queue="slow")


def test_one_open_job_per_unique_key(sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        first = jobs.enqueue("retention", unique_key="retention")
        second = jobs.enqueue("retention", unique_key="retention")

    assert first == second
    assert len(sent) == 1


def test_a_finished_job_frees_its_unique_key(sent):
    first = jobs.claim(jobs.enqueue("retention", unique_key="retention").pk)
    jobs.finish(first, JobState.DONE, "12 rows")

    assert jobs.enqueue("retention", unique_key="retention") != first
    first.refresh_from_db()
    assert (first.state, first.progress, first.message) == ("done", 1.0, "12 rows")


def test_two_wake_ups_claim_a_job_once(sent):
    job = jobs.enqueue("retention")

    assert jobs.claim(job.pk) is not None
    assert jobs.claim(job.pk) is None


def test_a_cancelled_queued_job_never_runs(sent):
    job = jobs.enqueue("retention")

    assert jobs.cancel(job.pk)
    assert jobs.claim(job.pk) is None
    assert not jobs.cancel(job.pk)


def test_a_running_job_learns_of_its_cancellation_with_the_next_progress(sent):
    job = jobs.claim(jobs.enqueue("retention").pk)
    assert jobs.cancel(job.pk)

    with pytest.raises(jobs.JobCancelled):
        jobs.report_progress(job, 1.0)


def test_progress_is_written_at_most_every_few_seconds(sent):
    job = jobs.claim(jobs.enqueue("retention").pk)
    jobs.report_progress(job, 0.5, "too soon")
    assert Job.objects.get().progress == 0

    job.heartbeat_at -= jobs.HEARTBEAT_EVERY
    jobs.report_progress(job, 0.6, "well on the way")

    assert (Job.objects.get().progress, Job.objects.get().message) == (0.6, "well on the way")


def test_a_lost_wake_up_is_sent_again_and_a_fresh_one_is_not(sent):
    lost, fresh = jobs.enqueue("a"), jobs.enqueue("b")
    Job.objects.filter(pk=lost.pk).update(sent_at=timezone.now() - jobs.RESEND_AFTER - timedelta(seconds=1))

    assert jobs.resend_stale() == 1
    assert sent == [("run_job", lost.pk, "quick")]
    assert jobs.resend_stale() == 0
    assert Job.objects.get(pk=fresh.pk).state == "queued"


def test_a_job_whose_worker_died_runs_again_and_the_dead_one_cannot_close_it(sent):
    dead = jobs.claim(jobs.enqueue("a").pk)
    Job.objects.update(heartbeat_at=timezone.now() - jobs.HEARTBEAT_LOST_AFTER - timedelta(seconds=1))

    assert jobs.resend_stale() == 1
    assert jobs.claim(dead.pk) is not None
    jobs.finish(dead, JobState.DONE)
    assert Job.objects.get().state == "running"
    with pytest.raises(jobs.JobCancelled, match="Another worker"):
        jobs.report_progress(dead, 1.0)


def test_old_ended_jobs_go_and_open_ones_stay(sent):
    ended = jobs.claim(jobs.enqueue("a").pk)
    jobs.finish(ended, JobState.FAILED, "no")
    jobs.enqueue("b")

    assert jobs.prune_jobs(timezone.now() + timedelta(days=1)) == 1
    assert [job.kind for job in Job.objects.all()] == ["b"]
