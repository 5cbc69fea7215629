"""The matrix's upstreams are referees: each refuses, in its vendor's words, what the vendor's documentation does not allow."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from tests.matrix.cells import ANTHROPIC_TOOL, OPENAI_TOOL, SCHEMA
from tests.matrix.stage import CREDENTIAL, make_vendors
from tests.matrix.wire.server import Refusal, Request

VENDORS = make_vendors()
OPENAI = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
ANTHROPIC = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
TOOL_USE = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}
GOOD: dict[str, tuple[str, Mapping[str, str], Mapping[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"authorization": f"Bearer {CREDENTIAL}"}, OPENAI),
    "azure": ("/openai/v1/chat/completions", {"api-key": CREDENTIAL}, OPENAI | {"model": "azure"}),
    "azure-dated": (
        "/openai/deployments/azure-dated/chat/completions?api-version=2024-10-21",
        {"api-key": CREDENTIAL},
        OPENAI,
    ),
    "anthropic": ("/v1/messages", {"x-api-key": CREDENTIAL, "anthropic-version": "2026-10-21"}, ANTHROPIC),
    "gemini": ("/v1beta/models/gemini:generateContent", {"x-goog-api-key": CREDENTIAL}, GEMINI),
}


def ask(vendor: str, *, path: str = "", headers: Mapping[str, str] | None = None, **members: Any) -> Any:
    """A good request with something changed; a member that is None is taken out."""
    good_path, good_headers, body = GOOD[vendor]
    body = {name: value for name, value in {**copy.deepcopy(dict(body)), **members}.items() if value is not None}
    return VENDORS[vendor].answer(Request(path or good_path, good_headers if headers is None else headers, body))


def said_by(vendor: str, **changes: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as refused:
        ask(vendor, **changes)
    error = refused.value.document["error"]
    return refused.value.status, error["message"]


@pytest.mark.parametrize("vendor", GOOD)
def test_a_good_request_is_answered_plain_and_streamed(vendor: str) -> None:
    assert ask(vendor).document
    if vendor == "gemini":
        streamed = ask(vendor, path="/v1beta/models/gemini:streamGenerateContent?alt=sse")
    else:
        streamed = ask(vendor, stream=True)
    assert len(streamed.events) > 3


@pytest.mark.parametrize("vendor", GOOD)
def test_a_request_without_the_vendors_credential_header_is_refused(vendor: str) -> None:
    assert said_by(vendor, headers={})[0] in (401, 403)
    if vendor != "openai":
        both = {**GOOD[vendor][1], "authorization": f"Bearer {CREDENTIAL}"}
        assert said_by(vendor, headers=both)[0] in (401, 403)


@pytest.mark.parametrize("vendor", GOOD)
def test_another_path_is_not_found(vendor: str) -> None:
    assert said_by(vendor, path="/v1/nothing")[0] == 404


@pytest.mark.parametrize("vendor", GOOD)
def test_an_unknown_member_is_refused_by_name(vendor: str) -> None:
    status, message = said_by(vendor, brand_new=1)

    assert status == 400
    assert "brand_new" in message


@pytest.mark.parametrize(
    ("vendor", "changes", "words"),
    [
        ("openai", {"messages": [{"role": "human", "content": "Hi"}]}, "Invalid value for 'messages.0'"),
        ("openai", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0"),
        ("openai", {"messages": [{"role": "user", "content": "Hi", "x": 1}]}, "messages.0.x"),
        ("openai", {"messages": None}, "Missing required parameter: 'messages'"),
        ("openai", {"max_tokens": "9"}, "max_tokens"),
        ("openai", {"messages": [{"role": "tool", "tool_call_id": "c1", "content": ""}]}, "preceeding message"),
        ("openai", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, "must be followed by tool messages"),
        ("openai", {"tools": [{**OPENAI_TOOL, "name": "x"}]}, "tools.0"),
        (
            "openai",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {}}}},
            "additionalProperties",
        ),
        ("azure", {"model": "gpt-4o"}, "deployment for this resource does not exist"),
        ("azure-dated", {"path": GOOD["azure-dated"][0].replace("2024-10-21", "2020-01-01")}, "Resource not found"),
        ("anthropic", {"headers": {"x-api-key": CREDENTIAL}}, "anthropic-version: header is required"),
        ("anthropic", {"max_tokens": None}, "max_tokens: Field required"),
        ("anthropic", {"max_tokens": 0}, "greater than or equal to 1"),
        ("anthropic", {"temperature": 0.5}, "temperature: Extra inputs are not permitted"),
        ("anthropic", {"messages": [{"role": "tool", "content": "Hi"}]}, "messages.0"),
        ("anthropic", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0"),
        ("anthropic", {"messages": [{"role": "user", "content": ""}]}, "must be non-empty"),
        (
            "anthropic",
            {"messages": [{"role": "assistant", "content": [TOOL_USE]}, {"role": "user", "content": "Hi"}]},
            "without `tool_result` blocks immediately after",
        ),
        ("anthropic", {"tools": [{**ANTHROPIC_TOOL, "parameters": {}}]}, "tools.0"),
        (
            "anthropic",
            {"output_config": {"format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": True}}}},
            "explicitly set to false",
        ),
        ("gemini", {"contents": [{"role": "assistant", "parts": [{"text": "Hi"}]}]}, "contents.0.role"),
        ("gemini", {"contents": [{"role": "user", "parts": []}]}, "initialized field"),
        ("gemini", {"contents": [{"role": "user", "parts": [{"txt": "Hi"}]}]}, 'Unknown name "txt"'),
        ("gemini", {"contents": [{"role": "model", "parts": [{"text": "Hi"}]}]}, "end with a user role"),
        ("gemini", {"generationConfig": {"max_tokens": 9}}, "Unknown name \"max_tokens\" at 'generationConfig'"),
        ("gemini", {"tools": [{"functionDeclarations": [{"name": "no spaces"}]}]}, "Invalid function declaration"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_as_documented_is_refused(vendor: str, changes: dict[str, Any], words: str) -> None:
    status, message = said_by(vendor, **changes)

    assert status in (400, 404)
    assert words in message


def test_a_call_without_its_signature_or_its_answer_is_refused_by_gemini() -> None:
    call = {"functionCall": {"name": "get_weather", "args": {}}}
    answer = {"functionResponse": {"name": "get_weather", "response": {"result": "sun"}}}
    ask_first = {"role": "user", "parts": [{"text": "Hi"}]}
    turns = [ask_first, {"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]

    assert "missing a thought_signature" in said_by("gemini", contents=turns)[1]
    turns[1] = {"role": "model", "parts": [{**call, "thoughtSignature": "skip_thought_signature_validator"}]}
    assert ask("gemini", contents=turns).document
    turns[2] = ask_first
    assert "number of function response parts" in said_by("gemini", contents=turns)[1]
