"""Every route × every form in which a credential can be shown: what one form may not do, no other form may either (T7, T11).

The table of who may do what is tests/api/test_role_matrix.py's; here a key is shown in all the ways people and attackers try.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from routerapp.models import APIKey
from routerapp.serving.permissions import RANK
from tests.api.callers import SCOPE_OF_ROLE, maker
from tests.api.test_role_matrix import CASES, MATRIX, path_of
from tests.factories import a_draft, a_key, a_policy
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_key as a_gateway_key
from tests.runtimes import a_snapshot

LONG_AGO = dt.timedelta(days=1)


def the_key(role: str, **fields: Any) -> APIKey:
    return a_key(scopes=["chat", SCOPE_OF_ROLE[role]], created_by=maker(), **fields)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def cut(key: str) -> str:
    """Another key that shares its first forty characters (T8)."""
    return key[:40] + "".join("a" if letter != "a" else "b" for letter in key[40:])


# form → (headers, query string) for a key; none of these is the one way, so none may let anybody in.
NO_WAY_IN: dict[str, Any] = {
    "basic, as a password": lambda key: ({"authorization": basic(f"admin:{key}")}, ""),
    "basic, as a user": lambda key: ({"authorization": basic(f"{key}:")}, ""),
    "no scheme": lambda key: ({"authorization": key}, ""),
    "another scheme": lambda key: ({"authorization": f"Token {key}"}, ""),
    "twice": lambda key: ({"authorization": f"Bearer {key}, Bearer {key}"}, ""),
    "with a second one behind": lambda key: ({"authorization": f"Bearer {key} {key}"}, ""),
    "cut and another end": lambda key: ({"authorization": f"Bearer {cut(key)}"}, ""),
    "in capitals": lambda key: ({"authorization": f"Bearer {key.upper()}"}, ""),
    "query string": lambda key: ({}, f"?api_key={key}&access_token={key}&key={key}&token={key}"),
    "cookie": lambda key: ({"cookie": f"signalbox={key}; authorization=Bearer {key}; api_key={key}"}, ""),
    "proxy header": lambda key: ({"proxy-authorization": f"Bearer {key}"}, ""),
    "forwarded user": lambda key: ({"remote-user": "admin", "x-remote-user": "admin", "x-forwarded-user": key}, ""),
    "api-key": lambda key: ({"api-key": key}, ""),
    "a rewritten address": lambda key: ({"x-original-url": "/api/docs/", "x-rewrite-url": "/api/docs/"}, f"?k={key}"),
}
THE_WAY = {
    "as documented": "Bearer {}",
    "lower case": "bearer {}",
    "upper case": "BEARER {}",
    "with more spaces": "Bearer   {}",
}


def send(method: str, path: str, headers: dict[str, str], query: str = "") -> Any:
    body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
    return Client(raise_request_exception=False).generic(
        method, f"/api/{path}{query}", body, content_type="application/json", headers=headers
    )


@pytest.mark.django_db
@pytest.mark.parametrize("form", NO_WAY_IN)
def test_an_admins_key_shown_any_other_way_opens_no_route(form):
    key = the_key("admin").full_key
    headers, query = NO_WAY_IN[form](key)
    found = {
        (name, method): answer.status_code
        for name, method in CASES
        if (answer := send(method, path_of(name), headers, query)).status_code != 401
    }

    # A method a route does not have is refused before or after the question who asks.
    assert {case: status for case, status in found.items() if MATRIX[case[0]].get(case[1])} == {}
    assert set(found.values()) <= {405}


@pytest.mark.django_db
@pytest.mark.parametrize("form", [*THE_WAY, "x-api-key beside it"])
@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_a_key_gets_no_further_in_any_spelling(form, role):
    a_draft(a_policy(slug="support"))
    key, admin = the_key(role).full_key, the_key("admin").full_key
    headers = {"authorization": THE_WAY.get(form, "Bearer {}").format(key)}
    if form not in THE_WAY:
        headers["x-api-key"] = admin
    wrong = {}
    for name, method in CASES:
        least = MATRIX[name].get(method)
        if least is not None and RANK[role] < RANK[least]:
            status = send(method, path_of(name), headers).status_code
            wrong |= {} if status == 403 else {(name, method): status}

    assert wrong == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": timezone.now() - LONG_AGO},
        {"expires_at": timezone.now() - LONG_AGO},
        {"revoked_at": timezone.now() - LONG_AGO, "expires_at": timezone.now() + LONG_AGO},
    ],
    ids=["revoked", "expired", "revoked but not expired"],
)
def test_a_key_that_has_ended_opens_no_route(ended):
    headers = {"authorization": f"Bearer {the_key('admin', **ended).full_key}"}
    found = {
        case: send(case[1], path_of(case[0]), headers).status_code for case in CASES if MATRIX[case[0]].get(case[1])
    }

    assert set(found.values()) == {401}


@pytest.mark.django_db
def test_a_key_ends_with_its_makers_rights():
    """T10: whoever is demoted takes the keys they made along."""
    key = the_key("admin")
    headers = {"authorization": f"Bearer {key.full_key}"}
    assert send("GET", "audit", headers).status_code == 200
    person = maker()
    person.role = "viewer"
    person.save()

    wider = [case for case in CASES if RANK[MATRIX[case[0]].get(case[1]) or "viewer"] > RANK["viewer"]]
    assert {send(method, path_of(name), headers).status_code for name, method in wider} == {403}


@pytest.mark.django_db
def test_a_signed_in_admins_session_opens_no_route_of_the_api():
    client = Client(raise_request_exception=False)
    client.force_login(maker(), backend="django.contrib.auth.backends.ModelBackend")
    found = {
        client.generic(method, f"/api/{path_of(name)}", b"{}", content_type="application/json").status_code
        for name, method in CASES
        if MATRIX[name].get(method)
    }

    assert found == {401}


# The gateway's own routes.
GATEWAY = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/v1/models"),
    ("POST", "/v1/router/route"),
    ("POST", "/api/route"),
    ("GET", "/v1/router/decisions/0193b000-0000-7000-8000-000000000001"),
    ("POST", "/v1/feedback"),
]
EXPIRED, NO_SCOPE = a_gateway_key(), a_gateway_key()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Running]:
    def make_snapshot(keys):
        snapshot = a_snapshot(keys={**keys, "reader": NO_SCOPE}, callers={"reader": {"scopes": ["read"]}})
        return snapshot

    with running_gateway(tmp_path_factory.mktemp("forms"), make_snapshot) as running:
        yield running


def ask(gateway: Running, method: str, path: str, headers: dict[str, str], query: str = "") -> int:
    with gateway.client() as client:
        del client.headers["authorization"]
        return client.request(
            method, path + query, headers=headers, **({"json": {}} if method == "POST" else {})
        ).status_code


def test_every_route_of_the_gateway_is_listed():
    from routerapp.gateway.app import DECISIONS, ENDPOINTS

    listed = {path if not path.startswith(DECISIONS) else DECISIONS for _, path in GATEWAY}
    open_to_scrapers = {"/metrics"}
    assert {*ENDPOINTS, DECISIONS} - open_to_scrapers == {
        *listed,
        *(path for path in ENDPOINTS if path.startswith("/v1/models/")),
    }


@pytest.mark.parametrize("form", NO_WAY_IN)
def test_the_gateway_takes_a_key_no_other_way(gateway, form):
    headers, query = NO_WAY_IN[form](gateway.key.full)

    assert {ask(gateway, method, path, headers, query) for method, path in GATEWAY} == {401}


@pytest.mark.parametrize("form", [*THE_WAY, "x-api-key"])
def test_the_gateway_takes_a_good_key_in_each_documented_form(gateway, form):
    key = gateway.key.full
    headers = {"x-api-key": key} if form == "x-api-key" else {"authorization": THE_WAY[form].format(key)}

    assert 401 not in {ask(gateway, method, path, headers) for method, path in GATEWAY}


def test_what_a_key_may_not_do_it_may_not_do_in_the_other_form_either(gateway):
    chats = [(method, path) for method, path in GATEWAY if "decisions" not in path]
    for headers in ({"authorization": f"Bearer {NO_SCOPE.full}"}, {"x-api-key": NO_SCOPE.full}):
        assert {ask(gateway, method, path, headers) for method, path in chats} == {403}


def test_a_bad_key_is_not_rescued_by_a_good_one_in_the_other_header(gateway):
    headers = {"authorization": f"Bearer {EXPIRED.full}", "x-api-key": gateway.key.full}

    assert {ask(gateway, method, path, headers) for method, path in GATEWAY} == {401}
