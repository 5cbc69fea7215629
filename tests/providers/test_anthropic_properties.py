"""Promises of the Messages API adapter whatever is thrown at it: nothing is lost on the way there and back, and nothing raises."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.gateway.messages.conversation import to_conversation
from routerapp.providers.anthropic.adapter import AnthropicAdapter
from routerapp.providers.anthropic.turns import to_turns
from routerapp.providers.base import ChunkFacts, Reply
from routerapp.providers.errors import ProviderError
from tests.providers import anthropic_wire as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = AnthropicAdapter(lambda: 0)
TARGET = make_target(kind="anthropic")
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
WORDS = TEXT.filter(lambda text: text == text.strip())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IDS = st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True)
CALLS = st.lists(
    st.builds(
        lambda call_id, name, arguments: {
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        },
        IDS,
        IDS,
        st.dictionaries(TEXT, JSON_VALUES, max_size=3),
    ),
    max_size=3,
    unique_by=lambda call: call["id"],
)
ANSWERS = st.builds(
    lambda text, calls: {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {}), WORDS, CALLS
)
# Things that look like what belongs there, nested in things that do not.
NAMES = ("type", "role", "content", "text", "tool_calls", "function", "id", "name", "arguments", "image_url", "url")
MORE = ("tool_call_id", "file", "file_data", "thinking_blocks", "cache_control", "refusal", "input", "source", "index")
KINDS = ("text", "image_url", "file", "tool_use", "tool_result", "thinking", "message_start", "content_block_start")
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from((*KINDS, "user", "assistant", "tool", "")) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*NAMES, *MORE)), inner, max_size=5),
    max_leaves=12,
)
ODD_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant", "tool", "system", "x"))},
        optional={
            "content": st.none()
            | TEXT
            | st.lists(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4), max_size=3),
            "tool_calls": ODD,
            "tool_call_id": ODD,
            "refusal": ODD,
            "thinking_blocks": ODD,
            "cache_control": ODD,
        },
    ),
    min_size=1,
    max_size=4,
)
EVENT_TYPES = (
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"),
    *("message_stop", "ping", "error", "other"),
)
ODD_EVENTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(EVENT_TYPES) | ODD},
        optional={
            "index": st.integers(-1, 2) | ODD,
            "message": st.dictionaries(st.sampled_from(("id", "model", "usage")), ODD) | ODD,
            "content_block": st.dictionaries(
                st.sampled_from(("type", "text", "thinking", "id", "name", "input", "data", "signature")),
                st.sampled_from(("text", "tool_use", "thinking", "redacted_thinking")) | ODD,
            ),
            "delta": st.dictionaries(
                st.sampled_from(("type", "text", "thinking", "partial_json", "signature", "stop_reason")),
                st.sampled_from(("text_delta", "input_json_delta", "thinking_delta", "signature_delta")) | ODD,
            ),
            "usage": st.dictionaries(st.sampled_from(("input_tokens", "output_tokens")), ODD) | ODD,
            "error": ODD,
        },
    ),
    max_size=8,
)


@given(ANSWERS)
def test_an_answer_survives_the_way_there_and_back(answer: dict[str, Any]) -> None:
    _, turns = to_turns([{"role": "user", "content": "Hi"}, answer, {"role": "user", "content": "Go on"}])
    body = wire.message(content=json.loads(_encode(turns[1]["content"])), stop_reason="end_turn")

    message = json.loads(ADAPTER.read_reply(make_chat(), 200, {}, body).body)["choices"][0]["message"]

    assert message["content"] == answer["content"]
    assert _calls(message) == _calls(answer)


@given(st.lists(ANSWERS, max_size=3), WORDS)
def test_a_conversation_survives_the_way_there_and_back(answers: list[dict[str, Any]], system: str) -> None:
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    for answer in answers:
        messages += [{"role": "user", "content": "Hi"}, answer]
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in answer.get("tool_calls", ())
        ]
        messages += results
    messages.append({"role": "user", "content": "Bye"})

    prompt, turns = to_turns(messages)
    lost: list[Any] = []
    back = to_conversation(json.loads(_encode(prompt)), json.loads(_encode(turns)), lost)

    assert lost == []
    assert [_spoken(message) for message in back] == [_spoken(message) for message in messages]


@given(st.lists(TEXT, min_size=1, max_size=5), CALLS, st.integers(1, 7))
def test_a_stream_says_what_its_blocks_say_however_it_is_cut(texts: list[str], calls: Any, size: int) -> None:
    events = [wire.start(), wire.opened(0, wire.TEXT_BLOCK)]
    events += [wire.delta(0, "text_delta", text=text) for text in texts] + [wire.closed(0)]
    for index, call in enumerate(calls, 1):
        function = call["function"]
        events.append(wire.opened(index, {"type": "tool_use", "id": call["id"], "name": function["name"], "input": {}}))
        arguments = function["arguments"]
        pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
        events += [wire.delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
        events.append(wire.closed(index))
    reader = ADAPTER.open_events(make_chat(stream=True))

    deltas = []
    for event in [*events, wire.ended("tool_use"), wire.STOP]:
        written, facts = reader.read(event)
        assert facts.error is None
        deltas += [json.loads(part[6:])["choices"] for part in written.split(b"\n\n") if part]
    said = [choices[0]["delta"] for choices in deltas if choices]

    assert "".join(delta.get("content", "") for delta in said) == "".join(texts)
    gathered: dict[int, dict[str, str]] = {}
    for call in (call for delta in said for call in delta.get("tool_calls", ())):
        one = gathered.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
        one["id"] += call.get("id", "")
        one["name"] += call["function"].get("name", "")
        one["arguments"] += call["function"]["arguments"]
    assert [(one["id"], one["name"], json.loads(one["arguments"])) for one in gathered.values()] == [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls
    ]


@given(st.sampled_from(("openai", "anthropic")), ODD_EVENTS)
@settings(max_examples=120)
def test_no_stream_makes_the_reader_raise(dialect: str, events: list[Any]) -> None:
    reader = ADAPTER.open_events(replace(make_chat(stream=True), dialect=dialect))
    for event in (wire.start(), *(wire.event(one) if isinstance(one["type"], str) else _raw(one) for one in events)):
        written, facts = reader.read(event)
        assert isinstance(written, bytes)
        assert isinstance(facts, ChunkFacts)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(rubbish: bytes) -> None:
    for dialect in ("openai", "anthropic"):
        reader = ADAPTER.open_events(replace(make_chat(stream=True), dialect=dialect))
        assert isinstance(reader.read(rubbish)[1], ChunkFacts)
        assert isinstance(reader.read(b"data: " + rubbish)[1], ChunkFacts)


@given(ODD | st.fixed_dictionaries({"type": st.just("message"), "content": st.lists(ODD, max_size=3)}), st.booleans())
@settings(max_examples=100)
def test_any_answer_is_a_reply_or_an_error_of_ours(document: Any, is_native: bool) -> None:
    chat = replace(make_chat(), dialect="anthropic" if is_native else "openai")
    with contextlib.suppress(ProviderError):
        assert isinstance(ADAPTER.read_reply(chat, 200, {}, json.dumps(document).encode()), Reply)


@given(ODD_MESSAGES, st.dictionaries(st.sampled_from(("tools", "tool_choice", "stop", "response_format")), ODD))
@settings(max_examples=120)
def test_any_chat_is_sent_or_named_as_impossible(messages: Any, fields: dict[str, Any]) -> None:
    tools = fields.pop("tools", None)
    tools = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    chat = make_chat(messages=messages, tools=tools, **fields)

    found = ADAPTER.impossible(chat, TARGET)

    if all(one.is_droppable for one in found):
        json.loads(ADAPTER.build_request(chat, TARGET, {}).body)


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _raw(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _calls(message: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", ())
    ]


def _spoken(message: dict[str, Any]) -> tuple[Any, ...]:
    return message["role"], message["content"], message.get("tool_call_id"), _calls(message)
