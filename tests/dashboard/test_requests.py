"""The request list and one request: filters in the address, paging, exports of exactly what is shown, hostile text."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.test import AsyncClient

from routerapp.models import DecisionTrace, RoutedRequest, TaskClass
from tests.dashboard.recorded import record_traffic
from tests.factories import a_language_model, a_request, a_user, an_attempt

HOSTILE = [
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "<img src=x onerror=alert(1)>",
    "{{ 7|add:7 }}{% now %}",
    "'-alert(1)-'",
    "<svg/onload=alert(1)>",
    "</title><hx-partial hx-target=body>x",
    "\u202egpj.exe",
]
pytestmark = pytest.mark.django_db


def shown(response) -> list[str]:
    return [row.id for row in response.context["page"].rows]


def test_an_empty_installation_says_what_to_do(viewer):
    assert "No requests yet" in viewer.get("/requests/").text


def test_a_filter_without_matches_offers_to_loosen_it(viewer):
    a_request()

    assert "No request matches" in viewer.get("/requests/?status=timeout").text


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("status=timeout", {"status": "timeout"}),
        ("model=gpt-large", {"language_model": "gpt-large"}),
        ("policy=legal", {"policy": "legal"}),
        ("rule=r7", {"rule": "r7"}),
        ("key=batch", {"key": "batch"}),
        ("task=code", {"task": "code"}),
        ("task=own-tickets", {"task": "own-tickets"}),
        ("origin=playground", {"origin": "playground"}),
        ("min_cost=0.02", {"cost_nusd": 20_000_000}),
        ("min_cost=$0.02", {"cost_nusd": 20_000_000}),
        ("id=0193BEEF", {"id": "0193beef-0000-7000-8000-000000000001"}),
        ("start=2020-01-01T00:00&end=2020-01-02T00:00", {"at_ms": 1_577_840_000_000}),
    ],
)
def test_each_filter_finds_its_requests_and_stays_in_the_links(viewer, query, fields):
    a_language_model(slug="gpt-large")
    a_request()
    wanted = a_request(**fields)
    response = viewer.get(f"/requests/?{query}")

    assert response.status_code == 200
    assert shown(response) == [wanted.id]
    assert query.split("=")[0] in response.context["csv_url"]


@pytest.mark.parametrize(
    "query", ["status=nonsense", "min_cost=lots", "id=xyz!", "range=9y", "cursor=nonsense", "task=%00", "model=%00"]
)
def test_a_filter_that_cannot_be_used_is_refused_with_the_page(viewer, query):
    assert viewer.get(f"/requests/?{query}").status_code == 422


def test_task_classes_of_the_teams_own_are_offered(viewer):
    TaskClass.objects.create(slug="own-tickets")

    choices = dict(viewer.get("/requests/").context["form"].fields["task"].choices)
    assert (choices["own-tickets"], choices["code"]) == ("own-tickets", "Code")


def test_pages_follow_each_other_without_gap_or_repeat(viewer):
    made = [a_request(cost_nusd=n // 3).id for n in range(120)]
    for sort in ("newest", "dearest"):
        seen, url = [], f"/requests/?sort={sort}"
        while url:
            response = viewer.get(url)
            seen += shown(response)
            url = response.context["next_url"]

        assert sorted(seen) == sorted(made)


def test_dearest_first_is_one_click_away(viewer):
    cheap, dear = a_request(cost_nusd=1), a_request(cost_nusd=9)
    links = {link["label"]: link["url"] for link in viewer.get("/requests/?status=ok").context["sorts"]}

    assert "status=ok" in links["Dearest"]
    assert shown(viewer.get(links["Dearest"])) == [dear.id, cheap.id]


def test_only_the_results_are_sent_to_a_filter_and_only_the_rows_to_the_live_panel(viewer):
    a_request()
    for target, start in (
        ("div#results", '<p class="visually-hidden" data-announces>'),
        ("section#rows", '<section class="card flush" id="rows"'),
    ):
        headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": target}
        assert viewer.get("/requests/", headers=headers).text.strip().startswith(start)


async def exported(kind: str, query: str = "") -> str:
    client = AsyncClient()
    await client.aforce_login(
        await RoutedRequest.objects.aexists() and await _a_viewer(), backend="django.contrib.auth.backends.ModelBackend"
    )
    response = await client.get(f"/requests/export/{kind}/?{query}")
    assert response.status_code == 200
    return b"".join([chunk async for chunk in response]).decode()


async def _a_viewer():
    from asgiref.sync import sync_to_async

    return await sync_to_async(a_user)("viewer")


@pytest.mark.django_db(transaction=True)
async def test_an_export_holds_exactly_what_is_filtered():
    from asgiref.sync import sync_to_async

    make = sync_to_async(a_request)
    wanted = {(await make(status="timeout", requested_model="=1+1")).id for _ in range(3)}
    await make()

    rows = list(csv.DictReader(io.StringIO(await exported("csv", "status=timeout"))))
    assert {row["id"] for row in rows} == wanted
    assert {row["requested_model"] for row in rows} == {"'=1+1"}
    assert {row["cost_usd"] for row in rows} == {"0.0005"}

    parsed = json.loads(await exported("json", "status=timeout"))
    assert {row["id"] for row in parsed} == wanted
    assert json.loads(await exported("json", "status=cancelled")) == []


def test_a_recorded_request_is_told_in_full(viewer, tmp_path):
    [request_id] = record_traffic(tmp_path, {})
    page = viewer.get(f"/requests/{request_id}/")

    assert page.status_code == 200
    for words in (
        "Why this answer",
        "cheap first",
        "Region not allowed",
        "allowed eu",
        "Sum of the attempts",
        "$0.0003",
    ):
        assert words in page.text
    assert page.context["cost"].is_equal


def test_a_request_whose_trace_is_gone_still_has_a_page(viewer, tmp_path):
    [request_id] = record_traffic(tmp_path, {"status": "timeout"})
    DecisionTrace.objects.all().delete()
    page = viewer.get(f"/requests/{request_id}/")

    assert page.status_code == 200
    assert "The trace is gone" in page.text


def test_a_refused_request_has_no_attempts_and_says_so(viewer):
    row = a_request(
        status="refused_limit", error_code="rate_limited", cost_nusd=None, attempts=0, deployment="", language_model=""
    )
    page = viewer.get(f"/requests/{row.id}/")

    assert "Nothing was sent to any provider" in page.text
    assert "nobody" in page.text


def test_a_failure_shows_more_not_less(viewer):
    row = a_request(status="upstream_error", attempts=1)
    an_attempt(
        row,
        status="upstream_error",
        error_class="UpstreamUnavailable",
        error_message="503 <b>busy</b>",
        http_status=503,
    )
    page = viewer.get(f"/requests/{row.id}/")

    assert "UpstreamUnavailable" in page.text
    assert "503 &lt;b&gt;busy&lt;/b&gt;" in page.text


def test_an_unknown_request_is_not_found(viewer):
    assert viewer.get("/requests/0193b000-0000-7000-8000-ffffffffffff/").status_code == 404


def test_a_replay_is_asked_by_post_and_answered_in_words(viewer, tmp_path):
    [request_id] = record_traffic(tmp_path, {})
    address = f"/requests/{request_id}/replay/"

    assert viewer.get(address).status_code == 405
    assert "Cannot be replayed." in viewer.post(address).text
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#replay"}
    assert viewer.post(address, headers=headers).text.strip().startswith('<div class="notice"')


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_on_every_page(viewer, tmp_path, text):
    hostile = {"model": text, "requested_model": text, "rule_name": text}
    [request_id] = record_traffic(tmp_path, hostile)
    pages = [viewer.get(path).text for path in ("/", "/requests/", f"/requests/{request_id}/")]

    for page in pages:
        assert "alert(1)</script>" not in page
        assert not re.search(r"<(img|svg)[^>]*\son\w+\s*=", page)
        assert "<hx-partial" not in page
        assert not re.search(r"(href|src|action)=[\"']?\s*javascript:", page)
