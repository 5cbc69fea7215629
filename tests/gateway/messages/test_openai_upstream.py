"""Callers of the Messages dialect on an upstream of the OpenAI dialect: every request travels over HTTP twice."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from routerapp.store.records import Begin
from tests import upstream as openai_wire
from tests.gateway.messages.stage import HI, PNG, TOOLS
from tests.scripted_upstream import streamed, whole


def test_asks_an_openai_upstream_in_its_own_words(stage):
    stage.openai.says(whole(json.loads(openai_wire.whole("Grüße"))))
    message = stage.ask(
        "other",
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        tools=TOOLS,
        tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "low"},
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                ],
            }
        ],
    )

    body = stage.openai.asked[0].body
    assert stage.openai.asked[0].path == "/v1/chat/completions"
    assert body["model"] == "gpt-like"
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert body["parallel_tool_calls"] is False
    assert body["stop"] == ["END"]
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert message.content[0].text == "Grüße"
    assert message.usage.input_tokens == 7
    assert message.usage.cache_read_input_tokens == 4
    assert message.model == "real-model-0613"


def test_streams_from_an_openai_upstream(stage):
    packets = [openai_wire.ROLE, *openai_wire.WORDS, openai_wire.STOP, openai_wire.USAGE_EVENT, openai_wire.DONE]
    stage.openai.says(streamed(packets))
    with stage.client.messages.stream(model="other", max_tokens=50, messages=HI) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()

    assert text == "Hello there 世界"
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 7, 3)
    assert stage.openai.asked[0].body["stream_options"] == {"include_usage": True}


def test_parallel_tool_calls_of_an_openai_upstream_become_blocks_one_after_the_other(stage):
    def piece(index: int, arguments: str, **more: Any) -> bytes:
        call = {"index": index, "function": {"arguments": arguments} | more.pop("named", {}), **more}
        return openai_wire.event({"tool_calls": [call]})

    packets = [
        openai_wire.ROLE,
        openai_wire.event({"content": "Looking."}),
        piece(0, "", id="call_a", named={"name": "get_weather"}),
        piece(0, '{"city": '),
        piece(1, "", id="call_b", named={"name": "get_weather"}),
        piece(1, '{"city": "Rome"}'),
        piece(0, '"Paris"}'),
        openai_wire.event({}, "tool_calls"),
        openai_wire.USAGE_EVENT,
        openai_wire.DONE,
    ]
    stage.openai.says(streamed(packets))
    with stage.client.messages.stream(model="other", max_tokens=50, messages=HI, tools=TOOLS) as stream:
        events = [(event.type, getattr(event, "index", None)) for event in stream if event.type.startswith("content")]
        message = stream.get_final_message()

    assert [(block.type, getattr(block, "input", None)) for block in message.content] == [
        ("text", None),
        ("tool_use", {"city": "Paris"}),
        ("tool_use", {"city": "Rome"}),
    ]
    assert [block.id for block in message.content[1:]] == ["call_a", "call_b"]
    opened = [index for kind, index in events if kind == "content_block_start"]
    closed = [index for kind, index in events if kind == "content_block_stop"]
    assert opened == closed == [0, 1, 2]
    assert message.stop_reason == "tool_use"


def test_a_tools_result_travels_to_an_openai_upstream(stage):
    stage.openai.says(whole(json.loads(openai_wire.whole("18"))))
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True}
    stage.ask(
        "other",
        tools=TOOLS,
        messages=[
            *HI,
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "…", "signature": "s"}, call]},
            {
                "role": "user",
                "content": [
                    {**result, "content": [{"type": "text", "text": "no map"}, image]},
                    {"type": "text", "text": "Go on"},
                ],
            },
        ],
    )

    assert stage.openai.asked[0].body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: no map"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "text", "text": "Go on"},
            ],
        },
    ]


def test_thoughts_of_an_openai_upstream_are_given_to_callers_who_take_thoughts(stage):
    document = json.loads(openai_wire.whole("21"))
    document["choices"][0]["message"]["reasoning_content"] = "GCD…"
    stage.openai.says(whole(document))
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1_024}, "max_tokens": 2_000}

    asking, silent = stage.ask("other", **thinking), stage.ask("other")

    assert [block.type for block in asking.content] == ["thinking", "text"]
    assert asking.content[0].thinking == "GCD…"
    assert [block.type for block in silent.content] == ["text"]
    assert stage.openai.asked[0].body["reasoning_effort"] == "low"


def test_what_an_openai_upstream_cannot_express_is_refused_by_name(stage):
    stage.openai.says(whole(json.loads(openai_wire.whole())))
    search = {"type": "web_search_20260209", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError) as caught:
        stage.ask("other", tools=[search])

    error = caught.value.body["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", "tools[0]")
    assert "web_search" in error["message"]
    assert stage.openai.asked == []


def test_or_dropped_with_a_warning_where_the_policy_says_so(stage):
    stage.openai.says(whole(json.loads(openai_wire.whole())))
    raw = stage.client.messages.with_raw_response.create(
        model="slack", max_tokens=20, messages=HI, extra_body={"made_up_by_anthropic": 1}
    )

    assert raw.headers["x-router-warnings"] == "dropped:made_up_by_anthropic"
    assert "made_up_by_anthropic" not in stage.openai.asked[0].body
    records = stage.records(raw.headers["request-id"])
    assert [one.warnings for one in records if not isinstance(one, Begin)] == [("dropped:made_up_by_anthropic",)] * 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, openai_wire.error("bad image", kind="invalid_request_error"), anthropic.BadRequestError),
        (429, openai_wire.error("slow down"), anthropic.RateLimitError),
        (500, openai_wire.error("oops"), anthropic.InternalServerError),
        (401, openai_wire.error("Incorrect API key"), anthropic.InternalServerError),
    ],
)
def test_an_upstreams_failure_is_told_in_the_callers_dialect(stage, status, body, error):
    stage.openai.says(whole(body.encode(), status))
    with pytest.raises(error) as caught:
        stage.ask("other")

    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["router"]["attempts"][0]["http_status"] == status


def test_a_stream_that_breaks_ends_with_an_error_and_no_message_stop(stage):
    broken = b'data: {"choices": [{"delta": {"content"\n\n'
    stage.openai.says(streamed([openai_wire.ROLE, *openai_wire.WORDS, broken], pauses=True))
    events: list[str] = []
    stream = stage.client.messages.create(model="other", max_tokens=50, messages=HI, stream=True)
    with pytest.raises(anthropic.APIStatusError) as caught:
        events.extend(event.type for event in stream)

    assert caught.value.body["error"]["type"] == "api_error"
    assert caught.value.body["error"]["code"] == "bad_answer"
