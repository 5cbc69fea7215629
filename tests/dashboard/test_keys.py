"""Keys: shown once, never again; bad input loses nothing; revoking asks first."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from routerapp.models import APIKey
from routerapp.store.keys import is_held_by, parse_key
from tests.factories import a_deployment, a_key, a_policy, a_team

NEW = reverse("dashboard:key-create")
KEY = re.compile(r"sb_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def test_a_new_key_is_shown_once_and_is_the_one_that_was_stored(admin):
    a_deployment(region="eu")
    a_policy(slug="support")
    a_team(slug="legal")
    given = {
        "name": "Legal desk",
        "team": "legal",
        "scopes": ["chat", "policy:pin"],
        "default_policy": "support",
        "requests_per_minute": "60",
        "daily_spend_usd": "2.50",
        "constraints.regions": ["eu"],
        "constraints.max_cost_usd": "0.02",
    }
    page = admin.post(NEW, given).content.decode()

    row = APIKey.objects.get()
    shown = parse_key(KEY.search(page).group())
    assert is_held_by(shown, row.key_hash)
    assert row.daily_spend_nusd == 2_500_000_000
    assert row.constraints_document == {"regions": ["eu"], "max_cost_usd": 0.02}
    assert "curl" in page
    assert not KEY.search(admin.get(reverse("dashboard:key-list")).content.decode())


def test_the_page_with_the_key_is_never_cached(admin):
    response = admin.post(NEW, {"name": "x", "scopes": ["chat"]})

    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("daily_spend_usd", "lots"),
        ("requests_per_minute", "-3"),
        ("expires_at", "2001-01-01T00:00"),
        ("scopes", "everything"),
        ("name", ""),
    ],
)
def test_wrong_input_is_said_at_its_field_and_the_rest_is_kept(admin, field, value):
    given = {"name": "<b>mine</b>", "scopes": ["chat"], "daily_spend_usd": "1.25"} | {field: value}
    response = admin.post(NEW, given)
    page = response.content.decode()

    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert "<b>mine</b>" not in page
    assert field == "daily_spend_usd" or 'value="1.25"' in page
    assert not APIKey.objects.exists()


def test_a_wrong_constraint_is_said_at_its_field(admin):
    response = admin.post(NEW, {"name": "x", "scopes": ["chat"], "constraints.min_quality": "7"})

    assert response.status_code == 422
    assert any(one.problems for one in response.context["constraints"].limits)


def test_revoking_asks_and_then_holds(admin):
    key = a_key(name="Old app")
    url = reverse("dashboard:key-revoke", args=[key.slug])

    assert "Revoke “Old app”?" in admin.get(url).content.decode()
    admin.post(url, {"reason": "gone"})

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert (
        "Old app" not in admin.get(reverse("dashboard:key-list"), {"revoked": "0"}).content.decode().split("toasts")[0]
    )
    assert "Old app" in admin.get(reverse("dashboard:key-list"), {"revoked": "1"}).content.decode()


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_reach_keys(signed_in, role):
    key = a_key()
    client = signed_in(role)

    assert client.get(reverse("dashboard:key-list")).status_code == 403
    assert client.post(NEW, {"name": "x", "scopes": ["chat"]}).status_code == 403
    assert client.post(reverse("dashboard:key-revoke", args=[key.slug])).status_code == 403
