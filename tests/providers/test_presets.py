"""Vendors' quirks as data: what each preset refuses, renames and leaves out, and that the table itself is sound."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.models import ProviderKind
from routerapp.providers.base import Adapter, Impossible
from routerapp.providers.openai import OpenAIAdapter
from routerapp.providers.options import OPTIONS, check_options
from routerapp.providers.presets import PRESETS_FILE, presets
from routerapp.providers.registry import ADAPTERS
from tests.providers.chats import make_chat, make_target

ADAPTER: Adapter = OpenAIAdapter()
HOSTED = [name for name, preset in presets().items() if preset.kind == "openai" and not preset.is_local]
VENDORS = [
    *("openai", "anthropic", "azure", "gemini", "groq", "mistral", "together", "openrouter", "deepseek", "xai"),
    *("fireworks", "cerebras", "cohere", "perplexity", "ollama", "vllm", "lmstudio", "llamacpp", "custom"),
]


def sent(preset: str, parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """What goes upstream for a chat with these fields."""
    request = ADAPTER.build_request(make_chat(**fields), make_target(preset=preset), parameters or {})
    found: dict[str, Any] = json.loads(request.body)
    return found


def refused(preset: str, **fields: Any) -> dict[str, bool]:
    """field -> whether it may be dropped."""
    return {one.field: one.is_droppable for one in found(preset, **fields)}


def found(preset: str, **fields: Any) -> tuple[Impossible, ...]:
    return ADAPTER.impossible(make_chat(**fields), make_target(preset=preset))


def test_names_the_vendors_of_the_field_each_with_its_documentation() -> None:
    assert list(presets()) == VENDORS
    for name, preset in presets().items():
        assert preset.kind in ProviderKind.values
        assert name == "custom" or preset.docs_url.startswith("https://"), name
        assert name == "custom" or preset.base_url.startswith(("https://", "http://127.0.0.1")), name
        assert check_options(preset.kind, preset.options) == []


def test_every_fact_stands_with_its_source() -> None:
    blocks = PRESETS_FILE.read_text("utf-8").split("\n\n")
    for block in blocks:
        if "quirks:" in block and not block.startswith("#"):
            assert block.count("https://") >= 2, f"no source beside the quirks of {block.split(':')[0]}"


def test_a_plain_chat_can_be_said_everywhere() -> None:
    for name in VENDORS:
        assert found(name, temperature=0.7, max_tokens=100, stop=["x"]) == ()


def test_without_a_preset_or_with_an_unknown_one_the_callers_bytes_go_as_they_are() -> None:
    for preset in ("", "gone-since", "openai", "vllm"):
        chat = make_chat(logit_bias={"1": 2}, seed=3)
        chat = replace(chat, fields={**chat.fields, "temperature": b"0.70"})

        body = ADAPTER.build_request(chat, make_target(preset=preset), {}).body

        assert b'"temperature":0.70' in body
        assert b'"logit_bias":{"1": 2}' in body


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("groq", {"logprobs": True}),
        ("groq", {"top_logprobs": 3}),
        ("groq", {"logit_bias": {"50256": -100}}),
        ("groq", {"n": 2}),
        ("mistral", {"logprobs": True}),
        ("mistral", {"temperature": 1.8}),
        ("deepseek", {"seed": 7}),
        ("deepseek", {"n": 2}),
        ("xai", {"logit_bias": {"1": 1}}),
        ("cerebras", {"frequency_penalty": 0.5}),
        ("cerebras", {"presence_penalty": 0.5}),
        ("cerebras", {"parallel_tool_calls": False}),
        ("cohere", {"reasoning_effort": "low"}),
        ("cohere", {"frequency_penalty": 1.5}),
        ("cohere", {"prediction": {"type": "content", "content": "x"}}),
        ("perplexity", {"seed": 7}),
        ("ollama", {"logit_bias": {"1": 1}}),
        ("lmstudio", {"logprobs": True}),
    ],
)
def test_what_a_vendor_refuses_is_named_may_be_dropped_and_is_never_sent(preset: str, fields: dict[str, Any]) -> None:
    (name,) = fields

    assert refused(preset, **fields) == {name: True}
    assert found(preset, **fields)[0].reason.endswith(".")
    assert name not in sent(preset, **fields)


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("perplexity", {"tools": [{"type": "function", "function": {"name": "look"}}]}),
        ("deepseek", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}),
        ("cohere", {"audio": {"voice": "alloy", "format": "wav"}}),
    ],
)
def test_what_would_make_another_answer_of_it_is_never_dropped(preset: str, fields: dict[str, Any]) -> None:
    assert refused(preset, **fields) == dict.fromkeys(fields, False)


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("cerebras", {"frequency_penalty": 0, "presence_penalty": 0.0, "parallel_tool_calls": True}),
        ("groq", {"logprobs": False, "logit_bias": None, "n": 1}),
        ("cohere", {"reasoning_effort": "high", "modalities": ["text"]}),
        ("perplexity", {"tools": [], "tool_choice": "auto"}),
    ],
)
def test_saying_what_is_assumed_anyway_is_no_obstacle(preset: str, fields: dict[str, Any]) -> None:
    assert found(preset, **fields) == ()


def test_a_default_that_a_vendor_refuses_even_to_hear_is_left_out() -> None:
    assert "frequency_penalty" not in sent("cerebras", frequency_penalty=0)
    assert "logprobs" not in sent("groq", logprobs=False)


def test_fields_without_influence_on_the_answer_are_left_out_in_silence() -> None:
    assert found("mistral", store=True, service_tier="flex") == ()
    assert not {"store", "service_tier"} & sent("mistral", store=True, service_tier="flex").keys()


def test_fields_are_renamed_and_the_vendors_own_name_wins() -> None:
    assert sent("mistral", max_completion_tokens=50, seed=9) == {
        "messages": [{"role": "user", "content": "Say hello."}],
        "model": "real-model",
        "max_tokens": 50,
        "random_seed": 9,
    }
    assert sent("mistral", max_completion_tokens=50, max_tokens=60)["max_tokens"] == 60


def test_a_policys_overrides_are_spelled_as_the_vendor_does() -> None:
    body = sent("mistral", {"max_completion_tokens": 5, "seed": None, "logit_bias": {"1": 1}}, random_seed=3, seed=4)

    assert body["max_tokens"] == 5
    assert not {"max_completion_tokens", "seed", "random_seed", "logit_bias"} & body.keys()


def test_roles_and_members_of_messages_are_respelled_only_where_they_occur() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "ann"}]

    assert sent("mistral", messages=messages)["messages"][0]["role"] == "system"
    assert sent("mistral", messages=messages)["messages"][1] == messages[1]
    assert sent("groq", messages=messages)["messages"] == [messages[0], {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(("preset", "asks"), [("mistral", False), ("perplexity", False), ("groq", True), ("", True)])
def test_stream_options_go_only_where_they_are_known(preset: str, asks: bool) -> None:
    assert ("stream_options" in sent(preset, stream=True, stream_options={"include_usage": False})) is asks


def test_a_vendor_without_embeddings_says_so() -> None:
    chat = replace(make_chat(input="Hello"), endpoint="embeddings")

    for name in ("groq", "deepseek", "xai", "cerebras", "perplexity"):
        (one,) = ADAPTER.impossible(chat, make_target(preset=name))
        assert (one.field, one.is_droppable) == ("endpoint", False)
    for name in ("openai", "mistral", "cohere", "ollama", "custom"):
        assert ADAPTER.impossible(chat, make_target(preset=name)) == ()


@pytest.mark.parametrize("preset", VENDORS)
@pytest.mark.parametrize("value", [None, "x", -1, [], {}, [[]], {"a": None}, True, 1e308, "\ud800"])
def test_no_value_of_any_field_confuses_a_quirk(preset: str, value: object) -> None:
    names = ("n", "logprobs", "temperature", "response_format", "reasoning_effort", "tools", "max_completion_tokens")
    fields = {name: json.dumps(value).encode() for name in names}
    chat = make_chat()
    chat = replace(chat, fields={**chat.fields, **fields})
    target = make_target(preset=preset)

    ADAPTER.impossible(chat, target)
    json.loads(ADAPTER.build_request(chat, target, {}).body)


@pytest.mark.parametrize(
    ("kind", "options", "places"),
    [
        ("azure", {}, []),
        ("azure", {"api_version": "2024-10-21"}, []),
        ("azure", {"api_version": "2025-04-01-preview"}, []),
        ("azure", {"api_version": "../../admin"}, ["options.api_version"]),
        ("azure", {"api_version": 2024}, ["options.api_version"]),
        ("azure", {"region": "eu"}, ["options.region"]),
        ("gemini", {"thinking": "level", "include_thoughts": True, "file_urls": False}, []),
        ("gemini", {"thinking": "hard", "file_urls": "yes"}, ["options.thinking", "options.file_urls"]),
        ("openai", {"api_version": "2024-10-21"}, ["options.api_version"]),
        ("openai", ["x"], ["options"]),
    ],
)
def test_options_are_checked_by_kind(kind: str, options: object, places: list[str]) -> None:
    assert [problem.path for problem in check_options(kind, options)] == places


def test_every_kind_has_an_adapter_and_every_option_a_kind() -> None:
    assert set(ADAPTERS) >= {"openai", "azure", "gemini", "simulated"}
    assert OPTIONS.keys() <= set(ProviderKind.values)
