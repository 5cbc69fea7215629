"""Requests meant to break something, at all three doors (gateway, management API, pages): answered plainly, and nothing is let through.

T1 injection and odd bytes in credentials and queries, T6 odd hosts, T20 wildcards, T21 multipart, T24 odd names, T25 every way of calling.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import Client

from routerapp.models import APIKey
from tests.api.callers import calls_as
from tests.api.test_role_matrix import CASES, path_of
from tests.dashboard.conftest import _static_files_without_manifest as _static_files_without_manifest
from tests.factories import a_draft, a_key, a_policy, a_user
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_snapshot
from tests.runtimes import a_policy as a_document
from tests.security.test_page_matrix import ADDRESSES

INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE routerapp_apikey; --",
    '" UNION SELECT key_hash FROM routerapp_apikey --',
    "sb_live_' OR 1=1 --",
    "admin'/*",
    "\\' OR 1=1 --",
    "%27%20OR%201%3D1",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "{0.__class__.__mro__}",
    "%s%s%s%n",
    "../../../../etc/passwd",
    "\x7f\x01\x02",
    "é\u202e\u0000",
    "-1",
    "9" * 400,
    "a" * 20_000,
    "%" * 200,
    "_%" * 100,
]
PARAMETERS = ("q", "sort", "page", "after", "limit", "range", "status", "policy", "model", "key", "order", "since")


def headers_of(text: str) -> list[dict[bytes, bytes]]:
    raw = text.encode("utf-8").replace(b"\0", b"%00")[:8_000]
    return [{b"authorization": b"Bearer " + raw}, {b"x-api-key": raw}, {b"authorization": raw}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Running]:
    def make_snapshot(keys):
        rules = [{"id": "r1", "name": "spam", "when": {"field": "text", "op": "contains", "value": "crypto"}}]
        rules[0]["use"] = {"reject": "Not served."}
        return a_snapshot(keys=keys, deployments=[a_deployment("d")], policies=[a_document(rules=rules)])

    with running_gateway(tmp_path_factory.mktemp("hostile"), make_snapshot) as running:
        yield running


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_hostile_credential_is_a_401_at_the_gateway(gateway, text):
    with httpx.Client(base_url=gateway.url, trust_env=False, verify=False) as client:
        for headers in headers_of(text):
            began = time.process_time()
            try:
                answer = client.get("/v1/models", headers=headers)
            except httpx.LocalProtocolError:
                continue
            assert answer.status_code in (400, 401), answer.text
            assert time.process_time() - began < 1


@pytest.mark.django_db
def test_a_hostile_credential_or_query_is_never_a_500_of_the_management_api():
    a_draft(a_policy(slug="support"))
    keys = APIKey.objects.count()
    call, wrong = calls_as("admin"), {}
    for text in INJECTIONS:
        for scheme in ("Bearer ", ""):
            answer = call("GET", "policies", authorization=scheme + text.encode().decode("latin-1"))
            wrong |= {} if answer.status_code == 401 else {text: answer.status_code}
    reads = [path_of(name) for name, method in CASES if method == "GET"]
    for number, path in enumerate(reads):
        for parameter in PARAMETERS:
            text = INJECTIONS[(number + len(parameter)) % len(INJECTIONS)][:6_000]
            answer = call._client.get(
                f"/api/{path}", {parameter: text}, headers={"authorization": f"Bearer {call.key.full_key}"}
            )
            wrong |= {} if answer.status_code < 500 else {(path, parameter, text): answer.status_code}

    assert wrong == {}
    assert APIKey.objects.count() == keys + 1


@pytest.mark.django_db
def test_a_hostile_query_is_never_a_500_of_a_page_and_never_slow():
    a_draft(a_policy(slug="support"))
    client, wrong = Client(raise_request_exception=False), {}
    client.force_login(a_user("admin"), backend="django.contrib.auth.backends.ModelBackend")
    shown = [address for name, address in ADDRESSES.items() if "download" not in name]
    for number, address in enumerate(shown):
        texts = {
            name: INJECTIONS[(number * 5 + place) % len(INJECTIONS)][:2_000] for place, name in enumerate(PARAMETERS)
        }
        began = time.process_time()
        answer = client.get(address, texts)
        took = time.process_time() - began
        if answer.status_code >= 500 or took > 5:
            wrong[address] = (answer.status_code, took)

    assert wrong == {}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/search/?q=", "/requests/?q=", "/audit/?q=", "/policies/?q=", "/keys/?q="])
def test_two_hundred_wildcards_are_letters_like_any_others(address):
    client = Client()
    client.force_login(a_user("admin"), backend="django.contrib.auth.backends.ModelBackend")
    names = [a_policy(slug=f"wild-{number}").slug for number in range(30)]
    began = time.process_time()
    answer = client.get(address + "%25" * 200)
    took = time.process_time() - began

    assert (answer.status_code < 500, took < 1) == (True, True)
    assert address != "/search/?q=" or not [name for name in names if name in answer.text]


HOSTS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1#@evil.example",
    "localhost/#@evil.example",
    "127.0.0.1@evil.example",
    "x/",
    "[::1]evil.example",
    "localhost\\evil.example",
    "..",
    "",
]


@pytest.mark.django_db
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/sign-in/", "/api/policies", "/audit/", "/api/people"])
def test_an_odd_host_is_a_400_and_gives_no_rights(host, path):
    key = a_key(scopes=["chat", "admin"], created_by=a_user("admin", username="maker"))
    answer = Client(raise_request_exception=False).get(
        path, headers={"host": host, "authorization": f"Bearer {key.full_key}"}
    )

    assert answer.status_code == 400
    assert "evil.example" not in answer.headers.get("Location", "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-proto": "https"},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1;host=evil.example;proto=https"},
        {"x-original-url": "/sign-in/"},
        {"x-rewrite-url": "/sign-in/"},
        {"x-http-method-override": "GET"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_forwarded_headers_open_nothing_and_poison_no_link(headers):
    client = Client(raise_request_exception=False)
    page, api = client.get("/audit/", headers=headers), client.get("/api/audit", headers=headers)
    sign_in = client.get("/sign-in/?next=/audit/", headers=headers)

    assert (page.status_code, page["Location"].startswith("/sign-in/"), api.status_code) == (302, True, 401)
    assert "evil.example" not in sign_in.text + str(sign_in.headers) + str(page.headers)


ODD_NAMES: dict[str, Any] = {
    "__proto__": {"role": "admin"},
    "constructor": {"prototype": {"role": "admin"}},
    "__class__": "x",
    "a.b.c": "x",
    "$where": "1",
    "": "x",
    "{0.__class__}": "x",
    "\ud7ff\u202e": "x",
}


def test_odd_names_in_metadata_are_inert(gateway):
    """T24. Ten thousand of them are refused or served, never stored as anything but names."""
    hi = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    for metadata in (
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in ODD_NAMES.items()},
        ODD_NAMES,
        {f"k{number}": "v" for number in range(10_000)},
    ):
        answer = gateway.post(hi | {"metadata": metadata})

        assert answer.status_code in (200, 400), answer.text
        assert "admin" not in answer.text
    assert gateway.post(hi).status_code == 200


SPAM = "free crypto"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": SPAM}]}),
    "streamed": ("/v1/chat/completions", {"messages": [{"role": "user", "content": SPAM}], "stream": True}),
    "in parts": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": SPAM}]}]},
    ),
    "messages": ("/v1/messages", {"messages": [{"role": "user", "content": SPAM}], "max_tokens": 9}),
    "messages streamed": (
        "/v1/messages",
        {"messages": [{"role": "user", "content": SPAM}], "max_tokens": 9, "stream": True},
    ),
    "embeddings": ("/v1/embeddings", {"input": SPAM}),
    "embeddings of many": ("/v1/embeddings", {"input": ["fine", SPAM]}),
    "route": ("/v1/router/route", {"messages": [{"role": "user", "content": SPAM}]}),
}


@pytest.mark.parametrize("way", CALLS)
def test_the_same_rule_holds_however_it_is_called(gateway, way):
    """T25: a rule that rejects is not got around by another endpoint, dialect or stream."""
    path, body = CALLS[way]
    answer = gateway.post({"model": "auto"} | body, path=path)

    if way == "route":
        assert answer.json()["decision"]["outcome"] == "rejected", answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert "Not served." in answer.text


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a"]
)
def test_multipart_is_no_way_to_keep_a_worker_busy(gateway, kind):
    """T21."""
    body = b"--a\r\n" * 200_000
    began = time.process_time()
    with gateway.client() as client:
        answer = client.post("/v1/chat/completions", content=body, headers={"content-type": kind})

    assert answer.status_code in (400, 413, 415)
    assert time.process_time() - began < 2


@pytest.mark.django_db
def test_multipart_at_the_pages_is_bounded_too():
    client = Client(raise_request_exception=False)
    began = time.process_time()
    for body in (b"--a\r\n" * 100_000, b"--a\r\nContent-Disposition: form-data; name=x\r\n\r\n" * 2_000):
        answer = client.generic("POST", "/sign-in/", body, content_type="multipart/form-data; boundary=a")

        assert answer.status_code < 500
    assert time.process_time() - began < 3
