"""The official Anthropic client with nothing changed but base_url and model."""

from __future__ import annotations

import anthropic
import pytest

from routerapp.store.records import AttemptEnd
from tests.gateway.messages.stage import HI, TOOLS


def test_gets_a_plain_answer_with_its_cost_and_the_routers_headers(stage):
    raw = stage.client.messages.with_raw_response.create(model="simulated", max_tokens=200, messages=HI)

    message = raw.parse()
    assert message.content[0].text
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.usage.output_tokens > 0
    assert message.usage.cost > 0
    assert raw.headers["x-router-model"] == "simulated"
    assert raw.headers["x-router-decision-id"] == raw.headers["request-id"] == message._request_id
    begin, attempt, end = stage.records(raw.headers["request-id"])
    assert (begin.dialect, begin.endpoint) == ("anthropic", "chat")
    assert isinstance(attempt, AttemptEnd)
    assert (end.status, end.output_tokens) == ("ok", message.usage.output_tokens)


def test_gets_a_stream_in_the_vendors_order(stage):
    with stage.client.messages.stream(model="simulated", max_tokens=200, messages=HI) as stream:
        kinds = [event.type for event in stream if event.type != "text"]
        message = stream.get_final_message()

    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert message.content[0].text
    assert message.usage.output_tokens > 0


def test_stops_at_max_tokens(stage):
    assert stage.ask(max_tokens=1).stop_reason == "max_tokens"


def test_calls_a_tool_and_takes_its_result(stage):
    asked = [{"role": "user", "content": "What is the weather in Paris? Use the tool."}]
    first = stage.ask(tools=TOOLS, tool_choice={"type": "any"}, messages=asked)

    call = next(block for block in first.content if block.type == "tool_use")
    assert first.stop_reason == "tool_use"
    assert call.name == "get_weather"
    assert isinstance(call.input["city"], str)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 °C"}
    messages = [*asked, first.to_param(), {"role": "user", "content": [result]}]
    assert stage.ask(messages=messages).content[0].text


def test_streams_a_tool_call(stage):
    members = {"tools": TOOLS, "tool_choice": {"type": "any"}, "max_tokens": 200}
    with stage.client.messages.stream(model="simulated", messages=HI, **members) as stream:
        message = stream.get_final_message()

    assert message.stop_reason == "tool_use"
    assert message.content[-1].input.keys() == {"city"}


def test_counts_tokens_and_says_that_it_is_an_estimate(stage):
    raw = stage.client.messages.with_raw_response.count_tokens(
        model="simulated", system="Be brief.", messages=[{"role": "user", "content": "x" * 400}], tools=TOOLS
    )

    assert 100 < raw.parse().input_tokens < 250
    assert raw.headers["x-router-token-count"] == "estimated"


def test_explains_itself_when_asked(stage):
    explained = {"x-router-explain": "1"}
    message = stage.ask(extra_headers=explained)
    with stage.client.messages.stream(model="simulated", max_tokens=50, messages=HI, extra_headers=explained) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_message().content[0].text

    assert message.router_metadata["decision"]["plan"][0]["deployment"] == "simulated"
    assert kinds[-3:] == ["router_metadata", "message_delta", "message_stop"]


def test_takes_the_routers_extras(stage):
    raw = stage.client.messages.with_raw_response.create(
        model="simulated",
        max_tokens=20,
        messages=HI,
        metadata={"user_id": "somebody"},
        extra_body={"router": {"tags": ["eval"]}, "tags": ["nightly"]},
    )

    begin = stage.records(raw.headers["request-id"])[0]
    assert begin.user_hash
    assert begin.inputs.facts.tags == ("nightly", "eval")


def test_errors_come_in_the_vendors_shape(stage):
    with pytest.raises(anthropic.NotFoundError) as caught:
        stage.ask(model="no-such-model")

    body = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "not_found_error"
    assert body["error"]["code"] == "model_not_found"
    assert body["request_id"] == caught.value.request_id


def test_a_wrong_key_is_told_so(stage):
    client = stage.client.with_options(api_key="sb_live_wrong")
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client.messages.create(model="auto", max_tokens=5, messages=HI)

    assert caught.value.body["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("headers", [{"x-api-key": "KEY"}, {"authorization": "Bearer KEY"}])
def test_takes_the_key_in_either_place(stage, headers):
    headers = {name: value.replace("KEY", stage.running.key.full) for name, value in headers.items()}
    with stage.running.client() as client:
        del client.headers["authorization"]
        answer = client.post(
            "/v1/messages", json={"model": "simulated", "max_tokens": 5, "messages": HI}, headers=headers
        )

    assert answer.status_code == 200
    assert answer.json()["type"] == "message"
