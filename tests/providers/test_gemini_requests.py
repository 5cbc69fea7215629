"""What goes to Gemini for a chat in the OpenAI shape, and what cannot be said there."""

import json
from typing import Any

import pytest

from routerapp.engine.chat import Chat
from routerapp.providers.base import UpstreamRequest
from routerapp.providers.gemini.adapter import GeminiAdapter
from routerapp.providers.gemini.contents import SKIP_SIGNATURE
from tests.providers.chats import make_chat, make_target

ADAPTER = GeminiAdapter(now_seconds=lambda: 1_700_000_000)
BASE = "https://generativelanguage.googleapis.com/v1beta"
PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": True,
    },
}


def build(chat: Chat, parameters: dict[str, Any] | None = None, **options: Any) -> UpstreamRequest:
    target = make_target(
        kind="gemini", url=BASE, upstream_model="gemini-3.5-flash", credential="AIza-key", options=options
    )
    return ADAPTER.build_request(chat, target, parameters or {})


def sent(parameters: dict[str, Any] | None = None, options: dict[str, Any] | None = None, **fields: Any) -> Any:
    return json.loads(build(make_chat(**fields), parameters, **(options or {})).body)


def impossible(options: dict[str, Any] | None = None, **fields: Any) -> dict[str, bool]:
    target = make_target(kind="gemini", url=BASE, options=options or {})
    return {one.field: one.is_droppable for one in ADAPTER.impossible(make_chat(**fields), target)}


def test_asks_the_model_by_name_with_the_key_in_a_header() -> None:
    request = build(make_chat())

    assert request.url == f"{BASE}/models/gemini-3.5-flash:generateContent"
    assert request.headers["x-goog-api-key"] == "AIza-key"
    assert "AIza" not in request.url + request.body.decode()
    assert json.loads(request.body) == {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}


def test_streams_come_as_events() -> None:
    assert build(make_chat(stream=True)).url == f"{BASE}/models/gemini-3.5-flash:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tunedModels/mine", "tunedModels/mine"),
        ("models/gemini-x", "models/gemini-x"),
        ("a b?c#d", "models/a%20b%3Fc%23d"),
    ],
)
def test_other_resources_keep_their_path_and_nothing_leads_out_of_it(name: str, path: str) -> None:
    target = make_target(kind="gemini", url=BASE, upstream_model=name)

    assert ADAPTER.build_request(make_chat(), target, {}).url == f"{BASE}/{path}:generateContent"


def test_system_and_developer_messages_become_the_instruction() -> None:
    body = sent(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "developer", "content": [{"type": "text", "text": "In German."}]},
            {"role": "user", "content": "Again"},
        ]
    )

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "In German."}]}
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]


def test_instructions_alone_are_asked_as_a_question() -> None:
    assert sent(messages=[{"role": "system", "content": "Greet."}]) == {
        "contents": [{"role": "user", "parts": [{"text": "Greet."}]}]
    }


def test_images_audio_and_files_go_as_bytes() -> None:
    body = sent(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                    {
                        "type": "file",
                        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
                    },
                ],
            }
        ]
    )

    assert body["contents"][0]["parts"] == [
        {"text": "What is this?"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
    ]


def test_image_addresses_are_refused_unless_google_may_fetch_them() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    messages = [{"role": "user", "content": [image]}]

    assert impossible(messages=messages) == {"messages[0]": False}
    assert impossible({"file_urls": True}, messages=messages) == {}
    parts = sent(options={"file_urls": True}, messages=messages)["contents"][0]["parts"]
    assert parts == [{"fileData": {"fileUri": "https://example.com/cat.png"}}]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "video_url", "video_url": {"url": "https://x/y"}}],
        [{"type": "image_url", "image_url": {"url": "data:image/png,notbase64"}}],
        [{"type": "image_url", "image_url": {}}],
        [{"type": "image_url"}],
        [{"type": "input_audio", "input_audio": {"data": "x", "format": "ogg"}}],
        [{"type": "file", "file": {"file_id": "file-1"}}],
        [{}],
    ],
)
def test_content_without_a_form_there_is_impossible_and_never_left_out(content: list[dict[str, Any]]) -> None:
    assert impossible(messages=[{"role": "user", "content": content}]) == {"messages[0]": False}


def test_tools_keep_their_json_schema() -> None:
    body = sent(tools=[WEATHER], tool_choice="required")

    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "get_weather",
                    "description": "Weather of a city",
                    "parametersJsonSchema": WEATHER["function"]["parameters"],  # type: ignore[index]
                }
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"mode": "ANY", "allowedFunctionNames": ["get_weather"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [WEATHER]}},
            {"mode": "ANY", "allowedFunctionNames": ["get_weather"]},
        ),
    ],
)
def test_the_choice_of_tools_is_said(choice: object, config: object) -> None:
    fields = {"tools": [WEATHER]} | ({} if choice is None else {"tool_choice": choice})

    assert impossible(**fields) == {}
    assert sent(**fields).get("toolConfig") == (None if config is None else {"functionCallingConfig": config})


TOOL_TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "Weather in Rome and Oslo?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
                "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}},
            },
            {"id": "c2", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"celsius": 31}'},
    {"role": "tool", "tool_call_id": "c2", "content": "snow"},
]


def test_a_tool_turn_keeps_ids_names_signatures_and_stays_together() -> None:
    contents = sent(messages=TOOL_TURN, tools=[WEATHER])["contents"]

    assert contents[1] == {
        "role": "model",
        "parts": [
            {
                "functionCall": {"name": "get_weather", "args": {"city": "Rome"}, "id": "c1"},
                "thoughtSignature": "c2lnbmF0dXJl",
            },
            {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}, "id": "c2"}},
        ],
    }
    assert contents[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "get_weather", "response": {"celsius": 31}, "id": "c1"}},
            {"functionResponse": {"name": "get_weather", "response": {"result": "snow"}, "id": "c2"}},
        ],
    }


def test_a_call_that_lost_its_signature_skips_the_check_unless_told_otherwise() -> None:
    bare = [TOOL_TURN[0], {**TOOL_TURN[1], "tool_calls": TOOL_TURN[1]["tool_calls"][1:]}]

    assert sent(messages=bare)["contents"][1]["parts"][0]["thoughtSignature"] == SKIP_SIGNATURE
    omitted = sent(options={"missing_signature": "omit"}, messages=bare)
    assert "thoughtSignature" not in omitted["contents"][1]["parts"][0]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "tool", "tool_call_id": "gone", "content": "x"}],
        [{"role": "function", "name": "f", "content": "x"}],
        [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}],
        [{"role": "narrator", "content": "x"}],
        [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "x", "input": "y"}}]}],
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "["}}],
            }
        ],
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "[1]"}}],
            }
        ],
    ],
)
def test_turns_gemini_has_no_form_for_are_impossible(messages: list[dict[str, Any]]) -> None:
    assert impossible(messages=messages) == {"messages[0]": False}


def test_sampling_and_form_go_into_the_generation_config() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}
    body = sent(
        max_tokens=10,
        max_completion_tokens=20,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        n=2,
        stop="END",
        presence_penalty=0.1,
        frequency_penalty=-0.1,
        logprobs=True,
        top_logprobs=3,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}},
    )

    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.1,
        "candidateCount": 2,
        "maxOutputTokens": 20,
        "stopSequences": ["END"],
        "responseLogprobs": True,
        "logprobs": 3,
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }


def test_json_without_a_schema_is_only_a_type() -> None:
    assert sent(response_format={"type": "json_object"})["generationConfig"] == {"responseMimeType": "application/json"}
    assert "generationConfig" not in sent(response_format={"type": "text"})


@pytest.mark.parametrize(
    ("effort", "options", "config"),
    [
        ("minimal", {}, {"thinkingLevel": "minimal"}),
        ("high", {"thinking": "level", "include_thoughts": True}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("none", {"thinking": "budget"}, {"thinkingBudget": 0}),
        ("low", {"thinking": "budget"}, {"thinkingBudget": 1024}),
        ("medium", {"thinking": "budget"}, {"thinkingBudget": 8192}),
        ("high", {"thinking": "budget", "include_thoughts": True}, {"thinkingBudget": 24576, "includeThoughts": True}),
        ("none", {"thinking": "budget", "include_thoughts": True}, {"thinkingBudget": 0}),
        (None, {"include_thoughts": True}, {"includeThoughts": True}),
    ],
)
def test_effort_is_a_budget_or_a_level(effort: str | None, options: dict[str, Any], config: dict[str, Any]) -> None:
    fields = {} if effort is None else {"reasoning_effort": effort}

    assert sent(options=options, **fields)["generationConfig"]["thinkingConfig"] == config


def test_overrides_of_a_policy_are_said_too_and_null_takes_back() -> None:
    body = sent({"temperature": 0.1, "seed": None, "model": "x", "messages": []}, temperature=1, seed=3)

    assert body["generationConfig"] == {"temperature": 0.1}
    assert body["contents"][0]["parts"] == [{"text": "Say hello."}]


@pytest.mark.parametrize(
    ("fields", "is_droppable"),
    [
        ({"logit_bias": {"1": 1}}, True),
        ({"prediction": {"type": "content", "content": "x"}}, True),
        ({"verbosity": "low"}, True),
        ({"some_vendors_own": 1}, True),
        ({"seed": 1 << 31}, True),
        ({"n": 9}, True),
        ({"top_logprobs": 21}, True),
        ({"stop": list("abcdef")}, True),
        ({"reasoning_effort": "extreme"}, True),
        ({"reasoning_effort": "none"}, True),
        ({"functions": [{"name": "f"}]}, False),
        ({"modalities": ["text", "audio"]}, False),
        ({"web_search_options": {"a": 1}}, False),
        ({"response_format": {"type": "grammar"}}, False),
    ],
)
def test_what_gemini_has_no_words_for_is_named_and_never_sent(fields: dict[str, Any], is_droppable: bool) -> None:
    (name,) = fields

    assert impossible(**fields) == {name: is_droppable}
    assert "generationConfig" not in sent(**fields)


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "custom", "custom": {"name": "x"}}],
        [{"type": "function"}],
        [{"type": "function", "function": {"description": "nameless"}}],
    ],
)
def test_tools_of_other_kinds_are_impossible(tools: list[dict[str, Any]]) -> None:
    assert impossible(tools=tools) == {"tools[0]": False}


def test_one_tool_at_a_time_and_a_choice_among_some_cannot_be_asked() -> None:
    assert impossible(tools=[WEATHER], parallel_tool_calls=False) == {"parallel_tool_calls": True}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}}
    assert impossible(tools=[WEATHER], tool_choice=choice) == {"tool_choice": False}


def test_what_only_keeps_books_is_left_out_in_silence() -> None:
    fields = {"user": "u", "store": True, "metadata": {"a": "b"}, "service_tier": "auto", "parallel_tool_calls": True}

    assert impossible(**fields) == {}
    assert sent(**fields).keys() == {"contents"}
