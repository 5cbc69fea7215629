"""Chats through Azure OpenAI and Gemini with the official OpenAI client, over real HTTP to servers that answer as documented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import openai
import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.store.keys import NewKey
from routerapp.store.snapshot import Snapshot
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_policy, a_snapshot
from tests.vendors import Vendors, vendors

MODELS = ("gemini", "azure", "groq")
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
ASK: list[Any] = [{"role": "user", "content": "Say hello"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Vendors]:
    with vendors() as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, upstream: Vendors) -> Iterator[Running]:
    def make_snapshot(keys: Mapping[str, NewKey]) -> Snapshot:
        kinds = {"gemini": "gemini", "azure": "azure", "groq": "openai"}
        dropping = {"slug": "drops", "unsupported": "drop", "pool": ["model:groq", "model:gemini"]}
        snapshot = a_snapshot(
            deployments=[a_deployment(slug, kind=kind) for slug, kind in kinds.items()],
            policies=[a_policy(), a_policy(**dropping, strategy={"kind": "ordered"})],
            keys=keys,
            base_urls={slug: f"{upstream.url}/{slug}" for slug in kinds},
        )
        targets = {
            slug: replace(target, preset="groq" if slug == "groq" else "", options={"include_thoughts": True})
            for slug, target in snapshot.targets.items()
        }
        return replace(snapshot, targets=targets)

    def make_transport() -> HttpTransport:
        return HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())

    with running_gateway(tmp_path_factory.mktemp("gateway"), make_snapshot, make_transport) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key.full, max_retries=0) as client:
        yield client


def test_gemini_answers_with_its_thoughts_usage_and_cost(client: openai.OpenAI, upstream: Vendors) -> None:
    answer = client.chat.completions.create(model="gemini", messages=ASK, max_tokens=50, temperature=0)

    assert answer.choices[0].message.content == " there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.created > 1_700_000_000
    assert answer.usage is not None
    assert answer.usage.model_dump()["cost"] == pytest.approx(11e-6 + 23 * 2e-6)
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 20
    path, _, body = upstream.last()
    assert path == "/gemini/models/gemini:generateContent"
    assert body["generationConfig"] == {
        "temperature": 0,
        "maxOutputTokens": 50,
        "thinkingConfig": {"includeThoughts": True},
    }


def test_gemini_streams_text_thoughts_and_its_own_usage(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="gemini", messages=ASK, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Hello there"
    assert "".join(delta.model_dump().get("reasoning_content") or "" for delta in deltas) == "Let me see."
    assert [delta.role for delta in deltas].count("assistant") == 1
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens == 23
    assert "is_estimated" not in usage.model_dump()
    assert usage.model_dump()["cost"] > 0


def test_a_tool_turn_with_gemini_keeps_the_signature_through_the_official_client(
    client: openai.OpenAI, upstream: Vendors
) -> None:
    first = client.chat.completions.create(model="gemini", messages=ASK, tools=[WEATHER])
    message = first.choices[0].message
    assert message.tool_calls
    messages = [
        *ASK,
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sun"},
    ]

    client.chat.completions.create(model="gemini", messages=messages, tools=[WEATHER])

    call, answer = upstream.last()[2]["contents"][1:]
    assert call["parts"][0]["thoughtSignature"] == "c2ln"
    assert call["parts"][0]["functionCall"] == {"name": "get_weather", "args": {"city": "Rome"}, "id": "g-1"}
    assert answer["parts"][0]["functionResponse"]["id"] == "g-1"


def test_streamed_calls_can_be_put_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="gemini", messages=ASK, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()

    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert (calls[0].function.name, calls[0].function.arguments) == ("get_weather", '{"city":"Rome"}')
    assert final.choices[0].finish_reason == "tool_calls"


def test_geminis_wait_reaches_the_caller(running: Running) -> None:
    response = running.post({"model": "gemini", "messages": [{"role": "user", "content": "quota"}]})

    assert response.status_code == 429
    assert response.json()["error"]["code"] == "upstream_rate_limited"
    assert response.headers["retry-after"] == "2"


def test_azure_streams_without_an_event_that_has_no_choice(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="azure", messages=ASK, stream=True))

    assert all(chunk.choices for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hi you"


def test_azures_content_filter_is_the_callers_to_hear(running: Running, upstream: Vendors) -> None:
    response = running.post({"model": "azure", "messages": [{"role": "user", "content": "forbidden"}]})

    assert response.status_code == 400
    error = response.json()["error"]
    assert error["message"] == "Azure's content filter refused the prompt (hate)."
    assert error["source"] == "client"
    assert upstream.last()[0] == "/azure/openai/v1/chat/completions"


def test_what_no_upstream_can_express_is_refused_by_name(running: Running) -> None:
    response = running.post({"model": "gemini", "messages": ASK, "logit_bias": {"1": 1}})

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", "logit_bias")
    assert "Gemini has no logit_bias." in error["message"]


def test_the_next_candidate_answers_where_the_first_lacks_the_words(running: Running) -> None:
    body = {"model": "auto", "messages": ASK, "logprobs": True, "models": ["groq", "azure"]}

    response = running.post(body)

    assert response.status_code == 200
    assert response.headers["x-router-model"] == "azure"


def test_a_policy_may_drop_instead_and_says_so(running: Running, upstream: Vendors) -> None:
    response = running.post({"model": "policy/drops", "messages": ASK, "logit_bias": {"1": 1}, "n": 2})

    assert response.status_code == 200
    assert response.headers["x-router-model"] == "groq"
    assert set(response.headers["x-router-warnings"].split(",")) == {"dropped:logit_bias", "dropped:n"}
    assert not {"logit_bias", "n"} & upstream.last()[2].keys()
