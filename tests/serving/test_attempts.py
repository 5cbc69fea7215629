"""The loop itself: what is retried, where the plan goes next, what holds it back, and what is written down."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.engine.breaker import BreakerSettings
from routerapp.engine.types import AllowanceFacts
from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Target, Upstream
from routerapp.providers.clock import SystemClock, VirtualClock
from routerapp.providers.errors import (
    BadAnswer,
    ConnectFailed,
    ConnectTimeout,
    CredentialRejected,
    ModelGone,
    ProviderError,
    RateLimited,
    StreamBroken,
    UpstreamRejected,
    UpstreamUnavailable,
)
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.plan_job import AllFailed
from routerapp.serving.retry_budget import RetryBudget
from routerapp.store.live import LiveState
from routerapp.store.secrets import SecretRefused
from tests import upstream as wire
from tests.providers.chats import make_target
from tests.serving.plans import LIMITS, Bench, ScriptedTransport, ScriptedUpstream, collect, make_config

A_BUDGET = (("key:app", AllowanceFacts(daily_spend_nusd=10**12)),)
TWO = {"first": make_target("first"), "second": make_target("second")}
ONE = {"first": make_target("first")}
JSON = {"content-type": "application/json"}


def good() -> ScriptedUpstream:
    return ScriptedUpstream(200, [wire.whole().encode()], JSON)


def streamed(*packets: bytes | Exception) -> ScriptedUpstream:
    return ScriptedUpstream(200, list(packets), {"content-type": "text/event-stream"})


def bench_of(**answers: list[Upstream | Exception]) -> Bench:
    return Bench(ScriptedTransport(**answers))


def asked(bench: Bench) -> list[str]:
    assert isinstance(bench.transport, ScriptedTransport)
    return bench.transport.asked


async def test_a_server_error_is_retried_on_the_same_deployment_first() -> None:
    bench = bench_of(first=[UpstreamUnavailable("x"), good()], second=[good()])
    run = bench.run(TWO, limits=replace(LIMITS, retries=1))
    await run.plain()

    assert asked(bench) == ["first", "first"]
    assert [(record.number, record.retry) for record in bench.records] == [(1, 0), (1, 1)]
    assert run.outcome.cost_nusd == sum(record.cost_nusd or 0 for record in bench.records)


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("x"),
        ConnectFailed("x"),
        ConnectTimeout("x"),
        CredentialRejected("x"),
        ModelGone("x"),
        BadAnswer("x"),
    ],
)
async def test_another_target_now_is_better_than_the_same_one_again(error: ProviderError) -> None:
    bench = bench_of(first=[error], second=[good()])
    await bench.run(TWO, limits=replace(LIMITS, retries=3)).plain()

    assert asked(bench) == ["first", "second"]
    assert [record.number for record in bench.records] == [1, 2]
    assert [record.role for record in bench.records] == ["primary", "fallback"]


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (RateLimited("x"), 3),
        (RateLimited("x", retry_after_ms=1), 1),
        (ConnectFailed("x"), 3),
        (UpstreamUnavailable("x"), 3),
        (UpstreamUnavailable("x", retry_after_ms=1), 1),
        (StreamBroken("x"), 3),
        (ConnectTimeout("x"), 1),
        (CredentialRejected("x"), 1),
        (ModelGone("x"), 1),
        (UpstreamRejected("x"), 1),
    ],
)
async def test_alone_only_what_may_pass_is_tried_again(error: ProviderError, times: int) -> None:
    bench = bench_of(first=[error])
    with pytest.raises(AllFailed):
        await bench.run(ONE, limits=replace(LIMITS, retries=2)).plain()

    assert len(asked(bench)) == times


async def test_waits_between_retries_are_drawn_in_full_and_grow() -> None:
    clock = VirtualClock()
    bench = Bench(ScriptedTransport(first=[UpstreamUnavailable("x")]), clock, chance=1.0)
    started = clock.monotonic()
    with pytest.raises(AllFailed):
        await bench.run(ONE, limits=replace(LIMITS, retries=3)).plain()

    assert clock.monotonic() - started == pytest.approx(0.010 + 0.020 + 0.040)


async def test_no_wait_goes_past_the_deadline() -> None:
    bench = bench_of(first=[UpstreamUnavailable("x")])
    bench.chance = 1.0
    with pytest.raises(AllFailed):
        await bench.run(ONE, limits=replace(LIMITS, retries=9, total_ms=15)).plain()

    assert len(asked(bench)) == 2


async def test_retries_stay_within_their_share_in_a_total_outage() -> None:
    clock = VirtualClock()
    bench = Bench(ScriptedTransport(first=[UpstreamUnavailable("x")]), clock)
    bench.live = LiveState(BreakerSettings(consecutive_failures=10_000, min_results=10_000))
    for _ in range(300):
        with pytest.raises(AllFailed):
            await bench.run(ONE, limits=replace(LIMITS, retries=3)).plain()
        clock.advance(0.01)

    assert 300 < len(asked(bench)) <= 300 * 1.25


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 0.5)), max_size=200))
def test_the_budget_never_gives_more_than_its_share(steps: list[tuple[bool, float]]) -> None:
    budget, now, requests, retries = RetryBudget(), 0.0, 0, 0
    for is_request, pause in steps:
        now += pause
        if is_request:
            budget.request_started(now)
            requests += 1
        else:
            retries += budget.try_take(now)

    windows = now // 9 + 1
    assert retries <= max(3 * windows, requests * 0.2 + 3 * windows)


async def test_a_fallback_is_held_to_the_same_constraints() -> None:
    config = make_config({"first": {}, "second": {"region": "us"}, "third": {"region": "eu"}})
    bench = bench_of(first=[ModelGone("x")], second=[good()], third=[good()])
    run = bench.run(
        {**TWO, "third": make_target("third")}, config=config, constraints={"exclude": ["deployment:second"]}
    )
    await run.plain()

    assert asked(bench) == ["first", "third"]
    assert [(one.deployment, one.verdict) for one in run.outcome.skipped] == [
        ("second", Verdict.EXCLUDED_BY_CONSTRAINT)
    ]


async def test_live_values_of_the_moment_decide_about_a_fallback() -> None:
    config = make_config({"first": {}, "second": {"max_in_flight": 1}, "third": {}})
    bench = bench_of(first=[ModelGone("x")], second=[good()], third=[good()])
    bench.live.attempt_started("second", bench.clock.now_ms())
    run = bench.run({**TWO, "third": make_target("third")}, config=config)
    await run.plain()

    assert asked(bench) == ["first", "third"]
    assert run.outcome.skipped[0].verdict == Verdict.AT_CAPACITY


async def test_the_primary_is_not_refused_because_it_counts_itself() -> None:
    config = make_config({"first": {"max_in_flight": 1}})
    bench = bench_of(first=[good()])

    await bench.run(ONE, config=config).plain()

    assert asked(bench) == ["first"]


async def test_a_breaker_that_opens_ends_the_retries_of_that_deployment() -> None:
    bench = bench_of(first=[UpstreamUnavailable("x")], second=[good()])
    bench.live = LiveState(BreakerSettings(consecutive_failures=2))
    await bench.run(TWO, limits=replace(LIMITS, retries=5)).plain()

    assert asked(bench) == ["first", "first", "second"]


async def test_one_cost_ceiling_spans_the_plan() -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 100}
    spent = streamed(wire.event(None, usage=usage), b"data: {\n\n")
    bench = bench_of(first=[spent], second=[streamed(wire.WORDS[0], wire.STOP, wire.DONE)])
    ceiling = 20 * 1000 + 300 * 2000 + 100_000
    run = bench.run(TWO, limits=replace(LIMITS, max_cost_nusd=ceiling), stream=True)
    with pytest.raises(AllFailed) as caught:
        await run.open_stream()

    assert asked(bench) == ["first"]
    assert caught.value.outcome.skipped[0].verdict == Verdict.COST_TOO_HIGH
    assert caught.value.outcome.cost_nusd == 20 * 1000 + 100 * 2000


async def test_an_unpriced_fallback_is_out_under_a_ceiling_or_a_budget() -> None:
    config = make_config({"first": {}, "second": {"prices": []}})
    for extra in ({"limits": replace(LIMITS, max_cost_nusd=10**9)}, {"subjects": A_BUDGET}):
        bench = bench_of(first=[ModelGone("x")], second=[good()])
        with pytest.raises(AllFailed) as caught:
            await bench.run(TWO, config=config, **extra).plain()

        assert caught.value.outcome.skipped[0].verdict == Verdict.UNPRICED


async def test_an_unpriced_answer_has_no_cost_rather_than_none_at_all() -> None:
    config = make_config({"first": {}, "second": {"prices": []}})
    bench = bench_of(first=[ModelGone("x")], second=[good()])
    run = bench.run(TWO, config=config)
    await run.plain()

    assert [record.cost_nusd for record in bench.records] == [0, None]
    assert run.outcome.cost_nusd is None


@pytest.mark.parametrize("problem", [KeyError("gone"), SecretRefused("unreadable")])
async def test_a_target_that_cannot_be_had_is_skipped_and_its_count_given_back(problem: Exception) -> None:
    class Broken(dict[str, Target]):
        def __getitem__(self, name: str) -> Target:
            if name == "first":
                raise problem
            return super().__getitem__(name)

    bench = bench_of(second=[good()])
    run = bench.run(Broken(TWO))
    await run.plain()

    assert asked(bench) == ["second"]
    assert run.outcome.skipped[0].verdict == Verdict.DEPLOYMENT_DISABLED
    assert bench.in_flight() == 0


async def test_a_plan_that_never_ran_gives_its_count_back() -> None:
    bench = bench_of(first=[good()])
    run = bench.run(ONE)
    await run.close()
    await run.close()

    assert bench.in_flight() == 0
    assert run.outcome.status == "no_candidate"


async def test_a_caller_who_leaves_during_a_wait_ends_the_plan() -> None:
    bench = Bench(ScriptedTransport(first=[UpstreamUnavailable("x")]), SystemClock(), chance=1.0)
    run = bench.run(ONE, limits=replace(LIMITS, retries=9))
    task = asyncio.create_task(run.plain())
    await asyncio.sleep(0.004)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(asked(bench)) == 1
    assert run.outcome.status == "cancelled"


async def test_our_own_mistake_stops_the_upstream_and_is_not_hidden() -> None:
    class Clumsy:
        kind = "openai"
        native = frozenset({"openai"})

        def impossible(self, *_: Any) -> Any:
            return ()

        def build_request(self, *_: Any) -> Any:
            from routerapp.providers.registry import ADAPTERS

            return ADAPTERS["openai"].build_request(*_)

        def read_reply(self, *_: Any) -> Any:
            raise ZeroDivisionError

    answer = good()
    bench = bench_of(first=[answer])
    bench.adapters = {"openai": Clumsy()}  # type: ignore[dict-item]
    with pytest.raises(ZeroDivisionError):
        await bench.run(ONE).plain()

    assert answer.is_aborted
    assert bench.story == [("first", "bad_answer")]
    assert bench.in_flight() == 0


@pytest.mark.parametrize(
    ("answer", "samples"),
    [(good(), 1), (UpstreamUnavailable("x"), 1), (RateLimited("x"), 1), (UpstreamRejected("x"), 0)],
)
async def test_only_what_says_something_about_a_deployment_counts_against_it(answer: Any, samples: int) -> None:
    bench = bench_of(first=[answer])
    with contextlib.suppress(AllFailed):
        await bench.run(ONE).plain()

    live = bench.live.view(bench.clock.now_ms()).deployments["first"]
    assert live.success_samples == samples


async def test_the_error_of_the_record_names_the_class_and_not_the_credential() -> None:
    refused = ScriptedUpstream(401, [wire.error("Incorrect key sk-secret").encode()], JSON)
    bench = bench_of(first=[refused])
    with pytest.raises(AllFailed) as caught:
        await bench.run(ONE).plain()

    assert bench.story == [("first", "credential_rejected")]
    assert bench.records[0].http_status == 401
    assert "secret" not in repr(bench.records) + str(caught.value) + caught.value.caller_message
    assert caught.value.client_status == 502


@pytest.mark.parametrize("status", [400, 422, 429, 500])
@pytest.mark.parametrize("lead", ["Incorrect key Bearer ", "x" * 290])
async def test_a_credential_an_upstream_quotes_is_kept_out_of_records_and_answers(status: int, lead: str) -> None:
    refused = ScriptedUpstream(status, [wire.error(f"{lead}sk-secret-0123456789.").encode()], JSON)
    bench = bench_of(first=[refused])
    with pytest.raises(AllFailed) as caught:
        await bench.run({"first": make_target("first", credential="sk-secret-0123456789")}).plain()

    error = caught.value.outcome.error
    assert error is not None
    assert "sk-secret" not in repr(bench.records) + error.message + repr(error.body) + error.caller_message


async def test_a_good_answer_gives_its_connection_back_and_a_bad_one_does_not() -> None:
    bad, fine = ScriptedUpstream(200, [b"rubbish"], JSON), good()
    bench = bench_of(first=[bad], second=[fine])
    await bench.run(TWO).plain()

    assert (bad.is_aborted, bad.is_closed) == (True, False)
    assert (fine.is_aborted, fine.is_closed) == (False, True)


async def test_events_before_a_broken_one_still_reach_the_caller() -> None:
    bench = bench_of(first=[streamed(wire.ROLE + wire.WORDS[0], wire.WORDS[1] + b"data: {\n\n" + wire.WORDS[2])])
    run = bench.run(ONE, stream=True)

    assert await collect(run) == wire.ROLE + wire.WORDS[0] + wire.WORDS[1]
    assert run.outcome.error_class == "bad_answer"


async def test_keep_alives_do_not_count_as_a_first_token_but_pass_afterwards() -> None:
    ping = b": ping\n\n"
    bench = bench_of(first=[streamed(ping, ping, wire.WORDS[0], ping, wire.STOP, wire.DONE)])

    assert await collect(bench.run(ONE, stream=True)) == wire.WORDS[0] + ping + wire.STOP


async def test_several_choices_are_complete_when_each_has_finished() -> None:
    finishing = streamed(wire.WORDS[0], wire.STOP)
    for n, is_complete in ((1, True), (2, False)):
        bench = bench_of(first=[ScriptedUpstream(200, list(finishing._packets), finishing.headers)])
        run = bench.run(ONE, stream=True, n=n)
        await collect(run)

        assert run.outcome.is_complete is is_complete


async def test_a_streams_first_token_time_is_recorded_and_felt() -> None:
    clock = VirtualClock()
    transport = SimulatedTransport(clock)
    target = make_target(
        "first", kind="simulated", simulation={"ttft_ms": {"p50": 80, "p95": 80}, "tokens_per_second": 1e6}
    )
    bench = Bench(transport, clock)
    run = bench.run({"first": target}, stream=True)
    await collect(run)

    assert run.outcome.ttft_ms == pytest.approx(80, abs=2)
    assert bench.live.view(clock.now_ms()).deployments["first"].ttft_ewma_ms == pytest.approx(80, abs=2)
    assert run.outcome.upstream_seconds > 0.08
