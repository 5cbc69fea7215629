"""Keys and budgets: what was spent stands beside each limit; limits are set, changed and taken away; bad input loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.budget_bars import BudgetBar
from dashboard.ranges import now_ms
from routerapp.models import APIKey, EndUserAllowance, InstallationState, RequestRollup, Team, WorkerReport
from routerapp.serving.units import hash_user
from routerapp.store.rollups import REQUEST_SUMS, dimension_id
from tests.factories import a_key, a_team, a_user

pytestmark = pytest.mark.django_db
LIST = reverse("dashboard:key-list")
DAY_MS = 86_400_000


@pytest.fixture
def admin(signed_in: Any) -> Client:
    client: Client = signed_in("admin")
    return client


def spent_today(key: str, team: str, nusd: int, unpriced: int = 0) -> None:
    day = now_ms() // DAY_MS * DAY_MS
    where = ("live", "support", 1, "r", key, team, "code", "small", "ok")
    names = ("origin", "policy", "policy_version", "rule", "key", "team", "task", "language_model", "status")
    sums = dict.fromkeys(REQUEST_SUMS, 0) | {"n": 3 + unpriced, "cost_nusd": nusd, "unpriced_n": unpriced}
    RequestRollup.objects.create(
        id=dimension_id("request", "day", day, *where),
        granularity="day",
        starts_at_ms=day,
        **dict(zip(names, where, strict=True)),
        **sums,
    )


def text_of(client: Client, path: str = LIST) -> str:
    return " ".join(client.get(path).content.decode().split())


def test_spend_stands_beside_its_limit_and_unknown_is_said(admin: Client) -> None:
    team = a_team(slug="core", name="Core", monthly_spend_nusd=4 * 10**9)
    a_key(slug="app", name="App", team=team, daily_spend_nusd=2 * 10**9)
    spent_today("app", "core", 1_700_000_000, unpriced=2)
    page = text_of(admin)

    assert "$1.70 of $2.00" in page
    assert "nearly used up" in page
    assert "$1.70 of $4.00" in page
    assert "and 2 requests of unknown cost" in page


def test_what_running_requests_hold_is_shown_from_the_workers_own_books(admin: Client) -> None:
    a_key(slug="app", name="App", daily_spend_nusd=2 * 10**9, max_parallel=5)
    spent_today("app", "", 1)
    row = {"day_spent_nusd": 5 * 10**8, "day_held_nusd": 10**9, "in_flight": 3}
    row |= {"month_spent_nusd": 0, "month_held_nusd": 0, "requests": 0, "tokens": 0}
    WorkerReport.objects.create(worker="w", reported_at=timezone.now(), serial=1, state={"callers": {"key:app": row}})
    page = text_of(admin)

    assert "$0.50 of $2.00" in page
    assert "and $1.00 held by running requests" in page
    assert "(3 now)" in page
    WorkerReport.objects.update(reported_at=timezone.now() - timedelta(minutes=1))
    assert "held by running requests" not in text_of(admin)


@pytest.mark.parametrize(
    ("spent", "held", "limit", "expected"),
    [
        (0, 0, 100, (0, 0, "ok", "")),
        (50, 20, 100, (50, 20, "ok", "")),
        (80, 0, 100, (80, 0, "warn", "nearly used up")),
        (90, 30, 100, (90, 10, "bad", "used up")),
        (900, 0, 100, (100, 0, "bad", "used up")),
        (0, 0, 0, (100, 0, "bad", "used up")),
        (5, 0, None, (0, 0, "", "")),
    ],
)
def test_a_bar_never_leaves_its_frame(spent: int, held: int, limit: int | None, expected: tuple[Any, ...]) -> None:
    bar = BudgetBar(spent, limit, held, 0)

    assert (bar.percent, bar.held_percent, bar.tone, bar.word) == expected


def test_empty_sections_say_what_to_do_next(admin: Client) -> None:
    page = text_of(admin)

    for words in ("Make the first key", "Make a team", "Limit everyone"):
        assert words in page


def test_a_keys_limits_are_changed_and_taken_off_without_showing_the_key(admin: Client) -> None:
    key = a_key(slug="app", name="App", requests_per_minute=5, constraints_document={"residency": [["eu"], ["de"]]})
    path = reverse("dashboard:key-edit", args=["app"])
    page = admin.get(path).content.decode()
    given = {"name": "App 2", "daily_spend_usd": "$1.000000001", "tokens_per_minute": "9000", "requests_per_minute": ""}
    response = admin.post(path, given)

    row = APIKey.objects.get(slug="app")
    assert response.status_code == 302
    assert key.full_key not in page
    assert (row.name, row.daily_spend_nusd, row.tokens_per_minute, row.requests_per_minute) == (
        "App 2",
        1_000_000_001,
        9_000,
        None,
    )
    assert row.constraints_document == {"residency": [["eu"], ["de"]]}
    assert "1.000000001" in admin.get(path).content.decode()


def test_a_keys_expiry_in_the_past_does_not_stop_other_changes(admin: Client) -> None:
    a_key(slug="app", name="App", expires_at=timezone.now() - timedelta(days=1))
    path = reverse("dashboard:key-edit", args=["app"])
    form = admin.get(path).context["form"]
    response = admin.post(
        path, {"name": "Renamed", "expires_at": form["expires_at"].value().strftime("%Y-%m-%dT%H:%M")}
    )

    assert response.status_code == 302
    assert APIKey.objects.get().name == "Renamed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("daily_spend_usd", "a lot"),
        ("monthly_spend_usd", "-3"),
        ("monthly_spend_usd", "1,50"),
        ("daily_spend_usd", "0.0000000001"),
        ("requests_per_minute", "0"),
        ("tokens_per_minute", "1e9"),
        ("max_parallel", "999999999999"),
    ],
)
@pytest.mark.parametrize("kind", ["key", "team", "user"])
def test_a_bad_limit_comes_back_with_the_form_and_what_was_typed(
    admin: Client, kind: str, field: str, value: str
) -> None:
    a_key(slug="app", name="App")
    a_team(slug="core", name="Core")
    user = EndUserAllowance.objects.create(user_hash="*")
    paths = {
        "key": reverse("dashboard:key-edit", args=["app"]),
        "team": reverse("dashboard:team-edit", args=["core"]),
        "user": reverse("dashboard:end-user-edit", args=[user.pk]),
    }
    response = admin.post(paths[kind], {"name": "Changed", "label": "Changed", field: value})

    assert response.status_code == 422
    assert f'value="{value}"' in response.content.decode()
    assert 'class="error"' in response.content.decode()
    assert APIKey.objects.get().name == "App"
    assert Team.objects.get().name == "Core"
    assert EndUserAllowance.objects.get().label == ""


def test_a_team_is_made_edited_and_archived(admin: Client) -> None:
    made = admin.post(reverse("dashboard:team-create"), {"name": "Core", "slug": "core", "monthly_spend_usd": "20"})
    admin.post(reverse("dashboard:team-edit", args=["core"]), {"name": "Core 2", "max_parallel": "3"})
    team = Team.objects.get()
    assert (made.status_code, team.name, team.monthly_spend_nusd, team.max_parallel) == (302, "Core 2", None, 3)
    a_user(team=team)
    path = reverse("dashboard:team-archive", args=["core"])
    assert "Archive team “Core 2”?" in admin.get(path).content.decode()
    refused = admin.post(path, follow=True).content.decode()
    assert "API keys 0, people 1" in refused
    team.user_set.update(team=None)
    admin.post(path)

    assert Team.objects.get().archived_at is not None
    assert '<option value="core"' not in text_of(admin, reverse("dashboard:key-create"))


def test_an_end_user_is_limited_by_what_callers_send_and_stored_as_a_hash(admin: Client) -> None:
    path = reverse("dashboard:end-user-create")
    admin.post(path, {"user": "ada@example.org", "label": "Ada", "daily_spend_usd": "1"})
    row = EndUserAllowance.objects.get()
    page = text_of(admin)

    assert row.user_hash == hash_user("ada@example.org")
    assert "Ada" in page
    assert "ada@example.org" not in page
    admin.post(reverse("dashboard:end-user-remove", args=[row.pk]))
    assert not EndUserAllowance.objects.exists()


def test_limits_for_everyone_say_that_they_are_each_ones_own(admin: Client) -> None:
    admin.post(reverse("dashboard:end-user-create"), {"user": "*", "daily_spend_usd": "0.5"})
    page = text_of(admin)

    assert "each user without limits of its own" in page
    assert "up to $0.50 each" in page


def test_models_without_a_price_are_let_through_or_not(admin: Client) -> None:
    path = reverse("dashboard:unpriced-set")
    admin.post(path, {"unpriced": "allow"})
    assert InstallationState.objects.get().settings["unpriced_under_budget"] == "allow"
    answer = admin.post(path, {"unpriced": "perhaps"}, follow=True).content.decode()

    assert "One of: refuse, allow." in answer
    assert InstallationState.objects.get().settings["unpriced_under_budget"] == "allow"


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_see_and_change_limits(signed_in: Any, role: str) -> None:
    client = signed_in(role)
    paths = [LIST, *map(reverse, ("dashboard:team-create", "dashboard:end-user-create"))]

    assert {client.get(path).status_code for path in paths} == {403}
