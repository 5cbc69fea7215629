"""The OpenAI dialect: what goes upstream byte for byte, and what is read out of answers and events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.providers.base import Usage
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
from routerapp.providers.failures import retry_after_ms
from routerapp.providers.openai import OpenAIAdapter
from tests import upstream as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = OpenAIAdapter()
CHAT = make_chat()
READER = ADAPTER.open_events(make_chat(stream=True))
JSON = {"content-type": "application/json"}


def test_sends_the_callers_bytes_with_only_the_model_replaced() -> None:
    chat = make_chat()
    chat = replace(chat, fields={**chat.fields, "temperature": b"0.70", "unknown_field": b'{"a": [1,  2]}'})

    request = ADAPTER.build_request(chat, make_target(credential="key-1"), {})

    assert request.body == (
        b'{"messages":[{"role": "user", "content": "Say hello."}],"temperature":0.70,'
        b'"unknown_field":{"a": [1,  2]},"model":"real-model"}'
    )
    assert request.url == "https://api.example.com/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer key-1"


def test_sends_no_header_of_the_callers() -> None:
    chat = replace(make_chat(), headers={"x-team": "legal", "cookie": "a=b"})

    request = ADAPTER.build_request(chat, make_target(), {})

    assert set(request.headers) == {"content-type", "accept"}


def test_overrides_replace_and_remove_fields_but_never_the_prompt_or_model() -> None:
    chat = make_chat(temperature=1, seed=5)

    body = ADAPTER.build_request(
        chat, make_target(), {"temperature": 0.2, "seed": None, "top_p": 0.9, "model": "x", "messages": []}
    ).body

    assert json.loads(body) == {
        "messages": [{"role": "user", "content": "Say hello."}],
        "model": "real-model",
        "temperature": 0.2,
        "top_p": 0.9,
    }


@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_usage": True, "x": 1}])
def test_streams_always_ask_for_usage(options: dict[str, object] | None) -> None:
    chat = make_chat(stream=True, **({} if options is None else {"stream_options": options}))

    sent = json.loads(ADAPTER.build_request(chat, make_target(), {}).body)

    assert sent["stream"] is True
    assert sent["stream_options"] == {**(options or {}), "include_usage": True}


def test_a_policy_can_withhold_stream_options_from_servers_that_refuse_them() -> None:
    sent = json.loads(ADAPTER.build_request(make_chat(stream=True), make_target(), {"stream_options": None}).body)

    assert "stream_options" not in sent


@given(st.dictionaries(st.text(min_size=1), st.recursive(st.none() | st.text(), st.lists), max_size=4))
def test_any_unknown_field_arrives_as_it_was_sent(extra: dict[str, object]) -> None:
    extra = {name: value for name, value in extra.items() if name not in ("model", "messages", "stream")}

    sent = json.loads(ADAPTER.build_request(make_chat(**extra), make_target(), {}).body)

    assert {name: sent[name] for name in extra} == extra


def test_reads_a_whole_answer() -> None:
    reply = ADAPTER.read_reply(CHAT, 200, JSON, wire.whole("Grüße").encode())

    assert reply.usage == Usage(11, 3, 4)
    assert (reply.finish_reason, reply.model, reply.upstream_id, reply.text_bytes) == (
        "stop",
        "real-model-0613",
        "up-1",
        7,
    )
    assert reply.body == wire.whole("Grüße").encode()


@pytest.mark.parametrize(
    ("event", "text_bytes"),
    [
        (wire.event({"content": "世界"}), 6),
        (wire.event({"reasoning_content": "hm"}), 2),
        (wire.event({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}]}), 6),
        (wire.event({"content": [{"type": "text", "text": "abc"}]}), 3),
        (wire.event({"role": "assistant", "content": None}), 0),
    ],
)
def test_counts_generated_text_wherever_it_stands(event: bytes, text_bytes: int) -> None:
    passed, facts = READER.read(event)

    assert passed is event
    assert facts.text_bytes == text_bytes


def test_reads_finish_usage_and_done() -> None:
    assert READER.read(wire.STOP)[1].finish_reason == "stop"
    assert READER.read(wire.USAGE_EVENT)[1].usage == Usage(11, 3, 4)
    assert READER.read(wire.USAGE_EVENT)[1].is_usage_only
    assert READER.read(wire.DONE)[1].is_done
    assert READER.read(b": ping\n\n")[1].is_comment


@pytest.mark.parametrize("data", [b"{", b'"text"', b"[1]", b"\xff\xfe", b'{"choices": 5}', b"[" * 100_000])
def test_a_malformed_event_is_an_error_and_never_skipped(data: bytes) -> None:
    assert isinstance(READER.read(b"data: " + data + b"\n\n")[1].error, BadAnswer)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, wire.error("slow"), RateLimited),
        (500, wire.error("boom"), UpstreamUnavailable),
        (529, "overloaded", UpstreamUnavailable),
        (408, "", UpstreamUnavailable),
        (400, wire.error("bad"), UpstreamRejected),
        (422, wire.error("bad"), UpstreamRejected),
        (400, wire.error("maximum context length is 4096"), ContextTooLong),
        (413, wire.error("too large"), ContextTooLong),
        (400, wire.error("no", "invalid_api_key"), CredentialRejected),
        (401, wire.error("no"), CredentialRejected),
        (402, wire.error("no credit"), CredentialRejected),
        (403, "forbidden", CredentialRejected),
        (404, wire.error("gone"), ModelGone),
        (400, wire.error("gone", "model_not_found"), ModelGone),
        (302, "", BadAnswer),
        (200, wire.error("broke", 503), UpstreamUnavailable),
        (200, wire.error("slow", "rate_limit_exceeded"), RateLimited),
        (200, wire.error("bad", None, "invalid_request_error"), UpstreamRejected),
        (200, "<html>", BadAnswer),
        (200, "", BadAnswer),
        (200, "{}", BadAnswer),
        (200, '{"choices": []}', BadAnswer),
        (200, "null", BadAnswer),
    ],
)
def test_every_failure_has_its_class(status: int, body: str, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_reply(CHAT, status, JSON, body.encode())

    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [401, 403])
def test_what_an_upstream_says_about_our_credential_goes_nowhere(status: int) -> None:
    with pytest.raises(CredentialRejected) as caught:
        ADAPTER.read_reply(CHAT, status, JSON, wire.error("Incorrect key sk-secret").encode())

    assert "secret" not in caught.value.message + caught.value.caller_message
    assert caught.value.body is None


@pytest.mark.parametrize("repeats", [5, 500])
def test_a_kept_message_does_not_quote_the_prompt_at_length(repeats: int) -> None:
    with pytest.raises(UpstreamRejected) as caught:
        ADAPTER.read_reply(
            CHAT, 400, JSON, wire.error(f"We can't process '{'private words ' * repeats}' as text").encode()
        )

    assert caught.value.message.startswith("We can't process '…'")
    assert "private words" not in caught.value.message


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7000),
        ({"retry-after": "0.5"}, 500),
        ({"retry-after-ms": "250", "retry-after": "7"}, 250),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e99"}, 86_400_000),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], wait: int | None) -> None:
    assert retry_after_ms(headers) == wait


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('{"content": ' + '{"a":' * 900 + "1" + "}" * 900 + "}", None),
        ('{"content": "hi"}, "index": 1e999', BadAnswer),
    ],
)
def test_an_answer_is_read_whatever_its_depth_or_refused_as_the_upstreams_fault(
    message: str, kind: type[ProviderError] | None
) -> None:
    """Else the caller got 500 for it, and no fallback was asked."""
    body = f'{{"choices": [{{"message": {message}, "finish_reason": "stop"}}]}}'.encode()
    if kind is None:
        assert ADAPTER.read_reply(CHAT, 200, JSON, body).finish_reason == "stop"
        return
    with pytest.raises(kind):
        ADAPTER.read_reply(CHAT, 200, JSON, body)
