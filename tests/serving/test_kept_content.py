"""What a policy that keeps content has written down: redacted, bounded, in one shape, and nothing where it keeps none."""

from __future__ import annotations

import orjson
import pytest

from routerapp.serving.answer_text import AnswerText
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from tests.runtimes import CALLER, QUICK, a_chat, a_policy, a_runtime, a_snapshot, journal_of

KEEPING = a_policy() | {"content": {"keep": "redacted", "days": 7}}
MAIL = "jane@example.com"


def a_keeping_runtime(tmp_path, **snapshot):
    return a_runtime(tmp_path, a_snapshot(policies=[snapshot.pop("policy", KEEPING)], **snapshot))


async def kept(runtime, chat):
    """(chat, answer) as they are written down."""
    served = await serve_chat(runtime, chat, CALLER)
    if served.stream is not None:
        async for _ in served.stream:
            pass
    begin, end = journal_of(runtime)[0], journal_of(runtime)[-1]
    return tuple(None if one is None else orjson.loads(one) for one in (begin.chat_body, end.answer))


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_chat_and_answer_are_kept_without_what_must_not_be(tmp_path, is_streaming):
    chat = a_chat(
        f"Write to {MAIL}",
        stream=is_streaming,
        temperature=0.3,
        user="jane",
        metadata={"session": "s"},
        tools=[{"type": "function", "function": {"name": "mail", "description": f"as {MAIL}", "parameters": {}}}],
    )
    body, answer = await kept(a_keeping_runtime(tmp_path), chat)

    assert body["messages"] == [{"role": "user", "content": "Write to [email]"}]
    assert body["tools"][0]["function"]["description"] == "as [email]"
    assert (body["temperature"], body["signalbox"]) == (0.3, {"redacted": 2, "is_cut": False})
    assert not {"user", "metadata"} & body.keys()
    assert "jane" not in orjson.dumps([body, answer]).decode()
    choice = answer["choices"][0]
    assert choice["content"] or choice["tool_calls"]
    assert choice["finish_reason"] in ("stop", "tool_calls")


async def test_plain_and_streamed_answers_look_the_same(tmp_path):
    answers = []
    for is_streaming in (False, True):
        runtime = a_keeping_runtime(tmp_path / str(is_streaming))
        answers.append((await kept(runtime, a_chat("Say hello to me", stream=is_streaming)))[1])

    plain, streamed = (sorted(answer["choices"][0]) for answer in answers)
    assert plain == streamed
    assert isinstance(answers[1]["choices"][0]["content"], str)


async def test_nothing_is_kept_unless_the_policy_says_so(tmp_path):
    assert await kept(a_runtime(tmp_path), a_chat("hello")) == (None, None)


async def test_a_refused_or_failed_request_keeps_its_chat(tmp_path):
    broken = QUICK | {"script": [{"on": "Say", "do": "500"}]}
    runtime = a_keeping_runtime(tmp_path, simulations={"cheap": broken, "dear": broken})
    with pytest.raises(Refused):
        await serve_chat(runtime, a_chat(), CALLER)

    begin, end = journal_of(runtime)[0], journal_of(runtime)[-1]
    assert orjson.loads(begin.chat_body)["messages"]
    assert end.answer is None


async def test_what_arrived_of_a_stream_that_was_left_is_kept(tmp_path):
    runtime = a_keeping_runtime(tmp_path, simulations={"cheap": QUICK | {"output_tokens": {"mean": 400}}})
    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    for _ in range(4):
        await anext(served.stream)
    await served.stream.aclose()

    end = journal_of(runtime)[-1]
    assert end.status == "cancelled"
    assert orjson.loads(end.answer)["choices"][0]["content"]


async def test_a_cached_answer_is_kept_again(tmp_path):
    policy = KEEPING | {"cache": {"mode": "exact"}}
    runtime = a_keeping_runtime(tmp_path, policy=policy)
    _, first = await kept(runtime, a_chat())
    await kept(runtime, a_chat())

    end = journal_of(runtime)[-1]
    assert end.cache == "hit"
    assert orjson.loads(end.answer) == first


async def test_a_chat_that_nobody_may_answer_is_kept_too(tmp_path):
    runtime = a_keeping_runtime(tmp_path, policy=KEEPING | {"default": {"reject": "No."}})
    with pytest.raises(Refused):
        await serve_chat(runtime, a_chat(f"hello {MAIL}"), CALLER)

    assert orjson.loads(journal_of(runtime)[0].chat_body)["messages"][0]["content"] == "hello [email]"


async def test_images_and_files_are_left_out(tmp_path):
    parts = [
        {"type": "text", "text": f"Who is {MAIL}?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    chat = a_chat(messages=[{"role": "user", "content": parts}])
    body, _ = await kept(a_keeping_runtime(tmp_path), chat)

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Who is [email]?"},
        {"type": "image_url", "is_left_out": True},
    ]


async def test_of_a_long_chat_the_newest_is_kept(tmp_path):
    long = [{"role": "user", "content": letter * 130_000} for letter in "abc"]
    body, _ = await kept(a_keeping_runtime(tmp_path), a_chat(messages=long))

    assert [message["content"][:1] for message in body["messages"]] == ["a", "b", "c"]
    assert [len(message["content"]) for message in body["messages"][1:]] == [130_000, 130_000]
    assert body["messages"][0]["content"].endswith("[cut]")
    assert body["signalbox"]["is_cut"]
    assert len(orjson.dumps(body)) < 300_000


def test_the_words_of_an_answer_in_the_messages_dialect() -> None:
    text = AnswerText()
    text.take_events(
        b'event: message_start\ndata: {"type":"message_start","message":{"content":[]}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel'
    )
    text.take_events(
        b'lo"}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":1,'
        b'"content_block":{"type":"tool_use","name":"f","input":{}}}\n\n'
        b'data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"}}\n\n'
    )

    call = {"name": "f", "arguments": "{}"}
    assert text.choices == [{"content": "Hello", "tool_calls": [call], "finish_reason": "tool_use"}]
    whole = AnswerText()
    whole.take_body(
        b'{"type":"message","stop_reason":"tool_use","content":[{"type":"text","text":"Hello"},'
        b'{"type":"tool_use","name":"f","input":{}}]}'
    )
    assert whole.choices[0]["content"] == "Hello"
    assert whole.choices[0]["tool_calls"][0]["name"] == "f"


@pytest.mark.parametrize(
    "body",
    [
        b"rubbish",
        b"[]",
        b'{"choices":[null,{"delta":3},{"index":"x","message":{"tool_calls":[1,{"function":7}]}}]}',
        b'{"type":"message","content":"x"}',
        b'{"type":"content_block_delta","delta":[]}',
        b'{"choices":{"a":1}}',
    ],
)
def test_a_hostile_answer_does_no_harm(body: bytes) -> None:
    for take in (AnswerText().take_body, lambda raw: AnswerText().take_events(b"data: " + raw + b"\n\n")):
        take(body)


def test_an_answer_is_cut_at_the_limit() -> None:
    text = AnswerText(most=10)
    for _ in range(5):
        text.take_events(b'data: {"choices":[{"index":0,"delta":{"content":"four"}}]}\n\n')

    assert text.choices == [{"content": "fourfourfo"}]
    assert text.is_cut
