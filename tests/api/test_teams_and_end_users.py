"""Teams and end users over the API: made, limited, renamed, taken away, each write with its audit event."""

from __future__ import annotations

from typing import Any

import pytest

from routerapp.models import AuditEvent, EndUserAllowance, Team
from routerapp.serving.units import hash_user
from routerapp.store.snapshot import load_snapshot
from tests.api.callers import calls_as, error_of
from tests.factories import a_key, a_request, a_team

pytestmark = pytest.mark.django_db


def test_a_team_is_made_limited_renamed_and_archived() -> None:
    call = calls_as("admin")
    made = call("POST", "teams", {"slug": "core", "name": "Core", "monthly_spend_usd": "12.5"})
    edited = call("PATCH", "teams/core", {"name": "Core team", "max_parallel": 4, "daily_spend_usd": 0.000000001})

    assert (made.status_code, made.json()["monthly_spend_usd"], made.json()["spend"]["month_usd"]) == (
        201,
        "12.50",
        "0.00",
    )
    assert {name: edited.json()[name] for name in ("name", "max_parallel", "daily_spend_usd", "monthly_spend_usd")} == {
        "name": "Core team",
        "max_parallel": 4,
        "daily_spend_usd": "0.000000001",
        "monthly_spend_usd": "12.50",
    }
    assert load_snapshot().config.teams["core"].daily_spend_nusd == 1
    assert call("DELETE", "teams/core").status_code == 204
    assert "core" not in load_snapshot().config.teams
    assert error_of(call("PATCH", "teams/core", {"name": "x"}))["code"] == "not_found"
    assert error_of(call("POST", "teams", {"slug": "core"}))["details"][0]["code"] == "taken"
    actions = list(AuditEvent.objects.order_by("id").values_list("action", "subject"))
    assert actions == [(name, "team:core") for name in ("add_team", "edit_team", "archive_team")]


def test_a_team_with_open_keys_is_not_archived() -> None:
    team = a_team(slug="core")
    a_key(team=team)
    answer = calls_as("admin")("DELETE", "teams/core")

    assert (answer.status_code, error_of(answer)["details"][0]["code"]) == (422, "in_use")
    assert Team.objects.get(slug="core").archived_at is None


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"daily_spend_usd": "1e3000"}, "daily_spend_usd", "bad_amount"),
        ({"daily_spend_usd": "-1"}, "daily_spend_usd", "bad_amount"),
        ({"monthly_spend_usd": "5,50"}, "monthly_spend_usd", "bad_amount"),
        ({"monthly_spend_usd": "0.0000000001"}, "monthly_spend_usd", "bad_amount"),
        ({"monthly_spend_usd": "9999999"}, "monthly_spend_usd", "out_of_range"),
        ({"requests_per_minute": 0}, "requests_per_minute", "min_value"),
        ({"tokens_per_minute": 10**12}, "tokens_per_minute", "max_value"),
        ({"max_parallel": "many"}, "max_parallel", "invalid"),
        ({"name": "n" * 101}, "name", "max_length"),
        ({"budget": 3}, "budget", "unknown_field"),
    ],
)
def test_a_bad_limit_is_named_and_nothing_is_written(fields: dict[str, Any], path: str, code: str) -> None:
    a_team(slug="core", name="Core")
    answer = calls_as("admin")("PATCH", "teams/core", fields)

    detail = error_of(answer)["details"][0]
    assert answer.status_code == 422
    assert detail["path"] == path
    assert code in ("", detail["code"])
    assert Team.objects.get(slug="core").name == "Core"
    assert not AuditEvent.objects.exists()


def test_an_end_user_is_kept_as_a_hash_and_shown_by_its_label() -> None:
    call = calls_as("admin")
    made = call("POST", "end-users", {"user": "ada@example.org", "label": "Ada", "daily_spend_usd": "1"})
    row = EndUserAllowance.objects.get()

    assert row.user_hash == hash_user("ada@example.org")
    assert (made.status_code, made.json()["label"], made.json()["is_everyone"]) == (201, "Ada", False)
    for text in (made.content.decode(), str(list(AuditEvent.objects.values()))):
        assert "ada@example.org" not in text
        assert row.user_hash not in text
    assert load_snapshot().config.users[row.user_hash].daily_spend_nusd == 10**9


def test_limits_for_everyone_and_for_one_are_changed_and_taken_away() -> None:
    call = calls_as("admin")
    everyone = call("POST", "end-users", {"user": "*", "requests_per_minute": 10}).json()
    one = call("POST", "end-users", {"user": "ada", "max_parallel": 2}).json()
    again = call("POST", "end-users", {"user": "ada", "tokens_per_minute": 900}).json()
    edited = call("PATCH", f"end-users/{one['id']}", {"tokens_per_minute": None, "label": "Ada"}).json()

    assert everyone["is_everyone"]
    assert (again["id"], again["max_parallel"], again["tokens_per_minute"]) == (one["id"], None, 900)
    assert (edited["tokens_per_minute"], edited["label"]) == (None, "Ada")
    assert call("DELETE", f"end-users/{one['id']}").status_code == 204
    assert call("GET", f"end-users/{one['id']}").status_code == 404
    assert [row["is_everyone"] for row in call("GET", "end-users").json()["data"]] == [True]


@pytest.mark.parametrize("user", ["", "x" * 513])
def test_a_user_nobody_could_send_is_refused(user: str) -> None:
    answer = calls_as("admin")("POST", "end-users", {"user": user})

    assert answer.status_code == 422
    assert error_of(answer)["details"][0]["path"] == "user"


def test_what_an_end_user_spent_this_month_stands_beside_its_limits() -> None:
    import time

    row = EndUserAllowance.objects.create(user_hash=hash_user("ada"), monthly_spend_nusd=10**9)
    now_ms = time.time_ns() // 1_000_000
    for cost in (5, None):
        a_request(user_hash=row.user_hash, cost_nusd=cost, at_ms=now_ms)
    a_request(user_hash=row.user_hash, cost_nusd=1_000, at_ms=now_ms, origin="sample")
    spend = calls_as("admin")("GET", f"end-users/{row.pk}").json()["spend"]

    assert (spend["month_usd"], spend["requests"], spend["unpriced"]) == ("0.000000005", 2, 1)
    assert spend["day_held_usd"] is None


def test_exact_limits_are_in_the_configuration_only_where_they_are_exact() -> None:
    call = calls_as("admin")
    call("POST", "teams", {"slug": "core", "name": "Core", "max_parallel": 4})
    before = load_snapshot().config
    refused = call("PATCH", "teams/core", {"is_exact": "perhaps"})
    edited = call("PATCH", "teams/core", {"is_exact": True})
    exact = load_snapshot().config
    call("PATCH", "teams/core", {"is_exact": False})

    assert error_of(refused)["details"][0]["path"] == "is_exact"
    assert (edited.status_code, edited.json()["is_exact"]) == (200, True)
    assert exact.teams["core"].is_exact
    # Documents of configurations without it are what they were before it could be said.
    assert load_snapshot().config.revision == before.revision != exact.revision
