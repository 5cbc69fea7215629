"""The simulated provider: seeded, honest about being one, faulty on command, read by the same adapter as real ones."""

import json
import statistics
from typing import Any

import pytest

from routerapp.providers.base import ChunkFacts, Reply
from routerapp.providers.clock import VirtualClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.errors import (
    BadAnswer,
    ConnectFailed,
    CredentialRejected,
    ProviderError,
    RateLimited,
    StreamBroken,
    UpstreamUnavailable,
)
from routerapp.providers.registry import ADAPTERS
from routerapp.providers.simulated import SimulatedTransport
from routerapp.providers.sse import EventSplitter
from tests.providers.chats import make_chat, make_target

ADAPTER = ADAPTERS["simulated"]
CHAT = make_chat()
READER = ADAPTER.open_events(make_chat(stream=True))
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


async def ask(simulation: dict[str, Any], transport: SimulatedTransport | None = None, **fields: Any) -> Reply:
    transport = transport or SimulatedTransport(VirtualClock())
    target = make_target(kind="simulated", simulation=simulation, upstream_model="sim-1")
    upstream = await transport.open(ADAPTER.build_request(make_chat(**fields), target, {}), 1000)
    return ADAPTER.read_reply(CHAT, upstream.status, upstream.headers, await upstream.read(1_000_000))


async def stream(simulation: dict[str, Any], **fields: Any) -> tuple[list[ChunkFacts], str]:
    target = make_target(kind="simulated", simulation=simulation, upstream_model="sim-1")
    request = ADAPTER.build_request(make_chat(stream=True, **fields), target, {})
    upstream = await SimulatedTransport(VirtualClock()).open(request, 1000)
    splitter, facts, text = EventSplitter(), [], ""
    async for packet in upstream.chunks():
        for event in splitter.feed(packet):
            facts.append(READER.read(event)[1])
            document = json.loads(event[6:]) if event[6:7] == b"{" and facts[-1].error is None else {}
            for choice in document.get("choices", []):
                text += choice["delta"].get("content") or ""
    return facts, text


async def test_the_same_seed_gives_the_same_answer_in_the_same_time() -> None:
    clocks = [VirtualClock(), VirtualClock()]
    bodies = [(await ask({"seed": 3}, SimulatedTransport(clock))).body for clock in clocks]

    assert bodies[0] == bodies[1]
    assert clocks[0].now_ms() == clocks[1].now_ms()


async def test_another_seed_deployment_or_repetition_draws_anew() -> None:
    transport = SimulatedTransport(VirtualClock())
    bodies = [(await ask({"seed": seed}, transport)).body for seed in (1, 2, 1)]

    assert len(set(bodies)) == 3


async def test_takes_the_time_its_settings_say() -> None:
    clock = VirtualClock()
    transport, took = SimulatedTransport(clock), []
    for number in range(400):
        started = clock.monotonic()
        await ask(
            {"ttft_ms": {"p50": 400, "p95": 800}, "tokens_per_second": 1e9}, transport, prompt=f"Question {number}"
        )
        took.append((clock.monotonic() - started) * 1000)

    assert statistics.median(took) == pytest.approx(400, rel=0.1)
    assert statistics.quantiles(took, n=20)[-1] == pytest.approx(800, rel=0.2)


async def test_fails_as_often_as_its_settings_say() -> None:
    transport, failed = SimulatedTransport(VirtualClock()), 0
    for number in range(600):
        try:
            await ask({"error_share": 0.2, "errors": ["429", "500"]}, transport, prompt=f"Question {number}")
        except (RateLimited, UpstreamUnavailable):
            failed += 1

    assert 0.14 < failed / 600 < 0.26


async def test_an_outage_lasts_as_long_as_it_is_written() -> None:
    clock = VirtualClock(start_ms=1_000_000)
    transport = SimulatedTransport(clock)
    simulation = {"outages": [{"from_ms": 2_000_000, "to_ms": 3_000_000, "error": "503"}]}
    await ask(simulation, transport)
    clock.move_to(2_500_000)
    with pytest.raises(UpstreamUnavailable):
        await ask(simulation, transport)
    clock.move_to(3_000_000)

    assert (await ask(simulation, transport)).finish_reason == "stop"


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ("429", RateLimited),
        ("500", UpstreamUnavailable),
        ("401", CredentialRejected),
        ("refuse", ConnectFailed),
        ("reset", StreamBroken),
        ("hang", StreamBroken),
        ("rubbish", BadAnswer),
        ("truncate", BadAnswer),
        ("html", BadAnswer),
        ("error_body", UpstreamUnavailable),
    ],
)
async def test_a_script_makes_one_prompt_fail(do: str, kind: type[ProviderError]) -> None:
    simulation = {"script": [{"on": "please break", "do": do}]}

    assert (await ask(simulation)).finish_reason == "stop"
    with pytest.raises(kind):
        await ask(simulation, prompt="Now please break.")


async def test_streams_what_it_counts() -> None:
    facts, text = await stream({"output_tokens": {"mean": 200}})

    assert text.startswith("This is a simulated answer from sim-1.")
    usage = next(fact.usage for fact in facts if fact.usage)
    assert usage.output_tokens == pytest.approx(len(text) / 4, abs=1)
    assert facts[-1].is_done
    assert [fact.finish_reason for fact in facts if fact.finish_reason] == ["stop"]


async def test_a_truncated_stream_has_no_finish_reason_and_no_done() -> None:
    facts, _ = await stream({"script": [{"on": "", "do": "truncate"}]})

    assert not any(fact.finish_reason or fact.is_done for fact in facts)


async def test_obeys_the_limit_on_tokens() -> None:
    reply = await ask({"output_tokens": {"mean": 500}}, max_tokens=10)

    assert reply.finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.output_tokens == 10


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}, "auto"])
async def test_calls_a_tool_with_arguments_that_fit(choice: object) -> None:
    reply = await ask({}, tools=[TOOL], tool_choice=choice, prompt="What is the weather in Oslo?")

    call = json.loads(reply.body)["choices"][0]["message"]["tool_calls"][0]
    assert reply.finish_reason == "tool_calls"
    assert json.loads(call["function"]["arguments"]) == {"city": "simulated", "days": 1}


async def test_answers_in_words_when_no_tool_fits() -> None:
    assert (await ask({}, tools=[TOOL], prompt="Tell me a joke.")).finish_reason == "stop"
    assert (await ask({}, tools=[TOOL], tool_choice="none", prompt="weather")).finish_reason == "stop"


async def test_keeps_to_a_json_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
            "size": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "$defs": {"tag": {"type": "boolean"}},
    }
    reply = await ask({}, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})

    content = json.loads(json.loads(reply.body)["choices"][0]["message"]["content"])
    assert content == {"name": "simulated", "kind": "a", "tags": [True], "size": 1.5}


async def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}

    reply = await ask({}, response_format={"type": "json_schema", "json_schema": {"schema": schema}})

    assert json.loads(json.loads(reply.body)["choices"][0]["message"]["content"])["next"]


async def test_only_simulated_targets_stay_inside() -> None:
    class Outgoing:
        async def open(self, request: object, connect_ms: int) -> Any:
            return "left"

        async def close(self) -> None:
            return None

    dispatch = DispatchTransport(Outgoing(), SimulatedTransport(VirtualClock()))
    outside = ADAPTERS["openai"].build_request(make_chat(), make_target(), {})
    inside = ADAPTER.build_request(make_chat(), make_target(kind="simulated"), {})

    assert await dispatch.open(outside, 1) == "left"
    assert (await dispatch.open(inside, 1)).status == 200
