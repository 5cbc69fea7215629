"""Every route × every form in which a credential can be shown: what one form may not do, no other form may either (T7, T11).

The table of who may do what is tests/api/test_role_matrix.py's; here a key is shown in all the ways people and attackers try.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from routerapp.gateway.authenticate import READS_ALL_DECISIONS as MANAGING
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
        if MATRIX[name].get(method) and (answer := send(method, path_of(name), headers, query)).status_code != 401
    }

    assert found == {}


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
@pytest.mark.django_db
def test_a_locked_persons_keys_open_no_route():
    headers = {"authorization": f"Bearer {the_key('admin').full_key}"}
    person = maker()
    person.is_active = False
    person.save()
    found = {
        case: send(case[1], path_of(case[0]), headers).status_code for case in CASES if MATRIX[case[0]].get(case[1])
    }

    assert set(found.values()) == {403}


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
UNKNOWN, EXPIRED = a_gateway_key(), a_gateway_key()
# What a key may on the gateway hangs on its scopes alone: chat for calls, a managing one for others' decisions.
SCOPES = ("chat", "read", "edit", "publish", "admin", "policy:pin")
KEY_WITH = {scope: a_gateway_key() for scope in SCOPES}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Running]:
    def make_snapshot(keys):
        scoped = {f"with-{scope.replace(':', '-')}": scope for scope in SCOPES}
        snapshot = a_snapshot(
            keys={**keys, "expired": EXPIRED, **{name: KEY_WITH[scope] for name, scope in scoped.items()}},
            callers={name: {"scopes": [scope]} for name, scope in scoped.items()},
        )
        ended = replace(snapshot.keys[EXPIRED.prefix], expires_at_ms=1)
        return replace(snapshot, keys={**snapshot.keys, EXPIRED.prefix: ended})

    with running_gateway(tmp_path_factory.mktemp("forms"), make_snapshot) as running:
        yield running


def ask(gateway: Running, method: str, path: str, headers: dict[str, str], query: str = "") -> int:
    body = {"json": {}} if method == "POST" else {}
    # There is no TLS here, and reading trust anchors takes longer than all the rest.
    return httpx.request(
        method, gateway.url + path + query, headers=headers, trust_env=False, verify=False, **body
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


@pytest.mark.parametrize("scope", SCOPES)
def test_what_a_key_may_not_do_it_may_not_do_in_the_other_form_either(gateway, scope):
    key = KEY_WITH[scope].full
    chats = [(method, path) for method, path in GATEWAY if "decisions" not in path]
    for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
        found = {ask(gateway, method, path, headers) for method, path in chats}

        assert (found == {403}) == (scope != "chat"), found
        assert scope != "chat" or not found & {401, 403}


@pytest.mark.parametrize("key", [UNKNOWN, EXPIRED], ids=["unknown or revoked", "expired"])
def test_a_key_that_has_ended_opens_no_route_of_the_gateway(gateway, key):
    for headers in ({"authorization": f"Bearer {key.full}"}, {"x-api-key": key.full}):
        assert {ask(gateway, method, path, headers) for method, path in GATEWAY} == {401}


METRICS_TOKEN = "a-token-for-scrapers"
# /metrics: who → (headers, what they get while a token is set).
SCRAPERS: dict[str, tuple[dict[str, str], int]] = {
    "nobody": ({}, 401),
    "token": ({"authorization": f"Bearer {METRICS_TOKEN}"}, 200),
    "token as x-api-key": ({"x-api-key": METRICS_TOKEN}, 401),
    "token as a password": ({"authorization": basic(f"metrics:{METRICS_TOKEN}")}, 401),
    "token as a cookie": ({"cookie": f"token={METRICS_TOKEN}"}, 401),
    "no key": ({"authorization": f"Bearer {UNKNOWN.full}"}, 401),
    "expired": ({"authorization": f"Bearer {EXPIRED.full}"}, 401),
    **{
        f"{scope} as {form}": ({name: text.format(KEY_WITH[scope].full)}, 200 if scope in MANAGING else 403)
        for scope in SCOPES
        for form, name, text in (("bearer", "authorization", "Bearer {}"), ("x-api-key", "x-api-key", "{}"))
    },
}


@pytest.mark.parametrize("who", SCRAPERS)
def test_metrics_are_for_the_token_and_for_keys_that_manage(gateway, monkeypatch, who):
    monkeypatch.setattr(gateway.runtime, "metrics_token", METRICS_TOKEN)
    headers, status = SCRAPERS[who]

    assert ask(gateway, "GET", "/metrics", headers) == status
    assert ask(gateway, "GET", "/metrics", {}, f"?token={METRICS_TOKEN}&api_key={KEY_WITH['admin'].full}") == 401


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_open_and_says_the_same_to_everybody(gateway, path):
    """Who asks makes no difference, so a bad credential must not either (orchestrators send none)."""
    answers = {
        httpx.get(gateway.url + path, headers=headers, trust_env=False, verify=False).text
        for headers, _ in SCRAPERS.values()
    }

    assert len(answers) == 1


def test_a_bad_key_is_not_rescued_by_a_good_one_in_the_other_header(gateway):
    headers = {"authorization": f"Bearer {UNKNOWN.full}", "x-api-key": gateway.key.full}

    assert {ask(gateway, method, path, headers) for method, path in GATEWAY} == {401}
