"""A chat in the OpenAI shape as a Messages request: what goes upstream, and what has no words there."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.engine.chat import RouterExtras
from routerapp.providers.anthropic.adapter import AnthropicAdapter
from tests.providers import anthropic_wire as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = AnthropicAdapter(lambda: 1_790_000_000)
URL = "https://api.anthropic.com"
JSON = {"content-type": "application/json"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def target(**more: Any) -> Any:
    return make_target(url=URL, kind="anthropic", upstream_model="claude-opus-5-5", credential="key-1", **more)


def sent(parameters: dict[str, Any] | None = None, options: dict[str, Any] | None = None, **fields: Any) -> Any:
    chat = make_chat(**fields)
    request = ADAPTER.build_request(chat, target(options=options or {}, max_output_tokens=64_000), parameters or {})
    return json.loads(request.body)


def refused(options: dict[str, Any] | None = None, **fields: Any) -> dict[str, bool]:
    found = ADAPTER.impossible(make_chat(**fields), target(options=options or {}))
    assert all(one.reason for one in found)
    return {one.field: one.is_droppable for one in found}


def answer(body: bytes, status: int = 200, headers: dict[str, str] = JSON) -> Any:
    return ADAPTER.read_reply(make_chat(), status, headers, body)


def test_asks_for_a_message_with_the_versions_and_the_credential() -> None:
    request = ADAPTER.build_request(make_chat(), target(max_output_tokens=64_000), {})

    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers["x-api-key"] == "key-1"
    assert request.headers["anthropic-version"] == "2026-10-21"
    assert "authorization" not in request.headers
    assert json.loads(request.body) == {
        "model": "claude-opus-5-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}],
        "max_tokens": 64_000,
    }


@pytest.mark.parametrize("base", [URL, URL + "/", URL + "/v1", URL + "/v1/"])
def test_takes_an_address_with_and_without_the_version(base: str) -> None:
    request = ADAPTER.build_request(make_chat(), make_target(url=base, kind="anthropic"), {})

    assert request.url == URL + "/v1/messages"


def test_sends_a_callers_betas_on_but_nothing_that_is_no_header() -> None:
    chat = replace(make_chat(), headers={"anthropic-beta": "files-api-2025-04-14", "x-other": "1"})
    bad = replace(make_chat(), headers={"anthropic-beta": "a\r\nx-api-key: stolen"})

    assert ADAPTER.build_request(chat, target(), {}).headers["anthropic-beta"] == "files-api-2025-04-14"
    assert "x-other" not in ADAPTER.build_request(chat, target(), {}).headers
    assert "anthropic-beta" not in ADAPTER.build_request(bad, target(), {}).headers


def test_lifts_system_and_developer_messages_to_the_front() -> None:
    body = sent(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {
                "role": "developer",
                "content": [{"type": "text", "text": "In French.", "cache_control": {"type": "ephemeral"}}],
            },
        ]
    )

    assert body["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "In French.", "cache_control": {"type": "ephemeral"}},
    ]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert sent(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])["system"] == (
        "Be brief."
    )


def test_tool_results_open_the_users_turn_and_neighbours_become_one() -> None:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
        for n in (1, 2)
    ]
    body = sent(
        tools=[TOOL],
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "rain"}]},
            {"role": "user", "content": "And?"},
        ],
    )

    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
        {"type": "tool_use", "id": "call_2", "name": "get_weather", "input": {"city": "Paris"}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "rain"}]},
        {"type": "text", "text": "And?"},
    ]
    assert body["tools"] == [
        {
            "name": "get_weather",
            "description": "Weather of a city",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
        }
    ]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            {"type": "tool", "name": "get_weather"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_says_tool_choice_in_the_vendors_words(fields: dict[str, Any], choice: Any) -> None:
    assert sent(tools=[TOOL], **fields).get("tool_choice") == choice
    assert "tool_choice" not in sent(**fields), "the vendor refuses it without tools"


def test_images_and_files_become_blocks_with_a_source() -> None:
    png, pdf = base64.b64encode(b"png").decode(), base64.b64encode(b"%PDF").decode()
    text = base64.b64encode("Grüße".encode()).decode()
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf}"}},
        {"type": "file", "file": {"file_data": f"data:text/plain;charset=utf-8;base64,{text}"}},
        {"type": "text", "text": ""},
    ]

    blocks = sent(messages=[{"role": "user", "content": content}])["messages"][0]["content"]

    assert blocks[1:] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": pdf},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url"},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,//8="}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,AA=="}},
        {"type": "hologram"},
        {},
    ],
)
def test_refuses_parts_the_vendor_cannot_take_and_never_drops_them(part: dict[str, Any]) -> None:
    assert refused(messages=[{"role": "user", "content": [part]}]) == {"messages[0]": False}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "function", "name": "f", "content": "x"},
        {"role": "narrator", "content": "x"},
        {"role": "tool", "content": "no id"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
    ],
)
def test_refuses_messages_it_has_no_form_for(message: dict[str, Any]) -> None:
    assert refused(messages=[{"role": "user", "content": "Hi"}, message]) == {"messages[1]": False}


def test_a_system_prompt_alone_is_no_conversation() -> None:
    assert refused(messages=[{"role": "system", "content": "Be brief."}]) == {"messages": False}


def test_keeps_the_digits_of_tool_arguments_and_wraps_what_is_no_object() -> None:
    def call(arguments: Any) -> Any:
        function = {"name": "f", "arguments": arguments}
        messages = [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]},
        ]
        chat = make_chat(messages=messages)
        return ADAPTER.build_request(chat, target(), {}).body

    assert b'"input":{"n": 1.50, "big": 123456789012345678901234567890}' in call(
        '{"n": 1.50, "big": 123456789012345678901234567890}'
    )
    assert b'"input":{}' in call("")
    assert b'"input":{"INVALID_JSON":"{\\"city\\": "}' in call('{"city": ')
    assert b'"input":{"INVALID_JSON":"[1]"}' in call("[1]")


def test_an_id_the_vendor_refuses_is_replaced_the_same_way_everywhere() -> None:
    function = {"name": "f", "arguments": "{}"}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "call:1/ä", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "call:1/ä", "content": "x"},
    ]

    turns = sent(messages=messages)["messages"]

    used = turns[1]["content"][0]["id"]
    assert used == turns[2]["content"][0]["tool_use_id"]
    assert used.startswith("call_1_")
    assert used.replace("_", "").isalnum()


def test_carries_signed_thoughts_back_and_leaves_out_unsigned_ones() -> None:
    message = {
        "role": "assistant",
        "content": "21",
        "reasoning_content": "…",
        "thinking_blocks": [wire.THINKING, {"type": "thinking", "thinking": "x", "signature": ""}],
    }

    turns = sent(messages=[{"role": "user", "content": "GCD?"}, message, {"role": "user", "content": "Sure?"}])

    assert turns["messages"][1]["content"] == [wire.THINKING, {"type": "text", "text": "21"}]


def test_a_beginning_of_the_answer_ends_without_white_space() -> None:
    turns = sent(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "The answer is \n"}])

    assert turns["messages"][1]["content"] == [{"type": "text", "text": "The answer is"}]


def test_a_schema_becomes_the_output_format_closed_as_the_vendor_demands() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "$defs": {"d": {"type": "object", "properties": {}, "additionalProperties": True}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}

    output = sent(response_format=form)["output_config"]["format"]

    assert output["type"] == "json_schema"
    assert output["schema"]["additionalProperties"] is False
    assert output["schema"]["properties"]["a"]["items"]["additionalProperties"] is False
    assert output["schema"]["$defs"]["d"]["additionalProperties"] is True
    assert refused(response_format={"type": "json_object"}) == {"response_format": False}
    assert refused(response_format={"type": "text"}) == {}


@pytest.mark.parametrize(
    ("options", "effort", "thinking", "config"),
    [
        ({}, "high", {"type": "adaptive"}, {"effort": "high"}),
        ({}, "minimal", {"type": "adaptive"}, {"effort": "low"}),
        ({}, "none", {"type": "disabled"}, None),
        ({"thinking": "budget"}, "medium", {"type": "enabled", "budget_tokens": 8_192}, None),
        ({"thinking": "budget"}, "none", {"type": "disabled"}, None),
    ],
)
def test_reasoning_effort_becomes_thinking(options: Any, effort: str, thinking: Any, config: Any) -> None:
    body = sent(options=options, reasoning_effort=effort)

    assert body["thinking"] == thinking
    assert body.get("output_config") == config


def test_thinking_gives_way_to_what_it_cannot_stand_beside() -> None:
    body = sent(reasoning_effort="high", tools=[TOOL], tool_choice="required")
    small = sent(options={"thinking": "budget"}, reasoning_effort="high", max_tokens=1_500)

    assert "thinking" not in body
    assert body["output_config"] == {"effort": "high"}
    assert "thinking" not in small


def test_what_is_the_vendors_own_is_passed_through() -> None:
    own = {"thinking": {"type": "adaptive", "display": "omitted"}, "cache_control": {"type": "ephemeral"}}
    chat = make_chat(**own, inference_geo="eu", reasoning_effort="low")
    chat = replace(chat, extras=RouterExtras(metadata={"user_id": "u-1", "app": "x"}))

    body = json.loads(ADAPTER.build_request(chat, target(), {}).body)

    assert {name: body[name] for name in own} == own
    assert body["inference_geo"] == "eu"
    assert body["metadata"] == {"user_id": "u-1"}


def test_sampling_settings_are_impossible_unless_the_provider_still_takes_them() -> None:
    old = {"api_version": "2023-06-01"}
    settings = {"temperature": 0.2, "top_p": 0.9, "top_k": 5}

    assert refused(**settings) == {"temperature": True, "top_p": True, "top_k": True}
    assert refused(temperature=1, top_p=1.0) == {}
    assert refused(old, **settings) == {}
    assert refused(old, temperature=1.5) == {"temperature": True}
    assert not sent(**settings).keys() & settings.keys()
    assert not sent(temperature=1, top_p=1.0).keys() & settings.keys()
    assert {name: sent(options=old, **settings)[name] for name in settings} == settings
    assert ADAPTER.build_request(make_chat(), target(options=old), {}).headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("name", "value", "is_droppable"),
    [
        ("n", 2, True),
        ("logprobs", True, True),
        ("top_logprobs", 3, True),
        ("logit_bias", {"50256": -100}, True),
        ("seed", 7, True),
        ("presence_penalty", 0.5, True),
        ("frequency_penalty", 0.5, True),
        ("stop", ["\n"], True),
        ("verbosity", "low", True),
        ("made_up", 1, True),
        ("reasoning_effort", "enormous", True),
        ("audio", {"voice": "alloy"}, False),
        ("modalities", ["text", "audio"], False),
        ("functions", [{"name": "f"}], False),
    ],
)
def test_names_what_has_no_words_there_and_leaves_it_out(name: str, value: Any, is_droppable: bool) -> None:
    assert refused(**{name: value}) == {name: is_droppable}
    assert sent(**{name: value}).keys() <= {"model", "messages", "max_tokens"}


def test_what_the_dialect_assumes_anyway_is_no_obstacle() -> None:
    defaults = {"n": 1, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "modalities": ["text"]}

    assert refused(**defaults, seed=None, logit_bias={}, store=False, service_tier="auto", stop=["END"]) == {}
    assert sent(stop="END")["stop_sequences"] == ["END"]
    assert sent(service_tier="auto")["service_tier"] == "auto"


@pytest.mark.parametrize(
    ("fields", "limit"),
    [({}, 64_000), ({"max_tokens": 10}, 10), ({"max_tokens": 10, "max_completion_tokens": 20}, 20)],
)
def test_max_tokens_is_the_callers_else_the_models(fields: dict[str, Any], limit: int) -> None:
    assert sent(**fields)["max_tokens"] == limit
    assert sent({"max_tokens": 7}, **{"max_tokens": 10})["max_tokens"] == 7


def test_a_model_of_unknown_size_gets_a_limit_all_the_same() -> None:
    assert json.loads(ADAPTER.build_request(make_chat(), target(), {}).body)["max_tokens"] == 4_096


def test_serves_no_embeddings() -> None:
    chat = replace(make_chat(), endpoint="embeddings")

    assert [(one.field, one.is_droppable) for one in ADAPTER.impossible(chat, target())] == [("endpoint", False)]
