"""Chunks of the OpenAI dialect retold as events of a Message: in the vendor's order whatever order the chunks have."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.gateway.messages.answer import to_message
from routerapp.gateway.messages.events import MessageEvents
from routerapp.providers.openai import OpenAIEvents

DONE = b"data: [DONE]\n\n"
READER = OpenAIEvents()
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}, "cost": 0.25}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c-1", "model": "m", "choices": choices} | more).encode() + b"\n\n"


def retold(packets: list[bytes], *, has_thinking: bool = True) -> list[dict[str, Any]]:
    events = MessageEvents("r-1", 9, has_thinking=has_thinking)
    written = b"".join(events.feed(packet) for packet in packets)
    found = []
    for part in written.split(b"\n\n"):
        if part and not part.startswith(b":"):
            name, data = part.split(b"\n")
            document = json.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + document["type"].encode()
            found.append(document)
    return found


def whole(*deltas: dict[str, Any], finish: str = "stop") -> list[bytes]:
    return [*(chunk(delta) for delta in deltas), chunk({}, finish), chunk(usage=USAGE), DONE]


def said(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(type, text or arguments) of each block; checks that one is open at a time and that they are counted from 0."""
    blocks: list[list[Any]] = []
    is_open = False
    for event in events:
        if event["type"] == "content_block_start":
            assert not is_open
            assert event["index"] == len(blocks)
            block = event["content_block"]
            blocks.append([block["type"], "", *((block["id"], block["name"]) if block["type"] == "tool_use" else ())])
            is_open = True
        elif event["type"] == "content_block_delta":
            assert is_open
            assert event["index"] == len(blocks) - 1
            delta = event["delta"]
            blocks[-1][1] += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
        elif event["type"] == "content_block_stop":
            assert is_open
            assert event["index"] == len(blocks) - 1
            is_open = False
    assert not is_open
    return [tuple(block) for block in blocks]


def test_begins_and_ends_as_the_vendor_does() -> None:
    events = retold(whole({"role": "assistant", "content": ""}, {"content": "Hi"}))

    assert [event["type"] for event in events] == [
        *("message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert events[0]["message"] == {
        "id": "c-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events[-2]["usage"] == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 3,
        "cost": 0.25,
    }


def test_an_empty_answer_is_still_a_message() -> None:
    types = [event["type"] for event in retold([DONE])]

    assert types == ["message_start", "ping", "message_delta", "message_stop"]


def test_an_error_is_the_last_word() -> None:
    error = {"type": "insufficient_quota", "message": "No money.", "code": "budget_exceeded"}

    events = retold([chunk({"content": "Hi"}), b"data: " + json.dumps({"error": error}).encode() + b"\n\n"])

    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "billing_error"
    assert "message_stop" not in [event["type"] for event in events]


def test_thoughts_come_only_to_those_who_take_them() -> None:
    packets = whole({"reasoning_content": "Hm"}, {"content": "Hi"})

    assert said(retold(packets)) == [("thinking", "Hm"), ("text", "Hi")]
    assert said(retold(packets, has_thinking=False)) == [("text", "Hi")]


def test_a_refusal_in_words_is_text_and_a_reason() -> None:
    events = retold(whole({"refusal": "I will not."}))

    assert said(events) == [("text", "I will not.")]
    assert events[-2]["delta"]["stop_reason"] == "refusal"


def test_servers_that_do_not_number_their_calls() -> None:
    def call(**members: Any) -> dict[str, Any]:
        return {"tool_calls": [{"type": "function", **members}]}

    packets = whole(
        call(id="a", function={"name": "f", "arguments": '{"x":'}),
        call(function={"arguments": "1}"}),
        call(id="b", function={"name": "g", "arguments": "{}"}),
        finish="tool_calls",
    )

    assert said(retold(packets)) == [("tool_use", '{"x":1}', "a", "f"), ("tool_use", "{}", "b", "g")]


def test_servers_that_give_each_call_the_same_number() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    second = {"index": 0, "id": "b", "function": {"name": "g", "arguments": '{"q"'}}
    rest = {"index": 0, "function": {"arguments": ":1}"}}

    events = retold(whole(*({"tool_calls": [one]} for one in (first, second, rest)), finish="tool_calls"))

    assert said(events) == [("tool_use", "{}", "a", "f"), ("tool_use", '{"q":1}', "b", "g")]


def test_calls_without_ids_get_ids_of_their_own_and_arguments_that_are_no_text_are_kept() -> None:
    calls = [{"function": {"name": "f", "arguments": {"x": 1}}}, {"function": {"name": "g", "arguments": "{}"}}]
    body = {"choices": [{"index": 0, "message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}

    content = json.loads(to_message(json.dumps(body).encode(), "r-1", has_thinking=False))["content"]
    numbered = [{"index": place, **call} for place, call in enumerate(calls)]
    streamed = said(retold(whole({"tool_calls": numbered}, finish="tool_calls")))

    assert [(one["name"], one["input"]) for one in content] == [("f", {"x": 1}), ("g", {})]
    assert [json.loads(one[1]) for one in streamed] == [{"x": 1}, {}]
    assert [one["id"] for one in content] == [one[2] for one in streamed] == ["toolu_r-1_0", "toolu_r-1_1"]


def test_a_chunk_with_words_is_never_taken_for_the_routers_own() -> None:
    events = retold([chunk({"content": "kept"}, router_metadata={"a": 1}), chunk({}, "stop"), DONE])

    assert said(events) == [("text", "kept")]
    assert all(event["type"] != "router_metadata" for event in events)


def test_a_comment_passes() -> None:
    assert MessageEvents("r", 1, has_thinking=False).feed(b": keep-alive\n\n") == b": keep-alive\n\n"


CALLS = st.lists(
    st.tuples(st.sampled_from(("f", "g")), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)), max_size=4
)


@given(CALLS, st.randoms(use_true_random=False), st.lists(st.text("ab", min_size=1, max_size=3), max_size=3))
@settings(max_examples=150)
def test_nothing_is_lost_or_mixed_however_calls_are_interleaved(calls: Any, random: Any, texts: list[str]) -> None:
    """Each call's pieces stay in order; beyond that any order."""
    queues: list[list[dict[str, Any]]] = []
    for number, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        first = {"index": number, "id": f"id-{number}", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": number, "function": {"arguments": letter}} for letter in text]
        queues.append([{"tool_calls": [piece]} for piece in (first, *pieces)])
    queues.append([{"content": text} for text in texts])
    deltas = []
    while any(queues):
        deltas.append(random.choice([queue for queue in queues if queue]).pop(0))

    blocks = said(retold(whole(*deltas, finish="tool_calls")))

    assert "".join(block[1] for block in blocks if block[0] == "text") == "".join(texts)
    found = {block[2]: (block[3], json.loads(block[1])) for block in blocks if block[0] == "tool_use"}
    assert found == {f"id-{number}": (name, arguments) for number, (name, arguments) in enumerate(calls)}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(("index", "id", "function", "name", "arguments", "text", "type")), inner, max_size=4
        )
    ),
    max_leaves=8,
)
DELTAS = st.dictionaries(
    st.sampled_from(("content", "refusal", "reasoning_content", "reasoning", "tool_calls", "role")),
    ODD | st.lists(ODD, max_size=3),
)


@given(st.lists(DELTAS, max_size=6), st.booleans(), st.dictionaries(st.sampled_from(("usage", "choices", "id")), ODD))
@settings(max_examples=150)
def test_odd_chunks_still_make_a_well_formed_message(deltas: Any, has_thinking: bool, members: dict[str, Any]) -> None:
    """The adapter has checked only what it needs: anything may stand in a delta."""
    packets = [chunk({"content": "x"}, **members), *whole(*deltas)]

    events = retold([one for one in packets if READER.read(one)[1].error is None], has_thinking=has_thinking)

    said(events)
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"


@given(DELTAS, st.sampled_from(("stop", "length", "tool_calls", "content_filter", "eos", None)))
@settings(max_examples=100)
def test_odd_answers_still_make_a_message(message: Any, finish: str | None) -> None:
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": USAGE}).encode()

    made = json.loads(to_message(body, "r-1", has_thinking=True))

    assert made["type"] == "message"
    assert made["id"] == "msg_r-1"
    assert (made["stop_reason"] is None) == (finish is None)
