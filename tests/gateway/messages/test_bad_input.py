"""What POST /v1/messages refuses: always in the vendor's shape, always naming the member, never with a fault of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.engine.chat import Chat
from routerapp.gateway.messages.parse import parse_messages
from routerapp.serving.served import Refused
from tests.gateway.messages.stage import HI, Stage

GOOD: dict[str, Any] = {"model": "simulated", "max_tokens": 10, "messages": HI}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def refusal(stage: Stage, body: Any, path: str = "/v1/messages", **headers: str) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with stage.running.client(**headers) as client:
        answer = client.post(path, content=content)
    document = answer.json()
    assert document["type"] == "error"
    assert document["request_id"] == answer.headers["request-id"] == answer.headers["x-router-request-id"]
    return answer.status_code, document["error"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 10**12}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages"),
        ({"messages": HI * 2_001}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [*HI, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"system": 7}, "system"),
        ({"system": [{"type": "text", "text": None}]}, "system[0].text"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools"),
        ({"tools": [TOOL] * 513}, "tools"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 2}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"metadata": "x"}, "metadata"),
        ({"router": {"made_up": 1}}, "router.made_up"),
    ],
)
def test_names_the_member_that_is_wrong(stage: Stage, change: dict[str, Any], param: str) -> None:
    body = {name: value for name, value in (GOOD | change).items() if value is not None}

    status, error = refusal(stage, body)

    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert error["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"model":"a"} x', b"\xff\xfe", b'{"messages":' + b"[" * 200 + b"]" * 200 + b"}"],
)
def test_what_is_no_json_object_is_told_so(stage: Stage, body: bytes) -> None:
    status, error = refusal(stage, body)

    assert (status, error["type"]) == (400, "invalid_request_error")


def test_a_version_nobody_speaks_is_refused_and_none_is_fine(stage: Stage) -> None:
    status, error = refusal(stage, GOOD, **{"anthropic-version": "1999-12-31"})

    assert (status, error["param"]) == (400, "anthropic-version")
    assert "2026-10-21" in error["message"]
    assert stage.running.post(GOOD, "/v1/messages").status_code == 200


def test_a_body_too_large_is_told_so(stage: Stage) -> None:
    status, error = refusal(stage, b'{"x":"' + b"a" * (11 * 1024 * 1024) + b'"}')

    assert (status, error["type"], error["code"]) == (413, "request_too_large", "body_too_large")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_told_which_to_use(stage: Stage, method: str, path: str) -> None:
    with stage.running.client() as client:
        answer = client.request(method, path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert method == "HEAD" or answer.json()["error"]["code"] == "method_not_allowed"


def test_addresses_below_are_not_there(stage: Stage) -> None:
    status, error = refusal(stage, GOOD, "/v1/messages/batches")

    assert (status, error["type"]) == (404, "not_found_error")


def test_a_refused_request_is_recorded_all_the_same(stage: Stage) -> None:
    _, error = refusal(stage, GOOD | {"max_tokens": -1})

    end = stage.records(error["request_id"])[-1]
    assert (end.status, end.error_code) == ("invalid", "invalid_value")


def test_counting_needs_no_max_tokens_but_a_conversation(stage: Stage) -> None:
    body = {name: value for name, value in GOOD.items() if name != "max_tokens"}

    assert stage.running.post(body, "/v1/messages/count_tokens").json()["input_tokens"] > 0
    assert refusal(stage, {"model": "simulated"}, "/v1/messages/count_tokens")[1]["param"] == "messages"


NAMES = (
    "type",
    "text",
    "source",
    "content",
    "tool_use_id",
    "id",
    "name",
    "input",
    "data",
    "media_type",
    "url",
    "title",
)
TYPES = (
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "search_result",
    "base64",
    "url",
    "content",
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**70) | st.sampled_from(TYPES) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
BLOCKS = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "text": st.text(max_size=3)}, optional={
    "source": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TYPES) | ODD, max_size=4),
    "content": ODD, "input": ODD, "id": ODD, "tool_use_id": ODD, "name": ODD, "title": ODD, "is_error": ODD,
})  # fmt: skip
MEMBERS = ("tools", "tool_choice", "thinking", "output_config", "stop_sequences", "metadata", "system", "mcp_servers")


def parsed(body: bytes) -> Chat | int:
    try:
        return parse_messages(body, {})
    except Refused as refused:
        return refused.status


@given(
    st.lists(st.lists(BLOCKS, max_size=3) | ODD, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(MEMBERS), ODD | st.lists(ODD, max_size=2), max_size=4),
)
@settings(max_examples=150)
def test_any_body_is_a_chat_or_refused(contents: list[Any], members: dict[str, Any]) -> None:
    turns = [{"role": "assistant" if n % 2 else "user", "content": content} for n, content in enumerate(contents)]
    body = json.dumps(GOOD | members | {"messages": turns}).encode()

    found = parsed(body)

    assert found == 400 if isinstance(found, int) else json.loads(found.openai_fields["messages"])
