import pytest

from routerapp.models import Job
from tests.api.callers import calls_as, codes_of
from tests.factories import a_request, an_attempt

pytestmark = pytest.mark.django_db


def test_pages_follow_one_another_without_gap_or_repeat() -> None:
    rows = [a_request() for _ in range(7)]
    call = calls_as("viewer")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = call("GET", f"requests?limit=3{cursor and '&cursor=' + cursor}").json()
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]

    assert seen == [row.id for row in reversed(rows)]


def test_filters_narrow_and_other_origins_are_asked_for() -> None:
    wanted = a_request(status="timeout", language_model="large", cost_nusd=9_000_000)
    a_request(status="ok", language_model="large")
    sample = a_request(origin="sample")
    call = calls_as("viewer")

    def ids(query: str) -> list[str]:
        return [row["id"] for row in call("GET", f"requests?{query}").json()["data"]]

    assert ids("status=timeout&status=interrupted&model=large") == [wanted.id]
    assert ids("min_cost_usd=0.005") == [wanted.id]
    assert ids("sort=dearest&limit=1") == [wanted.id]
    assert ids("origin=sample") == [sample.id]
    assert ids(f"id={wanted.id}") == [wanted.id]


def test_unknown_cost_is_null_and_known_cost_exact() -> None:
    a_request(cost_nusd=None)
    a_request(cost_nusd=4_100_000)

    rows = calls_as("viewer")("GET", "requests").json()["data"]

    assert [(row["cost_nusd"], row["cost_usd"]) for row in rows] == [(4_100_000, "0.0041"), (None, None)]


def test_one_request_comes_with_attempts_and_what_was_decided_on() -> None:
    row = a_request(features={"task": "code"})
    an_attempt(row, status="timeout", error_class="first_token_timeout")
    an_attempt(row)

    detail = calls_as("viewer")("GET", f"requests/{row.id}").json()

    assert [one["status"] for one in detail["attempts"]] == ["timeout", "ok"]
    assert detail["inputs"]["inputs"]["features"]["task"] == "code"
    assert (detail["decision"], detail["has_chat"], detail["feedback"]) == (None, False, [])


def test_a_request_that_is_not_there_and_a_cursor_that_is_none() -> None:
    call = calls_as("viewer")

    assert call("GET", "requests/0193b000-0000-7000-8000-ffffffffffff").status_code == 404
    assert list(codes_of(call("GET", "requests?cursor=abc"))) == ["cursor"]


def test_the_overview_of_nothing_is_zero_requests_and_unknown_shares() -> None:
    report = calls_as("viewer")("GET", "reports/overview").json()

    assert report["totals"]["requests"] == 0
    assert report["totals"]["success"] == {"ok": 0, "judged": 0, "share": None}
    assert report["totals"]["latency_ms"] == {"samples": 0, "p50": None, "p95": None}
    assert report["models"] == []


@pytest.mark.parametrize("query", ["from_ms=5&to_ms=5", "from_ms=9&to_ms=5", "from_ms=0", "origin=mars", "x=1"])
def test_a_range_that_is_none_is_refused(query: str) -> None:
    assert calls_as("viewer")("GET", f"reports/overview?{query}").status_code == 422


def test_jobs_are_listed_newest_first() -> None:
    old, new = Job.objects.create(kind="retention"), Job.objects.create(kind="refresh_prices", state="failed")
    call = calls_as("viewer")

    assert [job["id"] for job in call("GET", "jobs").json()["data"]] == [new.pk, old.pk]
    assert [job["id"] for job in call("GET", "jobs?state=failed").json()["data"]] == [new.pk]
    assert call("GET", f"jobs/{old.pk}").json()["kind"] == "retention"
    assert call("GET", "jobs/999").status_code == call("GET", f"jobs/{'9' * 40}").status_code == 404
