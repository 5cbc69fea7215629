import pytest
from django.conf import settings

from routerapp import tasks
from routerapp.celery import SCHEDULE, app
from routerapp.models import Job
from routerapp.serving.run_job import KINDS
from routerapp.store import jobs


def test_every_scheduled_task_exists():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)


def test_every_scheduled_kind_has_a_body_and_a_queue():
    opened = [entry["args"] for entry in SCHEDULE.values() if "args" in entry]

    assert {kind for kind, _ in opened} <= set(KINDS)
    assert {queue for _, queue in opened} <= {queue.name for queue in app.conf.task_queues}


def test_no_message_waits_longer_than_it_is_wanted():
    assert all(entry["options"]["expires"] <= 3600 for entry in SCHEDULE.values())


def test_everything_the_worker_writes_is_in_the_data_folder():
    assert app.conf.beat_schedule_filename.startswith(str(settings.DATA_DIR))


@pytest.mark.django_db
def test_a_schedule_that_fires_while_the_last_job_waits_opens_no_second():
    tasks.open_job("retention", "long")
    tasks.open_job("retention", "long")

    assert [(job.kind, job.queue, job.unique_key) for job in Job.objects.all()] == [("retention", "long", "retention")]


@pytest.mark.django_db
def test_a_wake_up_runs_the_job_it_names():
    job = jobs.enqueue("refresh_evidence")
    tasks.run_job(job.pk)
    tasks.resend_stale_jobs()

    assert Job.objects.get().state == "done"
