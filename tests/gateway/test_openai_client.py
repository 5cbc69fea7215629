"""The official OpenAI client with nothing changed but base_url and model."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.gateway.server import Running, running_gateway

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
HEADERS = (
    "request-id",
    "decision-id",
    "provider",
    "policy",
    "policy-version",
    "rule",
    "strategy",
    "reason",
    "attempts",
)
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris? Use the tool."}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key.full, max_retries=0) as client:
        yield client


def test_gets_a_plain_answer_that_says_which_model_and_what_it_cost(client):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": "Say hello"}]
    )

    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "cheap"
    assert answer.usage.cost > 0
    assert raw.headers["x-router-model"] == "cheap"
    for name in HEADERS:
        assert raw.headers[f"x-router-{name}"], name
    assert float(raw.headers["x-router-overhead-ms"]) < 1_000
    assert float(raw.headers["x-router-cost-usd"]) == pytest.approx(answer.usage.cost)


def test_gets_a_stream_with_usage_and_cost(client):
    stream = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Tell me a story"}],
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-1].usage.cost > 0
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop"


def test_gets_tool_calls_plain(client):
    answer = client.chat.completions.create(model="auto", messages=ASK_WEATHER, tools=TOOLS)

    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert answer.choices[0].finish_reason == "tool_calls"


def test_gets_tool_calls_streamed(client):
    with client.chat.completions.stream(model="auto", messages=ASK_WEATHER, tools=TOOLS) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert final.choices[0].finish_reason == "tool_calls"


def test_passes_images_through(client):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    parts = [{"type": "text", "text": "What is this?"}, picture]

    answer = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": parts}])

    assert answer.choices[0].message.content


def test_lists_the_names_that_can_be_sent(client):
    names = {model.id for model in client.models.list()}

    assert {"auto", "policy/support", "cheap-provider/cheap", "dear-provider/dear"} <= names


def test_pins_a_model_by_provider_and_name(client):
    answer = client.chat.completions.create(
        model="dear-provider/dear", messages=[{"role": "user", "content": "Say hello"}]
    )

    assert answer.model == "dear"


def test_raises_the_clients_own_errors(running, client):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nothing/like-it", messages=[{"role": "user", "content": "x"}])
    assert unknown.value.code == "model_not_found"
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="sb_live_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"
