"""Whatever an upstream sends, an adapter answers with a reply, a fact or a ProviderError, and never with another exception."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.providers.base import Adapter
from routerapp.providers.errors import ProviderError
from routerapp.providers.registry import ADAPTERS
from tests.providers import gemini
from tests.providers.chats import make_chat, make_target

KINDS = [kind for kind in ADAPTERS if kind != "simulated"]
CHAT = make_chat()
EMBEDDINGS = replace(make_chat(input=["a"]), endpoint="embeddings")
MEMBERS = st.sampled_from(
    [
        *("id", "model", "choices", "message", "delta", "content", "usage", "error", "code", "type", "index", "data"),
        *("candidates", "parts", "text", "functionCall", "name", "args", "finishReason", "usageMetadata", "embedding"),
        *(
            "promptFeedback",
            "blockReason",
            "promptTokenCount",
            "thoughtSignature",
            "logprobsResult",
            "details",
            "@type",
        ),
        *("chosenCandidates", "topCandidates", "embeddings", "values", "innererror", "content_filter_result", "status"),
        *(
            "content_block",
            "input",
            "stop_reason",
            "input_tokens",
            "partial_json",
            "thinking",
            "retryDelay",
            "tool_calls",
        ),
    ]
)
WORDS = st.sampled_from(
    ["STOP", "message_start", "content_block_delta", "error", "content_filter", "tool_use", "MALFORMED_FUNCTION_CALL"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | WORDS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5), max_leaves=25
)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
HUGE_ARGUMENT = gemini.candidate({"functionCall": {"name": "f", "args": {"n": 10**40, "half": "\ud800"}}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
@settings(max_examples=40)
@given(body=BODIES)
@example(body=gemini.whole(HUGE_ARGUMENT))
@example(body=b"[" * 100_000)
@example(body=b'{"a":' * 50_000)
@example(body=b'{"error": {"message": "no", "code": 1e999, "details": %b%b}}' % (b"[" * 900, b"]" * 900))
def test_whole_answers(kind: str, status: int, body: bytes) -> None:
    adapter = ADAPTERS[kind]
    for chat in (CHAT, EMBEDDINGS) if adapter.kind != "anthropic" else (CHAT,):
        try:
            reply = adapter.read_reply(chat, status, {"content-type": "application/json"}, body)
        except ProviderError:
            continue
        json.loads(reply.body)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(events=st.lists(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40), max_size=4))
@example(events=[json.dumps({"candidates": [HUGE_ARGUMENT]}).encode()])
@example(events=[b'{"candidates":[{"index":-1},{"index":1e9,"content":{"parts":[{"text":"x"}]}}]}'])
def test_streams(kind: str, events: list[bytes]) -> None:
    adapter: Adapter = ADAPTERS[kind]
    reader = adapter.open_events(make_chat(stream=True))
    for data in events:
        passed, facts = reader.read(b"data: " + data.replace(b"\n", b" ") + b"\n\n")

        assert facts.text_bytes >= 0
        assert facts.error is not None or passed == b"" or passed.endswith(b"\n\n")


DEEP: Any = {"a": {"b": {"c": [1, 10**40, "\u0000"]}}}
PARAMETERS = [
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": None}, {"type": "image_url", "image_url": DEEP}]}
        ]
    },
    {
        "messages": [
            {"role": "assistant", "tool_calls": DEEP},
            {"role": "assistant", "tool_calls": [1, None, {"id": 5}]},
        ]
    },
    {"messages": [{"role": "tool", "tool_call_id": ["x"], "content": [None]}]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": DEEP}}], "tool_choice": DEEP},
    {"stop": DEEP, "n": "two", "seed": 1e300, "response_format": 5, "reasoning_effort": {"a": 1}},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fields", PARAMETERS)
def test_no_chat_confuses_an_adapter(kind: str, fields: dict[str, Any]) -> None:
    adapter = ADAPTERS[kind]
    chat, target = make_chat(**fields), make_target(kind=kind)

    if not adapter.impossible(chat, target):
        json.loads(adapter.build_request(chat, target, {}).body)


FIELDS = st.sampled_from(
    [
        *(
            "n",
            "stop",
            "seed",
            "tools",
            "tool_choice",
            "response_format",
            "reasoning_effort",
            "logprobs",
            "top_logprobs",
        ),
        *("max_tokens", "max_completion_tokens", "temperature", "parallel_tool_calls", "modalities", "stream_options"),
    ]
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", ["", "groq", "cohere", "deepseek"])
@settings(max_examples=40)
@given(fields=st.dictionaries(FIELDS, JSON, max_size=3))
def test_no_value_of_a_field_confuses_an_adapter(kind: str, preset: str, fields: dict[str, Any]) -> None:
    adapter = ADAPTERS[kind]
    chat = make_chat()
    chat = replace(chat, fields={**chat.fields, **{name: json.dumps(value).encode() for name, value in fields.items()}})
    target = make_target(kind=kind, preset=preset)

    if not adapter.impossible(chat, target):
        json.loads(adapter.build_request(chat, target, {}).body)
