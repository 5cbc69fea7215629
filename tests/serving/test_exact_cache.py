"""The exact cache in front of real plans: what hits, what misses, what is never stored, and what a hit records."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from routerapp.engine.types import CallerFacts
from routerapp.gateway.requests import parse_chat
from routerapp.providers.clock import VirtualClock
from routerapp.serving.exact_cache import cache_key
from routerapp.serving.route_chat import prepare
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused, Served
from routerapp.store.records import AttemptEnd, End
from tests.runtimes import (
    CALLER,
    QUICK,
    START_MS,
    a_chat,
    a_deployment,
    a_policy,
    a_runtime,
    a_snapshot,
    journal_of,
)

CACHED = {"cache": {"mode": "exact", "ttl_seconds": 300}}


def a_cached_snapshot(**more: Any):
    policies = more.pop("policies", [a_policy(**CACHED)])
    return a_snapshot(policies=policies, **more)


@pytest.fixture
def runtime(tmp_path):
    return a_runtime(tmp_path, a_cached_snapshot())


async def ask(runtime, chat=None, caller=CALLER, origin="live") -> tuple[Served, bytes]:
    served = await serve_chat(runtime, chat or a_chat(), caller, origin)
    if served.stream is None:
        return served, served.body
    return served, b"".join([event async for event in served.stream])


async def states(runtime, *chats, caller=CALLER) -> list[str]:
    return [(await ask(runtime, chat, caller))[0].headers["x-router-cache"] for chat in chats]


def ends_of(runtime) -> list[End]:
    return [record for record in journal_of(runtime) if isinstance(record, End)]


async def test_the_second_equal_request_costs_nothing_and_says_what_it_saved(runtime):
    first, body = await ask(runtime)
    again, body_again = await ask(runtime)

    assert [one.headers["x-router-cache"] for one in (first, again)] == ["miss", "hit"]
    assert (again.headers["x-router-attempts"], again.headers["x-router-cost-usd"]) == ("0", "0.00")
    assert again.headers["x-router-model"] == first.headers["x-router-model"]
    paid, saved = ends_of(runtime)
    assert (saved.cache, saved.attempts, saved.cost_nusd, saved.saved_nusd) == ("hit", 0, 0, paid.cost_nusd)
    assert (saved.status, saved.input_tokens, saved.output_tokens, saved.ttft_ms) == ("ok", 0, 0, None)
    assert (saved.deployment, saved.finish_reason) == (paid.deployment, paid.finish_reason)
    assert (paid.cache, paid.saved_nusd) == ("miss", None)
    assert saved.baseline_cost_nusd is None
    answer, answer_again = orjson.loads(body), orjson.loads(body_again)
    assert answer_again["usage"].pop("cost") == 0
    answer["usage"].pop("cost")
    assert answer_again == answer
    assert sum(isinstance(record, AttemptEnd) for record in journal_of(runtime)) == 1


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
async def test_a_streamed_answer_is_given_again_event_by_event(runtime, options):
    chat = a_chat(stream=True, **options)
    (_, events), (again, events_again) = await ask(runtime, chat), await ask(runtime, chat)

    assert again.headers["x-router-cache"] == "hit"
    assert events_again.endswith(b"data: [DONE]\n\n")
    told = [event for event in events.split(b"\n\n") if b'"content"' in event]
    assert told == [event for event in events_again.split(b"\n\n") if b'"content"' in event]
    if options:
        usage = orjson.loads(events_again.split(b"\n\n")[-3].removeprefix(b"data: "))["usage"]
        assert (usage["cost"], usage["prompt_tokens"] > 0) == (0, True)


async def test_off_unless_the_policy_says_so(tmp_path):
    runtime = a_runtime(tmp_path)

    assert await states(runtime, a_chat(), a_chat()) == ["off", "off"]
    assert len(runtime.answer_cache) == 0
    assert ends_of(runtime)[0].cache == ""


async def test_gone_when_its_time_is_over(runtime):
    await ask(runtime)
    runtime.clock.advance(299)
    assert await states(runtime, a_chat()) == ["hit"]
    runtime.clock.advance(2)

    assert await states(runtime, a_chat()) == ["miss"]


OTHERS = {
    "another message": lambda: a_chat("Say goodbye"),
    "another temperature": lambda: a_chat(temperature=0.2),
    "another limit": lambda: a_chat(max_tokens=50),
    "an unknown field": lambda: a_chat(seed=7),
    "another spelling of the same": lambda: a_chat(temperature=0.0),
    "another name": lambda: a_chat(model="policy/support"),
    "streamed": lambda: a_chat(stream=True),
    "another user": lambda: a_chat(user="someone"),
    "tools": lambda: a_chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
    "fewer models": lambda: a_chat(models=["cheap"]),
}


@pytest.mark.parametrize("name", OTHERS)
async def test_whatever_the_caller_changes_misses(runtime, name):
    await ask(runtime)

    assert await states(runtime, OTHERS[name](), a_chat()) == ["miss", "hit"]


async def test_what_only_steers_the_router_still_hits(runtime):
    await ask(runtime)

    assert await states(runtime, a_chat(metadata={"trace": "1"}), a_chat(tags=["x"])) == ["hit", "hit"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CallerFacts(slug="a", team="red"), CallerFacts(slug="b", team="blue")),
        (CallerFacts(slug="a"), CallerFacts(slug="b")),
        (CallerFacts(slug="red"), CallerFacts(slug="b", team="red")),
    ],
)
async def test_tenants_never_share(runtime, one, other):
    await ask(runtime, caller=one)

    assert await states(runtime, a_chat(), caller=other) == ["miss"]


async def test_the_keys_of_one_team_share(runtime):
    await ask(runtime, caller=CallerFacts(slug="a", team="red"))

    assert await states(runtime, a_chat(), caller=CallerFacts(slug="b", team="red")) == ["hit"]


async def test_users_of_one_key_do_not_share(runtime):
    await ask(runtime, a_chat(user="anna"))

    assert await states(runtime, a_chat(user="bert"), a_chat(user="anna")) == ["miss", "hit"]


async def test_every_part_of_a_decision_is_part_of_the_key(runtime):
    chat = a_chat()
    prepared = prepare(runtime, chat, CALLER)
    decision = prepared.decision
    keys = {cache_key(prepared, chat, CALLER)}
    changes: list[dict[str, Any]] = [
        {"config": "another"},
        {"policy": "other"},
        {"policy_version": 2},
        {"rule": "r9"},
        {"plan": decision.plan[::-1]},
        {"plan": decision.plan[:1]},
    ]
    for change in changes:
        prepared.decision = replace(decision, **change)
        keys.add(cache_key(prepared, chat, CALLER))
    prepared.decision = decision
    keys |= {cache_key(prepared, replace(chat, **{name: "other"}), CALLER) for name in ("dialect", "endpoint")}

    assert len(keys) == 1 + len(changes) + 2


async def test_each_arm_of_an_experiment_has_its_own(runtime):
    from routerapp.engine.types import Assignment

    chat = a_chat()
    prepared = prepare(runtime, chat, CALLER)
    keys = set()
    for arm in ("control", "treatment"):
        prepared.decision = replace(prepared.decision, experiment=Assignment("e", arm, "unit", 0.5))
        keys.add(cache_key(prepared, chat, CALLER))

    assert len(keys) == 2


def test_no_two_lists_of_parts_look_alike(runtime):
    fields = ({"a": b"1", "b": b"2"}, {"a": b"1b", "": b"2"}, {"ab": b"12"})
    chats = [replace(a_chat(), fields=one) for one in fields]
    prepared = prepare(runtime, a_chat(), CALLER)

    assert len({cache_key(prepared, chat, CALLER) for chat in chats}) == 3


async def test_a_new_configuration_starts_afresh(runtime):
    await ask(runtime)
    snapshot = a_cached_snapshot(serial=2)
    from dataclasses import replace as changed

    runtime.swap(changed(snapshot, config=changed(snapshot.config, revision="another")))

    assert await states(runtime, a_chat()) == ["miss"]


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_fallbacks_answer_is_not_stored_for_the_model_that_was_wanted(tmp_path, is_streaming):
    broken = QUICK | {"script": [{"on": "Say", "do": "404"}]}
    runtime = a_runtime(tmp_path, a_cached_snapshot(simulations={"cheap": broken}))
    chat = a_chat(stream=is_streaming)

    assert await states(runtime, chat, chat) == ["miss", "miss"]


async def test_a_stream_that_breaks_or_is_left_is_not_stored(tmp_path):
    script = QUICK | {"output_tokens": {"mean": 200}, "script": [{"on": "break", "do": "reset"}]}
    runtime = a_runtime(tmp_path, a_cached_snapshot(deployments=[a_deployment("cheap")], simulations={"cheap": script}))
    await ask(runtime, a_chat("break", stream=True))
    served = await serve_chat(runtime, a_chat("leave", stream=True), CALLER)
    await anext(served.stream)
    await anext(served.stream)
    await served.stream.aclose()

    assert len(runtime.answer_cache) == 0


async def test_a_failed_request_is_not_stored(tmp_path):
    script = QUICK | {"script": [{"on": "Say", "do": "500"}]}
    runtime = a_runtime(tmp_path, a_cached_snapshot(simulations={"cheap": script, "dear": script}))
    with pytest.raises(Refused) as caught:
        await ask(runtime)

    assert caught.value.headers["x-router-cache"] == "miss"
    assert len(runtime.answer_cache) == 0


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_answers_over_the_limit_are_not_stored(runtime, monkeypatch, is_streaming):
    monkeypatch.setattr("routerapp.serving.answer_uses.LARGEST_ANSWER_BYTES", 100)

    assert await states(runtime, a_chat(stream=is_streaming), a_chat(stream=is_streaming)) == ["miss", "miss"]


async def test_an_explained_request_is_neither_stored_nor_answered_from_it(runtime):
    explained = a_chat(router={"explain": True})

    assert await states(runtime, explained, a_chat(), explained) == ["off", "miss", "off"]


async def test_an_answer_that_its_own_filter_stopped_is_not_stored(tmp_path):
    runtime = a_runtime(tmp_path, a_cached_snapshot())
    prepared = prepare(runtime, a_chat(), CALLER)
    from routerapp.serving.exact_cache import storable

    await ask(runtime)
    run_outcome = next(iter(runtime.answer_cache._entries.values())).answer.outcome
    for reason, is_stored in (("stop", True), ("length", True), ("tool_calls", True), ("content_filter", False)):
        outcome = replace(run_outcome, finish_reason=reason)
        assert (storable(prepared, a_chat(), outcome, b"{}") is not None) is is_stored


async def test_a_hit_counts_as_a_request_but_spends_nothing(tmp_path):
    callers = {"app": {"requests_per_minute": 3, "daily_spend_nusd": 10**9}}
    runtime = a_runtime(tmp_path, a_cached_snapshot(callers=callers))
    caller = runtime.snapshot.config.callers["app"]
    for _ in range(3):
        await ask(runtime, caller=caller)
    with pytest.raises(Refused) as caught:
        await ask(runtime, caller=caller)

    assert caught.value.status == 429
    assert [end.cost_nusd for end in ends_of(runtime)][1:3] == [0, 0]


async def test_a_hit_moves_no_live_state(runtime):
    await ask(runtime)
    before = runtime.live.report(runtime.clock.now_ms())
    await ask(runtime)

    assert runtime.live.report(runtime.clock.now_ms()) == before


async def test_a_hit_is_there_at_once(tmp_path):
    slow = {"ttft_ms": {"p50": 800, "p95": 800}, "tokens_per_second": 10, "output_tokens": {"mean": 20}}
    clock = VirtualClock(START_MS)
    runtime = a_runtime(tmp_path, a_cached_snapshot(simulations={"cheap": slow}), clock)
    await ask(runtime)
    started = clock.monotonic()
    await ask(runtime)

    assert clock.monotonic() == started


async def test_a_stored_stream_that_is_left_early_is_complete_in_the_record(runtime):
    chat = a_chat(stream=True)
    await ask(runtime, chat)
    served = await serve_chat(runtime, chat, CALLER)
    await served.stream.aclose()

    assert (ends_of(runtime)[-1].status, ends_of(runtime)[-1].cache) == ("ok", "hit")


def test_fields_that_only_steer_are_not_in_the_chat():
    chat = parse_chat(b'{"messages":[{"role":"user","content":"x"}],"metadata":{"a":"b"},"tags":["t"]}', {})

    assert set(chat.fields) == {"messages"}
