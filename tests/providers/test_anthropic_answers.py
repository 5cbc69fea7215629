"""Answers, events and errors as the Messages API documents them, for callers of the OpenAI dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routerapp.providers.anthropic.adapter import AnthropicAdapter
from routerapp.providers.anthropic.events import NativeEvents, TranslatedEvents
from routerapp.providers.base import ChunkFacts, Usage
from routerapp.providers.errors import (
    BadAnswer,
    ContextTooLong,
    CredentialRejected,
    ModelGone,
    ProviderError,
    RateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from routerapp.providers.sse import data_of
from tests.providers import anthropic_wire as wire
from tests.providers.chats import make_chat

ADAPTER = AnthropicAdapter(lambda: 1_790_000_000)
JSON = {"content-type": "application/json"}


def answer(body: bytes, status: int = 200, headers: dict[str, str] = JSON) -> Any:
    return ADAPTER.read_reply(make_chat(), status, headers, body)


def retold(events: list[bytes]) -> tuple[list[dict[str, Any]], list[ChunkFacts]]:
    """Chunks as a caller of the OpenAI dialect gets them, usage included."""
    reader, chunks, facts = ADAPTER.open_events(make_chat(stream=True)), [], []
    for event in events:
        written, said = reader.read(event)
        assert said.error is None
        facts.append(said)
        chunks += [json.loads(data_of(part + b"\n\n")) for part in written.split(b"\n\n") if part]
    return chunks, facts


def test_reads_a_plain_answer_as_a_chat_completion() -> None:
    reply = answer(wire.message())

    document = json.loads(reply.body)
    assert document["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi! My name is Claude.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert document["usage"] == {
        "prompt_tokens": 3_595,
        "completion_tokens": 503,
        "total_tokens": 4_098,
        "prompt_tokens_details": {"cached_tokens": 500, "cache_creation_tokens": 1_000},
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    assert (document["object"], document["created"], document["id"]) == (
        "chat.completion",
        1_790_000_000,
        wire.MESSAGE["id"],
    )
    assert reply.usage == Usage(3_595, 503, 500, 1_000)
    assert (reply.finish_reason, reply.model, reply.upstream_id) == ("stop", "claude-opus-5-5", wire.MESSAGE["id"])


def test_reads_thoughts_and_tool_calls() -> None:
    content = [wire.THINKING, {"type": "redacted_thinking", "data": "Eo8B"}, wire.TOOL_USE]

    reply = answer(wire.message(content=content, stop_reason="tool_use"))

    choice = json.loads(reply.body)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == wire.THINKING["thinking"]
    assert choice["message"]["thinking_blocks"] == content[:2]
    assert choice["message"]["tool_calls"] == [
        {
            "id": wire.TOOL_USE["id"],
            "type": "function",
            "function": {"name": "get_stock_price", "arguments": '{"ticker": "^GSPC"}'},
        }
    ]
    assert reply.text_bytes == len("Let me look at 世界.".encode()) + len("get_stock_price") + len(
        '{"ticker": "^GSPC"}'
    )


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("made_up_later", "made_up_later"),
        (None, None),
    ],
)
def test_stop_reasons_in_openais_words_none_invented(reason: str | None, word: str | None) -> None:
    assert answer(wire.message(stop_reason=reason)).finish_reason == word


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "This could enable harm."}

    reply = answer(wire.message(content=[], stop_reason="refusal", stop_details=details))

    message = json.loads(reply.body)["choices"][0]["message"]
    assert message["refusal"] == "This could enable harm."
    assert message["content"] is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, wire.error("invalid_request_error", "max_tokens: 1 > 0"), UpstreamRejected),
        (
            400,
            wire.error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            ContextTooLong,
        ),
        (
            400,
            wire.error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            CredentialRejected,
        ),
        (401, wire.error("authentication_error", "invalid x-api-key"), CredentialRejected),
        (402, wire.error("billing_error", "There is an issue with billing."), CredentialRejected),
        (403, wire.error("permission_error", "Your API key may not."), CredentialRejected),
        (404, wire.error("not_found_error", "model: claude-2"), ModelGone),
        (413, wire.error("request_too_large", "Request exceeds the maximum size"), ContextTooLong),
        (429, wire.error("rate_limit_error", "Number of requests has exceeded"), RateLimited),
        (500, wire.error("api_error", "Internal server error"), UpstreamUnavailable),
        (504, wire.error("timeout_error", "Request timed out"), UpstreamUnavailable),
        (529, wire.error("overloaded_error", "Overloaded"), UpstreamUnavailable),
        (200, wire.error("overloaded_error", "Overloaded"), UpstreamUnavailable),
        (200, wire.error("rate_limit_error", "slow down"), RateLimited),
        (200, wire.error("billing_error", "pay"), CredentialRejected),
        (502, b"<html>Bad gateway</html>", UpstreamUnavailable),
        (200, b"<html>hello</html>", BadAnswer),
        (200, b"", BadAnswer),
        (200, b"{}", BadAnswer),
        (200, b'{"type":"message","content":"text"}', BadAnswer),
        (200, b'{"type":"message","content":[{"type":"text"}]}', BadAnswer),
        (200, b'{"type":"message","content":[{"type":"tool_use","id":"a","name":"f","input":[]}]}', BadAnswer),
        (200, b'{"type":"message","content":[{"type":"tool_use","name":"f","input":{}}]}', BadAnswer),
        (200, b"[" * 100_000, BadAnswer),
    ],
)
def test_errors_become_the_class_that_says_what_to_do(status: int, body: bytes, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        answer(body, status)

    assert type(caught.value) is kind


def test_waits_as_long_as_the_vendor_says() -> None:
    with pytest.raises(RateLimited) as caught:
        answer(wire.error("rate_limit_error", "slow"), 429, JSON | {"retry-after": "12"})

    assert caught.value.retry_after_ms == 12_000


def test_retells_a_stream_of_text_with_its_usage_last() -> None:
    chunks, facts = retold(wire.PLAIN_STREAM)

    assert [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " 世界"},
        {},
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["prompt_tokens"] == 25
    assert chunks[-1]["usage"]["completion_tokens"] == 15
    assert {chunk["id"] for chunk in chunks} == {wire.MESSAGE["id"]}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert facts[-1].is_done
    assert facts[-1].is_usage_only
    assert facts[2].is_comment
    assert sum(one.finished for one in facts) == 1
    assert sum(one.text_bytes for one in facts) == len("Hello 世界".encode())


def test_retells_a_tool_call_piece_by_piece() -> None:
    chunks, facts = retold(wire.TOOL_STREAM)

    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks if _has_calls(chunk)]
    assert calls[0] == {
        "index": 0,
        "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
        "type": "function",
        "function": {"name": "get_weather", "arguments": ""},
    }
    assert "".join(call["function"]["arguments"] for call in calls) == '{"location": "San Francisco, CA"}'
    assert facts[-1].usage == Usage(472, 89, None)
    assert [one.finish_reason for one in facts if one.finish_reason] == ["tool_calls"]


def test_a_call_without_arguments_gets_an_object() -> None:
    block = {"type": "tool_use", "id": "a", "name": "now", "input": {}}
    whole = {"type": "tool_use", "id": "b", "name": "at", "input": {"hour": 7}}
    events = [
        *(wire.start(), wire.opened(0, block), wire.delta(0, "input_json_delta", partial_json=""), wire.closed(0)),
        *(wire.opened(1, whole), wire.closed(1), wire.ended("tool_use"), wire.STOP),
    ]

    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in retold(events)[0] if _has_calls(chunk)]

    arguments = ["".join(c["function"]["arguments"] for c in calls if c["index"] == n) for n in (0, 1)]
    assert arguments == ["{}", '{"hour": 7}']


def test_retells_thoughts_and_hands_over_their_signature() -> None:
    chunks, _ = retold(wire.THINKING_STREAM)

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "I need the GCD of both."
    assert [delta["thinking_blocks"] for delta in deltas if "thinking_blocks" in delta] == [
        [{"type": "thinking", "thinking": "I need the GCD of both.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h=="}]
    ]
    assert "".join(delta.get("content", "") for delta in deltas) == "It is 21."


def test_counts_the_prompt_cache_into_what_went_in() -> None:
    events = [wire.start(cache_read_input_tokens=100, cache_creation_input_tokens=50), wire.ended(output_tokens=9)]

    _, facts = retold([*events, wire.STOP])

    assert facts[-1].usage == Usage(175, 9, 100, 50)


def test_later_totals_replace_earlier_ones_where_they_are_said() -> None:
    _, facts = retold([wire.start(), wire.ended(input_tokens=30, cache_read_input_tokens=None), wire.STOP])

    assert facts[-1].usage == Usage(30, 15, None)


def test_passes_over_events_blocks_and_deltas_newer_than_itself() -> None:
    events = [
        wire.start(),
        wire.event({"type": "message_weather", "is": "fine"}),
        wire.opened(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        wire.delta(0, "input_json_delta", partial_json='{"query": "x"}'),
        wire.closed(0),
        wire.opened(1, wire.TEXT_BLOCK),
        wire.delta(1, "citations_delta", citation={"type": "page_location"}),
        wire.delta(1, "scent_delta", scent="rose"),
        wire.delta(1, "text_delta", text="Hi"),
        wire.closed(1),
        wire.ended(),
        wire.STOP,
    ]

    chunks, _ = retold(events)

    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "Hi"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (wire.event(wire.OVERLOADED), UpstreamUnavailable),
        (wire.event({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}), RateLimited),
        (wire.event({"type": "error"}), UpstreamUnavailable),
        (b"event: ping\ndata: {nonsense\n\n", BadAnswer),
        (b"data: []\n\n", BadAnswer),
        (b"data: {}\n\n", BadAnswer),
        (b'data: {"type": 7}\n\n', BadAnswer),
        (wire.start(), BadAnswer),
        (wire.opened(0, wire.TEXT_BLOCK), BadAnswer),
        (wire.event({"type": "content_block_start", "index": 5}), BadAnswer),
        (wire.opened(6, {"type": "tool_use", "name": "f"}), BadAnswer),
        (wire.delta(9, "text_delta", text="x"), BadAnswer),
        (wire.delta(0, "text_delta"), BadAnswer),
        (wire.delta(0, "text_delta", text=7), BadAnswer),
        (wire.event({"type": "content_block_delta", "index": 0}), BadAnswer),
        (wire.closed(9), BadAnswer),
    ],
)
def test_an_error_or_nonsense_in_a_stream_comes_back_as_its_error(event: bytes, kind: type[ProviderError]) -> None:
    reader = ADAPTER.open_events(make_chat(stream=True))
    for good in (wire.start(), wire.opened(0, wire.TEXT_BLOCK)):
        assert reader.read(good)[1].error is None

    _, facts = reader.read(event)

    assert type(facts.error) is kind


def test_an_answer_that_begins_in_the_middle_is_none() -> None:
    reader = ADAPTER.open_events(make_chat(stream=True))

    assert isinstance(reader.read(wire.delta(0, "text_delta", text="x"))[1].error, BadAnswer)


def _has_calls(chunk: dict[str, Any]) -> bool:
    return bool(chunk["choices"]) and "tool_calls" in chunk["choices"][0]["delta"]


@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
def test_a_stream_that_is_cut_does_not_say_how_much_was_written(dialect: str) -> None:
    reader = NativeEvents() if dialect == "anthropic" else TranslatedEvents(0)
    events = [wire.start(cache_read_input_tokens=5), wire.opened(0, {"type": "text", "text": ""})]

    facts = [reader.read(event)[1] for event in [*events, wire.delta(0, "text_delta", text="long " * 500)]]

    assert [one.usage for one in facts if one.usage] == [Usage(30, None, 5)]
    assert reader.read(wire.ended())[1].usage == Usage(30, 15, 5)
