"""What is read out of Gemini's answers, events and errors."""

import json
from typing import Any

import pytest

from routerapp.providers.base import ChunkFacts, EventReader, Usage
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
from routerapp.providers.gemini.adapter import GeminiAdapter
from tests.providers import gemini as wire
from tests.providers.chats import make_chat

ADAPTER = GeminiAdapter(now_seconds=lambda: 1_700_000_000)
CHAT = make_chat()
CALL = {"functionCall": {"name": "look", "args": {"at": "sky"}, "id": "g1"}, "thoughtSignature": "c2ln"}
READ = Usage(11, 23, 4)


def answer(*candidates: dict[str, Any], **more: Any) -> Any:
    return json.loads(ADAPTER.read_reply(CHAT, 200, {}, wire.whole(*candidates, **more)).body)


def refused(status: int, body: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_reply(CHAT, status, {}, body)
    return caught.value


def open_events() -> EventReader:
    return ADAPTER.open_events(make_chat(stream=True))


def chunks(reader: EventReader, event: bytes) -> tuple[list[dict[str, Any]], ChunkFacts]:
    passed, facts = reader.read(event)
    assert passed == b"" or passed.endswith(b"\n\n")
    return [json.loads(one[6:]) for one in passed.split(b"\n\n") if one], facts


def test_reads_a_whole_answer() -> None:
    reply = ADAPTER.read_reply(CHAT, 200, {}, wire.whole(wire.candidate({"text": "Grüße"})))

    assert json.loads(reply.body) == {
        "id": "resp-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gemini-3.5-flash",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Grüße", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 23,
            "total_tokens": 34,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    }
    assert (reply.usage, reply.finish_reason, reply.model, reply.text_bytes) == (READ, "stop", "gemini-3.5-flash", 7)


def test_thoughts_calls_signatures_and_pictures_have_their_places() -> None:
    thought = {"text": "Hm.", "thought": True}
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    choice = answer(wire.candidate(thought, {"text": "So: "}, {"text": "look."}, CALL, picture))["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["content"] == "So: look."
    assert choice["message"]["tool_calls"] == [
        {
            "id": "g1",
            "type": "function",
            "function": {"name": "look", "arguments": '{"at":"sky"}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        }
    ]
    assert choice["message"]["images"][0]["image_url"]["url"] == "data:image/png;base64,AAAA"


def test_calls_without_an_id_get_one_each() -> None:
    nameless = {"functionCall": {"name": "look"}}
    message = answer(wire.candidate(nameless, nameless))["choices"][0]["message"]

    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("stated", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("OTHER", "stop"),
        ("INVENTED_NEXT_YEAR", "stop"),
    ],
)
def test_finish_reasons(stated: str, finish: str) -> None:
    assert answer(wire.candidate({"text": "Hi"}, finish=stated))["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("stated", ["SAFETY", "MAX_TOKENS"])
def test_an_answer_may_be_empty_where_the_reason_says_why(stated: str) -> None:
    assert answer({"finishReason": stated, "index": 0})["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize("stated", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", None])
def test_an_answer_that_failed_is_an_error_to_try_again(stated: str | None) -> None:
    failure = refused(200, wire.whole(wire.candidate(finish=stated)))

    assert isinstance(failure, BadAnswer)
    assert failure.is_retryable


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    reply = ADAPTER.read_reply(CHAT, 200, {}, json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode())

    choice = json.loads(reply.body)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", None)
    assert choice["message"]["refusal"] == "Gemini refused the prompt: SAFETY."
    assert reply.usage is None


def test_logprobs_are_passed_on() -> None:
    result = {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
        "topCandidates": [
            {"candidates": [{"token": "Hi", "logProbability": -0.1}, {"token": "Yo", "logProbability": -3}]}
        ],
    }
    choice = answer(wire.candidate({"text": "Hi"}, logprobsResult=result))["choices"][0]

    assert choice["logprobs"]["content"][0]["token"] == "Hi"
    assert [top["token"] for top in choice["logprobs"]["content"][0]["top_logprobs"]] == ["Hi", "Yo"]


def test_several_candidates_are_several_choices() -> None:
    second = {**wire.candidate({"text": "B"}), "index": 1}

    assert [c["message"]["content"] for c in answer(wire.candidate({"text": "A"}), second)["choices"]] == ["A", "B"]


def test_a_stream_becomes_chunks_with_one_role_and_the_usage_apart() -> None:
    reader = open_events()
    first, seen = chunks(reader, wire.event(wire.candidate({"text": "Hel"}, finish=None)))
    second, done = chunks(reader, wire.event(wire.candidate({"text": "lo"})))

    assert first[0]["choices"][0]["delta"] == {"role": "assistant", "content": "Hel"}
    assert first[0]["choices"][0]["finish_reason"] is None
    assert second[0]["choices"][0] == {"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}
    assert (seen.text_bytes, seen.finished, done.finished, done.finish_reason) == (3, 0, 1, "stop")
    assert done.usage == READ
    usage = json.loads(done.usage_event[6:])
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 34)


def test_streamed_calls_are_counted_through_the_stream() -> None:
    reader = open_events()
    first, _ = chunks(reader, wire.event(wire.candidate({"text": "Hm", "thought": True}, CALL, finish=None)))
    second, _ = chunks(reader, wire.event(wire.candidate({"functionCall": {"name": "look"}}, finish=None)))
    last, facts = chunks(reader, wire.event(wire.candidate({"text": "", "thoughtSignature": "ZW5k"})))

    delta = first[0]["choices"][0]["delta"]
    assert delta["reasoning_content"] == "Hm"
    assert [call["index"] for call in delta["tool_calls"]] == [0]
    assert delta["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert [call["index"] for call in second[0]["choices"][0]["delta"]["tool_calls"]] == [1]
    assert last[0]["choices"][0]["delta"] == {"extra_content": {"google": {"thought_signature": "ZW5k"}}}
    assert facts.finish_reason == "tool_calls"


def test_a_blocked_prompt_ends_a_stream_as_filtered() -> None:
    found, facts = chunks(open_events(), b'data: {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}\n\n')

    assert found[0]["choices"][0]["finish_reason"] == "content_filter"
    assert (facts.finished, facts.finish_reason) == (1, "content_filter")


def test_a_second_finish_of_one_candidate_is_not_counted() -> None:
    reader = open_events()
    chunks(reader, wire.event(wire.candidate({"text": "Hi"})))

    assert chunks(reader, wire.event(wire.candidate()))[1].finished == 0


def test_events_that_carry_only_usage_pass_nothing() -> None:
    found, facts = chunks(open_events(), b"data: " + json.dumps({"usageMetadata": wire.USAGE}).encode() + b"\n\n")

    assert found == []
    assert facts.usage == READ


def test_failures_in_the_middle_are_errors() -> None:
    reader = open_events()
    chunks(reader, wire.event(wire.candidate({"text": "Hi"}, finish=None)))

    overload = reader.read(b"data: " + wire.error(503, "UNAVAILABLE", "Overloaded.") + b"\n\n")[1].error
    assert isinstance(overload, UpstreamUnavailable)
    broken = reader.read(wire.event(wire.candidate(finish="MALFORMED_FUNCTION_CALL")))[1].error
    assert isinstance(broken, BadAnswer)
    assert reader.read(b": keep-alive\n\n")[1].is_comment


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, wire.error(400, "INVALID_ARGUMENT", "bad field"), UpstreamRejected),
        (
            400,
            wire.error(
                400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."
            ),
            ContextTooLong,
        ),
        (
            400,
            wire.error(400, "INVALID_ARGUMENT", "API key not valid.", wire.error_info("API_KEY_INVALID")),
            CredentialRejected,
        ),
        (400, wire.error(400, "FAILED_PRECONDITION", "User location is not supported."), CredentialRejected),
        (403, wire.error(403, "PERMISSION_DENIED"), CredentialRejected),
        (404, wire.error(404, "NOT_FOUND"), ModelGone),
        (429, wire.error(429, "RESOURCE_EXHAUSTED"), RateLimited),
        (499, wire.error(499, "CANCELLED"), UpstreamUnavailable),
        (500, wire.error(500, "INTERNAL"), UpstreamUnavailable),
        (503, wire.error(503, "UNAVAILABLE"), UpstreamUnavailable),
        (504, wire.error(504, "DEADLINE_EXCEEDED"), UpstreamUnavailable),
        (429, b"[" + wire.error(429, "RESOURCE_EXHAUSTED") + b"]", RateLimited),
        (200, wire.error(429, "RESOURCE_EXHAUSTED"), RateLimited),
        (502, b"<html>Bad gateway</html>", UpstreamUnavailable),
        (200, b"<html>", BadAnswer),
        (302, b"", BadAnswer),
        (200, b"{}", BadAnswer),
    ],
)
def test_errors_become_what_to_do_about_them(status: int, body: bytes, kind: type[ProviderError]) -> None:
    assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    ("delay", "wait_ms"), [("34.074824224s", 34_075), ("7s", 7_000), ("soon", None), ("-3s", None)]
)
def test_the_wait_google_names_is_heard(delay: str, wait_ms: int | None) -> None:
    assert (
        refused(429, wire.error(429, "RESOURCE_EXHAUSTED", "Slow.", wire.retry_info(delay))).retry_after_ms == wait_ms
    )


def test_nothing_of_the_account_reaches_the_caller() -> None:
    body = wire.error(400, "INVALID_ARGUMENT", "API key AIza-secret not valid.", wire.error_info("API_KEY_INVALID"))
    failure = refused(400, body)

    assert "AIza" not in failure.message + failure.caller_message
    assert failure.body is None
