"""Callers of the Messages dialect on an upstream that speaks it, and fallbacks from one dialect to the other."""

from __future__ import annotations

import json
import time

import anthropic
import pytest

from routerapp.store.records import End
from tests import upstream as openai_wire
from tests.gateway.messages.stage import HI, TOOLS
from tests.providers import anthropic_wire as wire
from tests.runtimes import journal_of
from tests.scripted_upstream import streamed, whole


def test_an_upstream_of_its_own_dialect_gets_and_gives_the_same_bytes(stage):
    body = wire.message(content=[wire.THINKING, {"type": "brand_new", "x": 1}, {"type": "text", "text": "21"}])
    stage.anthropic.says(whole(body))
    sent = (
        b'{"model":"own", "max_tokens":99,"messages":[{"role":"user", "content":[{"type":"text","text":"GCD?",'
        b'"cache_control":{"type":"ephemeral"}}, {"type":"newest_block", "n": 1.50}]}],"thinking":{"type":"adaptive"},"new_field":{}}'
    )
    with stage.running.client(**{"anthropic-beta": "a-1,b-2", "anthropic-version": "2023-06-01"}) as client:
        answer = client.post("/v1/messages", content=sent)

    asked = stage.anthropic.asked[0]
    assert asked.path == "/v1/messages"
    assert asked.headers["anthropic-beta"] == "a-1,b-2"
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert b'"messages":' + sent.partition(b'"messages":')[2].partition(b',"thinking"')[0] in asked.raw
    assert asked.body == {**json.loads(sent), "model": "claude-like"}
    given = answer.json()
    cost = given["usage"].pop("cost")
    assert given == json.loads(body)
    assert cost == pytest.approx((2_595 * 1 + 1_000 * 1.25 + 503 * 2) / 1e6)
    attempt = stage.records(answer.headers["request-id"])[1]
    assert (attempt.input_tokens, attempt.cached_tokens, attempt.cache_write_tokens) == (3_595, 500, 1_000)
    assert attempt.price.cache_write_nusd_per_mtok == 1_250_000_000


@pytest.mark.parametrize("events", [wire.PLAIN_STREAM, wire.TOOL_STREAM, wire.THINKING_STREAM])
def test_streams_of_its_own_dialect_pass_unchanged_but_for_a_comment(stage, events):
    stage.anthropic.says(streamed(events))
    body = {"model": "own", "max_tokens": 99, "messages": HI, "stream": True}
    answer = stage.running.post(body, "/v1/messages")

    before, comment, after = answer.content.partition(b": x-router-decision-id=")
    assert before == b"".join(events[:-1])
    assert comment
    assert b" x-router-cost-usd=0.0" in after
    assert after.partition(b"\n\n")[2] == wire.STOP
    end = stage.records(answer.headers["x-router-request-id"])[-1]
    assert isinstance(end, End)
    assert end.status == "ok"


def test_the_client_reads_a_stream_of_its_own_dialect(stage):
    stage.anthropic.says(streamed(wire.THINKING_STREAM))
    with stage.client.messages.stream(model="own", max_tokens=99, messages=HI) as stream:
        message = stream.get_final_message()

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].signature == "EqQBCgIYAhIM1gbcDa9GJwZA2b3h=="


def test_an_error_inside_a_stream_of_its_own_dialect(stage):
    stage.anthropic.says(streamed([*wire.PLAIN_STREAM[:5], wire.event(wire.OVERLOADED)], pauses=True))
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(stage.client.messages.create(model="own", max_tokens=50, messages=HI, stream=True))

    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["code"] == "upstream_unavailable"


def test_leaving_ends_the_upstream(stage):
    stage.anthropic.says(streamed(wire.PLAIN_STREAM[:5], stays_open=True))
    with stage.client.messages.stream(model="own", max_tokens=50, messages=HI) as stream:
        for event in stream:
            if event.type == "text":
                break

    assert stage.anthropic.client_left.wait(60)


def test_leaving_a_retold_stream_ends_the_upstream_too(stage):
    stage.openai.says(streamed([openai_wire.ROLE, *openai_wire.WORDS], stays_open=True))
    with stage.client.messages.stream(model="other", max_tokens=50, messages=HI) as stream:
        for event in stream:
            if event.type == "text":
                break

    assert stage.openai.client_left.wait(60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ends = [one for one in journal_of(stage.running.runtime) if isinstance(one, End)]
        if ends[-1].status == "cancelled":
            break
        time.sleep(0.02)
    assert ends[-1].status == "cancelled"


def test_falls_back_from_an_openai_upstream_to_one_of_its_own_dialect(stage):
    stage.openai.says(whole(openai_wire.error("down").encode(), 503))
    stage.anthropic.says(whole(wire.message()))

    message = stage.ask("shaky-1")

    assert message.content[0].text == "Hi! My name is Claude."
    assert message.id == wire.MESSAGE["id"]


def test_and_the_other_way_round_for_a_caller_of_the_openai_dialect(stage):
    stage.openai.says(whole(openai_wire.error("down").encode(), 503))
    stage.anthropic.says(streamed(wire.TOOL_STREAM))
    function = {"name": "get_weather", "parameters": TOOLS[0]["input_schema"]}
    body = {"model": "shaky-2", "messages": HI, "stream": True, "tools": [{"type": "function", "function": function}]}
    answer = stage.running.post(body | {"stream_options": {"include_usage": True}})

    events = [part[6:] for part in answer.content.split(b"\n\n") if part.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert chunks[-1]["usage"]["completion_tokens"] == 89
    assert chunks[-1]["usage"]["cost"] > 0
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "tool_calls"
    assert stage.anthropic.asked[0].body["tools"][0]["name"] == "get_weather"


def test_a_stream_falls_back_before_its_first_token(stage):
    stage.openai.says(streamed([openai_wire.ROLE]))
    stage.anthropic.says(streamed(wire.PLAIN_STREAM))
    with stage.client.messages.stream(model="shaky-3", max_tokens=50, messages=HI) as stream:
        message = stream.get_final_message()

    assert message.content[0].text == "Hello 世界"
    assert stage.openai.asked


def test_a_step_that_cannot_say_it_is_passed_over(stage):
    stage.openai.says(whole(json.loads(openai_wire.whole())))
    stage.anthropic.says(whole(wire.message()))

    answer = stage.running.post({"model": "cached", "messages": HI, "seed": 7})

    assert answer.headers["x-router-model"] == "other"
    assert stage.anthropic.asked == []
    assert stage.openai.asked[0].body["seed"] == 7


@pytest.mark.parametrize("model", ["own", "other"])
def test_the_record_is_written_before_the_last_event_leaves(stage, model):
    stage.anthropic.says(streamed(wire.PLAIN_STREAM))
    packets = [openai_wire.ROLE, *openai_wire.WORDS, openai_wire.STOP, openai_wire.USAGE_EVENT, openai_wire.DONE]
    stage.openai.says(streamed(packets))
    raw = stage.client.messages.with_raw_response.create(model=model, max_tokens=50, messages=HI, stream=True)

    for event in raw.parse():
        if event.type == "message_stop":
            assert isinstance(stage.records(raw.headers["request-id"])[-1], End)
            return
    pytest.fail("no message_stop")


@pytest.mark.parametrize("is_streaming", [False, True])
def test_the_exact_cache_gives_the_same_bytes_again(stage, is_streaming):
    stage.anthropic.says(streamed(wire.THINKING_STREAM) if is_streaming else whole(wire.message()))
    body = {"model": "cached", "max_tokens": 50, "messages": HI, "stream": is_streaming}

    first, second = stage.running.post(body, "/v1/messages"), stage.running.post(body, "/v1/messages")
    with stage.running.client(**{"anthropic-beta": "other-answers-2026"}) as client:
        third = client.post("/v1/messages", json=body)

    assert [one.headers["x-router-cache"] for one in (first, second, third)] == ["miss", "hit", "miss"]
    assert len(stage.anthropic.asked) == 2
    if is_streaming:
        assert first.content.partition(b": x-router")[0] == second.content.partition(b": x-router")[0]
        assert second.content.endswith(wire.STOP)
    else:
        assert first.json()["content"] == second.json()["content"]
        assert second.json()["usage"]["cost"] == 0


def test_the_beta_client_is_served_too(stage):
    stage.anthropic.says(whole(wire.message()))

    message = stage.client.beta.messages.create(model="own", max_tokens=50, messages=HI, betas=["files-api-2025-04-14"])

    assert message.content[0].text == "Hi! My name is Claude."
    assert stage.anthropic.asked[0].headers["anthropic-beta"] == "files-api-2025-04-14"
