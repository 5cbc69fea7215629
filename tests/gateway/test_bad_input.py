"""Everything wrong a caller can send gives a clear 4xx in the OpenAI error shape, quickly, and never a 500."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_key, a_snapshot, journal_of

MESSAGES = [{"role": "user", "content": "Say hello"}]
GOOD = {"model": "auto", "messages": MESSAGES}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def make_snapshot(keys):
        return a_snapshot(keys=keys, callers={"app": {"scopes": ["chat"]}})

    with running_gateway(tmp_path_factory.mktemp("gateway"), make_snapshot) as server:
        yield server


def error_of(response) -> dict:
    error = response.json()["error"]
    assert set(error) >= {"message", "type", "param", "code", "source", "request_id"}
    assert response.headers["x-router-request-id"] == error["request_id"]
    assert "Traceback" not in response.text
    return error


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"null", "invalid_json"),
        (b"[1]", "invalid_json"),
        (b'{"model":"auto","messages":[{"role":"user","content":"x"}]} x', "invalid_json"),
        (b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}', "invalid_json"),
        (b'{"messages":[{"role":"user","content":"x"}],"temperature":Infinity}', "invalid_json"),
        (b'{"messages":[{"role":"user","content":"\xff"}]}', "invalid_json"),
        (b'{"messages":[{"role":"user","content":"\\ud800"}]}', "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b'{"a":' + b"[" * 200_000, "too_deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"a":' + b'{"a":[' * 50 + b"1" + b"]}" * 50 + b"}", "too_deep"),
        (b'{"a":[' + b"[]," * 300_000 + b"1]}", "too_complex"),
    ],
)
def test_malformed_json_is_400(running, body, code):
    response = running.post(content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert error_of(response)["code"] == code


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [1]}, "messages"),
        ({"messages": MESSAGES * 2_001}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 201}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_completion_tokens": True}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"tools": {}}, "tools"),
        ({"stream": True, "stream_options": 1}, "stream_options"),
        ({"response_format": "json"}, "response_format"),
        ({"router": {"polcy": "x"}}, "router.polcy"),
        ({"router": []}, "router"),
        ({"router": {"version": 0}}, "router.version"),
        ({"router": {"objective": {"speed": 1}}}, "router.objective.speed"),
        ({"router": {"objective": {"cost": 0}}}, "router.objective"),
        ({"router": {"constraints": {"max_cost_usd": "much"}}}, "router.constraints.max_cost_usd"),
        ({"router": {"constraints": {"colour": "red"}}}, "router.constraints.colour"),
        ({"router": {"explain": 1}}, "router.explain"),
        ({"provider": {"sort": "price"}}, "provider.sort"),
        ({"provider": {"order": ["a"]}}, "provider.order"),
        ({"provider": {"data_collection": "deny"}}, "provider.data_collection"),
        ({"provider": {"max_price": {"prompt": True}}}, "provider.max_price.prompt"),
        ({"models": "a"}, "models"),
        ({"metadata": 1}, "metadata"),
        ({"user": 5}, "user"),
        ({"tags": [1]}, "tags"),
        ({"router": {"constraints": {"min_quality": 10**400}}}, "router.constraints.min_quality"),
    ],
)
def test_a_wrong_member_is_400_and_named(running, change, param):
    response = running.post(GOOD | change)

    assert response.status_code == 400
    assert error_of(response)["param"] == param


def test_a_key_sent_as_the_model_is_refused_without_being_quoted_or_recorded(running):
    """The two were swapped; the name of a model is recorded and shown."""
    answer = running.post({"model": running.key.full, "messages": [{"role": "user", "content": "hi"}]})

    assert answer.status_code == 400
    assert error_of(answer)["code"] == "key_as_model"
    assert running.key.full not in answer.text
    assert running.key.full not in repr(journal_of(running.runtime))


@pytest.mark.parametrize("name", ["seed", "stream_options", "tool_choice", "a_field_of_tomorrow"])
def test_a_number_beyond_every_range_is_400_wherever_it_stands(running, name):
    """Also where the upstream would be the first to read it: an adapter may have to translate it."""
    response = running.post(content=b'{"messages":[{"role":"user","content":"hi"}],"%b":1e999}' % name.encode())

    assert response.status_code == 400
    assert error_of(response)["param"] == name


def test_200_000_brackets_are_refused(running):
    """What that costs is asserted in test_json_guard."""
    body = b'{"messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}"

    assert running.post(content=body).status_code == 400


def test_a_body_over_ten_megabytes_is_413_also_without_a_length(running):
    big = b'{"messages":[{"role":"user","content":"' + b"x" * (10 * 1024 * 1024) + b'"}]}'

    declared = running.post(content=big)
    chunked = running.post(content=iter([big[: len(big) // 2], big[len(big) // 2 :]]))

    assert declared.status_code == chunked.status_code == 413
    assert error_of(chunked)["code"] == "body_too_large"


def test_just_below_ten_megabytes_is_served(running):
    text = "x" * (10 * 1024 * 1024 - 200)

    response = running.post({"model": "auto", "messages": [{"role": "user", "content": text}]})

    # 2.6 million tokens fit no model here; what matters is that the size itself was accepted.
    assert response.status_code == 400
    assert error_of(response)["code"] == "no_capable_model"


def test_compressed_bodies_are_415(running):
    assert running.post(content=b"x", headers={"content-encoding": "gzip"}).status_code == 415


def test_headers_over_32_kilobytes_are_431(running):
    response = running.post(GOOD, headers={"x-filler": "x" * 33_000})

    assert response.status_code == 431
    assert error_of(response)["code"] == "headers_too_large"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Basic abc"}, "invalid_api_key"),
        ({"authorization": "Bearer"}, "invalid_api_key"),
        ({"authorization": "Bearer ' OR 1=1 --"}, "invalid_api_key"),
        ({"authorization": "Bearer " + "x" * 20_000}, "invalid_api_key"),
        ({"x-api-key": "sb_live_nothing"}, "invalid_api_key"),
        ({"authorization": b"Bearer \xff\xfe"}, "invalid_api_key"),
    ],
)
def test_without_a_good_key_it_is_401(running, headers, code):
    import httpx

    with httpx.Client(base_url=running.url, trust_env=False) as client:
        for path in ("/v1/chat/completions", "/v1/router/route", "/api/route", "/v1/feedback"):
            response = client.post(path, json=GOOD, headers=headers)
            assert response.status_code == 401, path
            assert error_of(response)["code"] == code
            assert response.headers["www-authenticate"] == "Bearer"


def test_a_mistyped_unknown_or_revoked_key_is_401_and_x_api_key_is_as_good_as_bearer(running):
    import httpx

    good, other = running.key.full, a_key().full
    mistyped = good[:-1] + ("a" if good[-1] != "a" else "b")
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        for key in (mistyped, other):
            response = client.post("/v1/chat/completions", json=GOOD, headers={"x-api-key": key})
            assert response.status_code == 401
        assert client.post("/v1/chat/completions", json=GOOD, headers={"x-api-key": good}).status_code == 200

        before = running.runtime.snapshot
        running.call(lambda: running.runtime.swap(a_snapshot(keys={}, serial=2)))
        try:
            revoked = client.post("/v1/chat/completions", json=GOOD, headers={"x-api-key": good})
        finally:
            running.call(lambda: running.runtime.swap(before))
    assert revoked.status_code == 401
    assert error_of(revoked)["code"] == "invalid_api_key"


def test_an_unreadable_request_with_a_good_key_is_recorded_as_invalid(running):
    response = running.post(content=b"{")

    last = journal_of(running.runtime)[-1]
    assert last.id == error_of(response)["request_id"]
    assert (last.status, last.http_status, last.error_code) == ("invalid", 400, "invalid_json")


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/", "/v1/chat", "/v1/router/decisions/", "/v1/../admin"])
def test_unknown_paths_are_404_json(running, path):
    with running.client() as client:
        response = client.get(path)

    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


def test_a_wrong_method_is_405_and_says_which(running):
    with running.client() as client:
        response = client.get("/v1/chat/completions")

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_a_version_needs_its_scope(running):
    response = running.post(GOOD | {"model": "policy/support@1"})

    assert response.status_code == 404
    assert "policy:pin" in error_of(response)["message"]


def test_odd_values_never_reach_a_header_raw(running):
    response = running.post(
        GOOD | {"model": "x\r\nset-cookie: a=b", "user": "\u0000\r\n", "metadata": {"__class__": "x"}}
    )

    assert response.status_code == 404
    assert "set-cookie" not in response.headers


def test_forbidden_targets_in_the_body_are_not_followed(running):
    """SSRF by request field: whatever the body says, the upstream is the deployment's."""
    canary = socket.socket()
    canary.bind(("127.0.0.1", 0))
    canary.listen()
    canary.settimeout(0.2)
    url = f"http://127.0.0.1:{canary.getsockname()[1]}"
    fields = {name: url for name in ("base_url", "api_base", "endpoint", "proxy", "organization")}

    response = running.post(GOOD | fields | {"user_config": {"model_list": [{"api_base": url}]}})

    assert response.status_code == 200
    with pytest.raises(TimeoutError):
        canary.accept()
    canary.close()


def test_duplicate_members_count_once_the_last_wins(running):
    body = json.dumps(GOOD)[:-1] + ',"model":"dear-provider/dear"}'

    response = running.post(content=body.encode())

    assert response.json()["model"] == "dear"
