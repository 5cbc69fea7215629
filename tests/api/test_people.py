"""/api/people, /api/invitations, /api/sign-in-settings: what the Users pages do, as JSON; a secret is in the answer to its making only."""

from __future__ import annotations

from typing import Any

import pytest

from routerapp.models import AuditEvent, SecondFactor, SignInSession, User
from tests.api.callers import calls_as, codes_of, error_of, maker
from tests.factories import a_team, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Any:
    return calls_as("admin")


def test_a_person_is_read_changed_locked_and_unlocked(call: Any) -> None:
    a_team(slug="legal")
    a_user("viewer", username="grace")

    changed = call("PATCH", "people/grace", {"role": "editor", "team": "legal", "email": "g@corp.example"}).json()
    assert (changed["role"], changed["team"], changed["email"]) == ("editor", "legal", "g@corp.example")
    locked = call("POST", "people/grace/lock", {"reason": "left"}).json()
    assert (locked["is_active"], locked["locked_at"] is not None) == (False, True)
    assert call("POST", "people/grace/unlock", {}).json()["is_active"]
    assert call("GET", "people/grace").json()["has_second_factor"] is False
    assert set(call("GET", "people").json()["data"][0]) == set(changed)
    assert AuditEvent.objects.get(action="lock_user").reason == "left"


def test_a_person_is_signed_out_everywhere(call: Any) -> None:
    from django.test import Client

    grace = a_user("viewer", username="grace")
    client = Client()
    client.force_login(grace, backend="django.contrib.auth.backends.ModelBackend")

    assert call("POST", "people/grace/sign-out", {}).json() == {"sessions": 1}
    assert not SignInSession.objects.exists()


def test_a_second_factor_is_reset_but_not_the_secret_told(call: Any) -> None:
    grace = a_user("viewer", username="grace")
    SecondFactor.objects.create(user=grace, ciphertext="the-ciphertext", confirmed_at=grace.date_joined)
    before = call("GET", "people/grace")
    after = call("POST", "people/grace/reset-second-factor", {"reason": "lost"})

    assert (before.json()["has_second_factor"], after.json()["has_second_factor"]) == (True, False)
    assert "the-ciphertext" not in before.content.decode() + after.content.decode()
    assert call("POST", "people/grace/reset-second-factor", {}).status_code == 422


def test_an_invitation_tells_its_link_once(call: Any) -> None:
    made = call("POST", "invitations", {"username": "grace", "role": "viewer"})
    listed = call("GET", "invitations")

    token = made.json()["link"].rstrip("/").rpartition("/")[2]
    assert (made.status_code, len(token) >= 43) == (201, True)
    assert token not in listed.content.decode() and "link" not in listed.json()["data"][0]
    assert call("DELETE", f"invitations/{made.json()['id']}").status_code == 204
    assert call("DELETE", f"invitations/{made.json()['id']}").status_code == 404
    assert call("GET", "invitations").json() == {"data": []}


def test_a_new_password_link_is_listed_as_one(call: Any) -> None:
    a_user("viewer", username="grace")

    assert call("POST", "people/grace/password-link", {}).status_code == 201
    assert call("GET", "invitations").json()["data"][0]["is_new_password"] is True


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "people/grace", {"role": "owner"}),
        ("PATCH", "people/grace", {"is_superuser": True}),
        ("PATCH", "people/grace", {"password": "x"}),
        ("PATCH", "people/grace", {"team": "nowhere"}),
        ("PATCH", "people/grace", {"email": "x"}),
        ("POST", "people/grace/lock", {"reason": "x" * 501}),
        ("POST", "people/grace/lock", {"because": "x"}),
        ("POST", "people/grace/unlock", {"x": 1}),
        ("POST", "invitations", {}),
        ("POST", "invitations", {"username": "grace", "role": "viewer"}),
        ("POST", "invitations", {"username": "..", "role": "viewer"}),
        ("POST", "invitations", {"username": "eve", "role": "viewer", "token_hash": "x"}),
        ("POST", "invitations", {"username": ["eve"], "role": "viewer"}),
        ("PATCH", "sign-in-settings", {"idle_hours": 0}),
        ("PATCH", "sign-in-settings", {"most_days": 10**9}),
        ("PATCH", "sign-in-settings", {"require_2fa": "perhaps"}),
        ("PATCH", "sign-in-settings", {"passwords": False}),
        ("PATCH", "sign-in-settings", {"x": 1}),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(call: Any, method: str, path: str, body: Any) -> None:
    a_user("viewer", username="grace")
    settings = call("GET", "sign-in-settings").json()
    answer = call(method, path, body)

    assert answer.status_code == 422
    assert codes_of(answer)
    grace = User.objects.get(username="grace")
    assert (grace.role, grace.is_active, grace.email) == ("viewer", True, "")
    assert call("GET", "sign-in-settings").json() == settings


@pytest.mark.parametrize(
    "path", ["people/nobody", "people/nobody/lock", "people/a%00b/unlock", "people/nobody/sign-out"]
)
def test_nobody_is_a_404(call: Any, path: str) -> None:
    method = "GET" if path.count("/") == 1 else "POST"

    assert error_of(call(method, path, {} if method == "POST" else None))["code"] == "not_found"


def test_a_key_whose_maker_is_locked_manages_nothing(call: Any) -> None:
    a_user(username="other")
    assert call("POST", f"people/{maker().username}/lock", {}).status_code == 200

    assert call("GET", "people").status_code == 403


def test_settings_are_changed_one_at_a_time(call: Any) -> None:
    assert call("PATCH", "sign-in-settings", {"require_2fa": True}).json() == {
        "require_2fa": True,
        "passwords": True,
        "idle_hours": 12,
        "most_days": 14,
    }
    assert call("PATCH", "sign-in-settings", {"idle_hours": 1}).json()["require_2fa"] is True
