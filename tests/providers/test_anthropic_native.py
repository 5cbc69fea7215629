"""Callers of the Messages dialect at an upstream that speaks it: bytes in, bytes out."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from routerapp.providers.anthropic.adapter import AnthropicAdapter
from routerapp.providers.base import Usage
from tests.providers import anthropic_wire as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = AnthropicAdapter(lambda: 1_790_000_000)
URL = "https://api.anthropic.com"
JSON = {"content-type": "application/json"}


def target(**more: Any) -> Any:
    return make_target(url=URL, kind="anthropic", upstream_model="claude-opus-5-5", credential="key-1", **more)


def native(body: dict[str, Any], **headers: str) -> Any:
    fields = {name: json.dumps(value).encode() for name, value in body.items()}
    chat = make_chat(stream=bool(body.get("stream")))
    return replace(chat, dialect="anthropic", fields=fields, headers=headers)


def test_a_request_of_the_same_dialect_goes_on_byte_for_byte() -> None:
    raw = b'[{"role":"assistant", "content": [{"type":"new_block","x": 1.50}]}]'
    chat = replace(
        native({"model": "auto", "max_tokens": 5, "brand_new": {"a": [1]}}, **{"anthropic-version": "2023-06-01"}),
    )
    chat = replace(chat, fields={**chat.fields, "messages": raw})

    request = ADAPTER.build_request(chat, target(), {})

    assert ADAPTER.impossible(chat, target()) == ()
    assert b'"messages":' + raw in request.body
    assert json.loads(request.body)["model"] == "claude-opus-5-5"
    assert json.loads(request.body)["brand_new"] == {"a": [1]}
    assert request.headers["anthropic-version"] == "2023-06-01"


def test_an_answer_and_events_of_the_same_dialect_come_back_byte_for_byte() -> None:
    body = wire.message(content=[{"type": "brand_new", "x": 1}, wire.THINKING])
    chat = native({"messages": []})

    reply = ADAPTER.read_reply(chat, 200, JSON, body)
    reader = ADAPTER.open_events(chat)
    read = [reader.read(event) for event in wire.THINKING_STREAM]

    assert reply.body == body
    assert reply.usage == Usage(3_595, 503, 500, 1_000)
    assert [written for written, _ in read] == wire.THINKING_STREAM
    assert read[-1][1].is_done
    assert [facts.usage for _, facts in read][-2] == Usage(25, 15, None)
    assert sum(facts.finished for _, facts in read) == 1
    assert sum(facts.text_bytes for _, facts in read) == len("I need the GCD of both.It is 21.")


def test_a_policys_parameters_reach_a_request_of_the_same_dialect() -> None:
    chat = native({"messages": [], "max_tokens": 50, "stop_sequences": ["a"], "output_config": {"format": {"x": 1}}})
    parameters = {"max_tokens": 7, "stop": ["b"], "reasoning_effort": "low", "seed": 4, "service_tier": None}

    body = json.loads(ADAPTER.build_request(chat, target(), parameters).body)

    assert body["max_tokens"] == 7
    assert body["stop_sequences"] == ["b"]
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"format": {"x": 1}, "effort": "low"}
    assert "seed" not in body
    assert json.loads(ADAPTER.build_request(chat, target(), {"stop": None}).body).get("stop_sequences") is None


def test_metadata_for_rules_stays_here_and_the_users_id_goes_on() -> None:
    chat = native({"messages": [], "metadata": {"user_id": "u", "app": "x"}})
    plain = native({"messages": [], "metadata": {"user_id": "u"}})

    assert json.loads(ADAPTER.build_request(chat, target(), {}).body)["metadata"] == {"user_id": "u"}
    assert json.loads(ADAPTER.build_request(plain, target(), {}).body)["metadata"] == {"user_id": "u"}


def test_thoughts_of_another_vendors_model_are_not_sent_back_to_this_one() -> None:
    unsigned = {"type": "thinking", "thinking": "x", "signature": "unsigned:another-model"}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [unsigned, {"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": [unsigned]},
    ]

    body = json.loads(ADAPTER.build_request(native({"messages": messages}), target(), {}).body)

    assert body["messages"] == [messages[0], {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}]
