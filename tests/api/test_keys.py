import pytest

from routerapp.models import APIKey, User
from routerapp.store.keys import parse_key
from tests.api.callers import Caller, calls_as, codes_of
from tests.factories import a_user

pytestmark = pytest.mark.django_db


def test_a_key_is_shown_once_works_and_is_revoked() -> None:
    call = calls_as("admin")
    made = call("POST", "keys", {"name": "Reports", "scopes": ["read"], "daily_spend_usd": "2.5"}).json()
    child = Caller(None)
    header = f"Bearer {made['key']}"

    assert parse_key(made["key"]) is not None
    assert made["daily_spend_usd"] == "2.50"
    assert child("GET", "policies", authorization=header).status_code == 200
    assert made["key"] not in call("GET", "keys").content.decode()
    assert "key_hash" not in call("GET", "keys/reports").json()
    assert call("POST", "keys/reports/revoke", {"reason": "done"}).json()["revoked_at"] is not None
    assert child("GET", "policies", authorization=header).status_code == 401
    assert call("POST", "keys/reports/revoke", {}).status_code == 404


@pytest.mark.parametrize("scopes", [["chat"], ["admin"], ["read", "publish"]])
@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_no_lower_role_mints_any_key(role: str, scopes: list[str]) -> None:
    caller = calls_as(role)

    assert caller("POST", "keys", {"name": "Mine", "scopes": scopes}).status_code == 403
    assert APIKey.objects.count() == 1


def test_a_child_key_falls_with_its_makers_role() -> None:
    a_user(role="admin")
    made = calls_as("admin")("POST", "keys", {"name": "Child", "scopes": ["admin"]}).json()
    header = f"Bearer {made['key']}"
    User.objects.filter(username="maker").update(role="viewer")

    assert Caller(None)("GET", "keys", authorization=header).status_code == 403
    assert Caller(None)("GET", "policies", authorization=header).status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"scopes": ["chat"]}, "name"),
        ({"name": "k"}, "scopes"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes"),
        ({"name": "k", "scopes": ["chat"], "constraints": {"nonsense": 1}}, "constraints.nonsense"),
        ({"name": "k", "scopes": ["chat"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "scopes": ["chat"], "expires_at": "soon"}, "expires_at"),
        ({"name": "k", "scopes": ["chat"], "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "k", "scopes": ["chat"], "default_policy": "gone"}, "default_policy"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(body: dict[str, object], path: str) -> None:
    answer = calls_as("admin")("POST", "keys", body)

    assert (answer.status_code, list(codes_of(answer))) == (422, [path])


def test_limits_can_be_changed_and_taken_off() -> None:
    call = calls_as("admin")
    call("POST", "keys", {"name": "k", "scopes": ["chat"], "requests_per_minute": 5, "daily_spend_usd": "1"})

    changed = call("PATCH", "keys/k", {"requests_per_minute": None, "constraints": {"regions": ["eu"]}}).json()

    assert changed["requests_per_minute"] is None
    assert changed["constraints"] == {"regions": ["eu"]}
    assert changed["daily_spend_usd"] == "1.00"


def test_people_are_added_given_roles_and_locked_out() -> None:
    call = calls_as("admin")
    made = call("POST", "people", {"username": "grace", "role": "viewer"})

    assert made.status_code == 201
    assert User.objects.get(username="grace").check_password(made.json()["password"])
    assert call("PATCH", "people/grace", {"role": "editor"}).json()["role"] == "editor"
    assert call("DELETE", "people/grace").status_code == 204
    people = {one["username"]: one["is_active"] for one in call("GET", "people").json()["data"]}
    assert people == {"grace": False, "maker": True}
    assert codes_of(call("PATCH", "people/maker", {"role": "viewer"})) == {"": "last_admin"}
    assert codes_of(call("POST", "people", {"username": "x", "role": "viewer", "password": "short"})) == {
        "password": "weak_password"
    }
