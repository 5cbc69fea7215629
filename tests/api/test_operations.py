"""/api/audit filters, /api/jobs cancel and retry, /api/system."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.models import Job, JobState
from routerapp.serving import audit
from tests.api.callers import calls_as, codes_of, error_of
from tests.serving.actors import ADMIN, EDITOR

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return calls_as("admin")


def subjects(answer) -> list[str]:
    return [event["subject"] for event in answer.json()["data"]]


def test_audit_events_are_found_by_actor_action_subject_and_time(admin):
    audit.record(ADMIN, "publish_policy", "policy:a")
    audit.record(EDITOR, "save_draft", "policy:b")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat().replace("+", "%2B")

    assert subjects(admin("GET", "audit?subject=policy:")) == ["policy:b", "policy:a"]
    assert subjects(admin("GET", "audit?subject=policy:&actor=editor")) == ["policy:b"]
    assert subjects(admin("GET", "audit?action=publish_policy")) == ["policy:a"]
    assert subjects(admin("GET", f"audit?start={tomorrow}")) == []
    assert len(subjects(admin("GET", f"audit?end={tomorrow}&subject=policy:"))) == 2


@pytest.mark.parametrize("query", ["start=yesterday", "end=x", "nonsense=1", "actor=" + "x" * 200])
def test_a_filter_that_cannot_be_is_named(admin, query):
    answer = admin("GET", f"audit?{query}")

    assert answer.status_code == 422
    assert set(codes_of(answer)) == {query.split("=")[0]}


def test_the_chain_check_gives_a_head_to_keep(admin):
    event = audit.record(ADMIN, "x", "y")
    found = admin("GET", "audit/check").json()

    assert found["is_whole"]
    assert found["head"] == f"{event.pk}:{event.hash}"


def test_a_job_is_cancelled_and_run_again(admin):
    job = Job.objects.create(kind="retention")
    cancelled = admin("POST", f"jobs/{job.pk}/cancel")
    again = admin("POST", f"jobs/{job.pk}/retry")

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["state"]) == (201, "queued")
    assert again.json()["id"] != job.pk


def test_what_cannot_be_done_to_a_job_is_said(admin):
    running = Job.objects.create(kind="retention", state=JobState.RUNNING)

    assert admin("POST", f"jobs/{running.pk}/retry").status_code == 422
    assert error_of(admin("POST", "jobs/999/cancel"))["code"] == "not_found"
    assert admin("POST", f"jobs/{running.pk}/cancel").json()["is_cancel_requested"]


def test_the_system_is_told_whole_and_without_secrets(admin, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_METRICS_TOKEN", "planted-token")
    answer = admin("GET", "system")
    found = answer.json()

    assert set(found) >= {"workers", "spool", "jobs", "folder", "versions", "revisions", "settings"}
    assert found["versions"]["pending"] == []
    assert "planted-token" not in answer.content.decode()
