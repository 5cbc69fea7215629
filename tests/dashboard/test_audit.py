"""The audit page: every event with what changed, filters that are an address, exports a spreadsheet cannot run, the chain checked."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone

from dashboard.audit_words import LONGEST, event_line
from routerapp.models import AuditEvent, Job, JobState
from routerapp.serving import audit
from routerapp.serving.permissions import Actor
from routerapp.serving.run_job import run_job
from routerapp.store.audit_log import PAGE
from tests.dashboard.hostile import ADDRESS, MARKUP
from tests.factories import a_user
from tests.serving.actors import ADMIN, EDITOR

pytestmark = pytest.mark.django_db
URL = "/audit/"


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def subjects_on(response) -> list[str]:
    return [line.event.subject for line in response.context["lines"]]


async def exported(path: str) -> str:
    client = AsyncClient()
    person = await sync_to_async(a_user)("admin")
    await client.aforce_login(person, backend="django.contrib.auth.backends.ModelBackend")
    response = await client.get(f"/audit/export/{path}")
    assert response.status_code == 200
    return b"".join([chunk async for chunk in response]).decode()


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_read_it(signed_in, role):
    client = signed_in(role)

    assert [client.get(path).status_code for path in (URL, "/audit/export/csv/")] == [403, 403]
    assert client.post("/audit/check/").status_code == 403
    assert "/audit/" not in client.get("/").text


def test_says_who_did_what_and_from_what_to_what(admin):
    audit.record(ADMIN, "edit_deployment", "deployment:small", before={"weight": 1}, after={"weight": 3}, reason="slow")
    text = admin.get(URL).text

    assert "Edit deployment" in text
    assert "<del>1</del>" in text and "<ins>3</ins>" in text
    assert "“slow”" in text and "192.0.2.7" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("subject=policy:", ["policy:b", "policy:a"]),
        ("subject=policy:a", ["policy:a"]),
        ("actor=editor", ["policy:b"]),
        ("action=publish_policy", ["policy:a"]),
        ("actor=editor&subject=key:", []),
        ("range=1h", ["key:c", "policy:b", "policy:a"]),
    ],
)
def test_filters_are_its_address(admin, query, found):
    audit.record(ADMIN, "publish_policy", "policy:a")
    audit.record(EDITOR, "save_draft", "policy:b")
    audit.record(ADMIN, "create_key", "key:c")
    response = admin.get(f"{URL}?{query}")

    assert response.status_code == 200
    assert [one for one in subjects_on(response) if not one.startswith("user:")] == found


def test_a_span_of_time_leaves_out_what_lies_outside(admin):
    audit.record(ADMIN, "x", "policy:a")
    past = timezone.now() - timedelta(days=2)
    response = admin.get(f"{URL}?start={past:%Y-%m-%dT%H:%M}&end={past + timedelta(days=1):%Y-%m-%dT%H:%M}")

    assert response.status_code == 200
    assert subjects_on(response) == []
    assert "No event matches" in response.text


@pytest.mark.parametrize(
    "query",
    [
        "cursor=rubbish",
        "cursor=0",
        "cursor=-1",
        "cursor=" + "9" * 30,
        "action=nonsense",
        "start=yesterday",
        "subject=%00",
    ],
)
def test_an_address_that_cannot_be_is_said_so(admin, query):
    response = admin.get(f"{URL}?{query}")

    assert response.status_code == 422
    assert "Start over" in response.text or "cannot be used" in response.text


def test_pages_follow_each_other_without_a_gap(admin):
    for number in range(PAGE + 3):
        audit.record(ADMIN, "x", f"policy:{number}")
    first = admin.get(f"{URL}?subject=policy:")
    second = admin.get(first.context["next_url"])

    assert subjects_on(first) + subjects_on(second) == [f"policy:{number}" for number in reversed(range(PAGE + 3))]
    assert second.context["next_url"] == ""


def test_text_of_others_is_only_ever_text(admin):
    for text in (MARKUP, ADDRESS):
        audit.record(
            Actor(text, "user", "admin", "x"), "edit_provider", text, after={"name": text, "list": [text]}, reason=text
        )
    page = admin.get(URL).text

    assert "<img src=x" not in page and "<script>alert" not in page


def test_only_the_rows_are_asked_for_when_a_filter_changes(admin):
    response = admin.get(URL, headers={"HX-Request": "true", "HX-Target": "div#results", "HX-Request-Type": "partial"})

    assert "<html" not in response.text
    assert 'aria-label="Events"' in response.text


@pytest.mark.django_db(transaction=True)
async def test_csv_holds_every_event_and_no_formula():
    evil = Actor("=cmd|' /C calc'!A0", "user", "admin")
    await sync_to_async(audit.record)(evil, "x", "+1+1", before={"a": 1}, after={"a": "=2+2"})
    rows = list(csv.DictReader(io.StringIO(await exported("csv/?action=x"))))

    assert len(rows) == 1
    assert (rows[0]["actor"][:2], rows[0]["subject"]) == ("'=", "'+1+1")
    assert json.loads(rows[0]["after"]) == {"a": "=2+2"}


@pytest.mark.django_db(transaction=True)
async def test_json_holds_what_the_filters_let_through():
    for number in range(3):
        await sync_to_async(audit.record)(ADMIN, "x", f"policy:{number}", after={"n": number})
    await sync_to_async(audit.record)(ADMIN, "y", "policy:9")
    events = json.loads(await exported("json/?action=x"))

    assert [event["after"] for event in events] == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert events[0]["hash"] == (await AuditEvent.objects.aget(subject="policy:2")).hash


def test_an_export_of_a_bad_filter_or_kind_is_refused(admin):
    assert admin.get("/audit/export/csv/?start=never").status_code == 422
    assert admin.get("/audit/export/xls/").status_code == 404


def test_the_chain_is_checked_in_the_background_and_the_page_says_what_was_found(admin):
    audit.record(ADMIN, "x", "policy:a")
    assert "has not been checked yet" in admin.get(URL).text
    assert admin.post("/audit/check/").headers["Location"] == reverse("dashboard:audit")
    assert "checking" in admin.get(URL).text
    run_job(Job.objects.get(kind="verify_audit").pk)
    text = admin.get(URL).text

    assert "whole" in text
    assert AuditEvent.objects.order_by("-pk").first().hash in text


def test_asking_twice_is_one_check(admin):
    admin.post("/audit/check/")
    admin.post("/audit/check/", headers={"HX-Request": "true", "HX-Target": "section#chain"})

    assert Job.objects.filter(kind="verify_audit").count() == 1


def test_a_broken_chain_is_said_loudly(admin):
    Job.objects.create(
        kind="verify_audit",
        state=JobState.DONE,
        finished_at=timezone.now(),
        result={"is_whole": False, "broken_id": 17, "reason": "Event 17 was changed.", "events": 16, "head": None},
    )
    text = admin.get(URL).text

    assert "broken" in text and "Event 17 was changed." in text
    assert 'role="alert"' in text


def test_money_is_shown_as_money_and_long_values_are_cut_but_not_lost(admin):
    event = audit.record(ADMIN, "x", "y", before={"daily_spend_nusd": 2_500_000_000}, after={"document": "d" * 500})
    line = event_line(event)

    assert (line.changes[1].name, line.changes[1].before) == ("daily spend", "$2.50")
    assert line.changes[0].is_long and len(line.changes[0].after) == LONGEST + 1
    assert "d" * 500 in line.document


def test_what_is_new_and_empty_says_nothing(admin):
    event = audit.record(ADMIN, "x", "y", after={"name": "A", "team": None, "constraints": {}, "note": ""})

    assert [change.name for change in event_line(event).changes] == ["name"]


def test_a_nested_change_names_its_place(admin):
    event = audit.record(ADMIN, "x", "y", before={"limits": {"a": 1, "b": 2}}, after={"limits": {"a": 1, "b": 3}})

    assert [(change.name, change.before, change.after) for change in event_line(event).changes] == [
        ("limits › b", "2", "3")
    ]
