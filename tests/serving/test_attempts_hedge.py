"""A second attempt beside a silent first one: who wins, what the loser costs, what holds it back, and that nothing is left running."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.engine.breaker import BreakerSettings
from routerapp.engine.types import LiveDeployment
from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Target
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock, VirtualClock
from routerapp.providers.egress import EgressGuard
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.plan_job import AllFailed
from routerapp.store.live import LiveState
from tests import upstream as wire
from tests.providers.chats import make_target
from tests.serving.plans import LIMITS, Bench, collect, make_config
from tests.upstream import MisbehavingUpstream

PATIENT = replace(LIMITS, first_token_ms=30_000, idle_ms=30_000, total_ms=60_000)


def simulated(ttft_ms: float, **more: Any) -> Mapping[str, Any]:
    simulation = {"ttft_ms": {"p50": ttft_ms, "p95": ttft_ms}, "tokens_per_second": 1e6, "output_tokens": {"mean": 20}}
    return {"kind": "simulated", "simulation": {**simulation, **more}}


def always(fault: str) -> Mapping[str, Any]:
    return {"script": [{"on": "", "do": fault}]}


def targets(**places: Mapping[str, Any]) -> dict[str, Target]:
    return {slug: make_target(slug, **place) for slug, place in places.items()}


@pytest.fixture
def bench() -> Bench:
    clock = VirtualClock()
    return Bench(SimulatedTransport(clock), clock, limits=PATIENT)


async def answer_of(bench: Bench, places: dict[str, Target], is_streaming: bool, **more: Any) -> Any:
    run = bench.run(places, hedge_after_ms=500, stream=is_streaming, **more)
    if is_streaming:
        await collect(run)
    else:
        await run.plain()
    return run.outcome


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_quick_primary_is_never_hedged(bench: Bench, is_streaming: bool) -> None:
    outcome = await answer_of(bench, targets(first=simulated(400), second=simulated(10)), is_streaming)

    assert bench.story == [("first", "ok")]
    assert (outcome.deployment, bench.in_flight()) == ("first", 0)


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_the_hedge_answers_for_a_silent_primary_and_both_are_paid(bench: Bench, is_streaming: bool) -> None:
    outcome = await answer_of(bench, targets(first=simulated(5_000), second=simulated(200)), is_streaming)

    lost, won = bench.records
    assert bench.story == [("first", "cancelled"), ("second", "ok")]
    assert [record.role for record in bench.records] == ["primary", "hedge"]
    assert won.at_ms - lost.at_ms == 500
    assert lost.latency_ms == pytest.approx(700, abs=5)
    assert (lost.input_tokens, lost.is_usage_estimated) == (20, True)
    assert lost.cost_nusd == 20 * 1000
    assert outcome.cost_nusd == lost.cost_nusd + won.cost_nusd
    assert (outcome.status, outcome.deployment, outcome.answered) == ("ok", "second", won)
    assert bench.in_flight() == 0


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_primary_that_still_comes_first_wins(bench: Bench, is_streaming: bool) -> None:
    outcome = await answer_of(bench, targets(first=simulated(900), second=simulated(2_000)), is_streaming)

    assert sorted(bench.story) == [("first", "ok"), ("second", "cancelled")]
    assert [(one.deployment, one.number) for one in outcome.attempts] == [("first", 1), ("second", 2)]
    assert outcome.answered.deployment == outcome.deployment == "first"
    assert outcome.cost_nusd == sum(record.cost_nusd for record in bench.records)
    assert bench.in_flight() == 0


async def test_time_that_two_attempts_share_counts_once(bench: Bench) -> None:
    outcome = await answer_of(bench, targets(first=simulated(5_000), second=simulated(200)), False)

    assert outcome.upstream_seconds == pytest.approx(0.7, abs=0.01)


async def test_the_first_of_two_equals_is_the_primary(bench: Bench) -> None:
    outcome = await answer_of(bench, targets(first=simulated(1_000), second=simulated(500)), False)

    assert outcome.deployment in ("first", "second")
    assert [record.status for record in bench.records].count("ok") == 1
    assert [record.status for record in bench.records].count("cancelled") == 1


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_after_an_early_failure_the_hedge_is_an_ordinary_fallback(bench: Bench, is_streaming: bool) -> None:
    places = targets(first=simulated(100, **always("404")), second=simulated(200), third=simulated(10))
    await answer_of(bench, places, is_streaming)

    assert bench.story == [("first", "model_gone"), ("second", "ok")]
    assert [record.role for record in bench.records] == ["primary", "fallback"]


async def test_when_both_fail_the_plan_goes_on_behind_them(bench: Bench) -> None:
    hanging = replace(PATIENT, first_token_ms=800)
    places = targets(
        first=simulated(100, **always("hang")), second=simulated(100, **always("500")), third=simulated(10)
    )
    await answer_of(bench, places, True, limits=hanging)

    assert bench.story == [("second", "upstream_unavailable"), ("first", "first_token_timeout"), ("third", "ok")]


async def test_a_hedge_that_the_upstream_refuses_does_not_end_the_primary(bench: Bench) -> None:
    places = targets(first=simulated(2_000), second=simulated(100, **always("400")))
    outcome = await answer_of(bench, places, True)

    assert bench.story == [("second", "upstream_rejected"), ("first", "ok")]
    assert outcome.error is None


async def test_what_the_primary_refuses_stays_refused_and_ends_the_hedge(bench: Bench) -> None:
    places = targets(first=simulated(3_200, **always("400")), second=simulated(9_000))
    with pytest.raises(AllFailed) as caught:
        await answer_of(bench, places, True)

    assert sorted(bench.story) == [("first", "upstream_rejected"), ("second", "cancelled")]
    assert caught.value.client_status == 400
    assert len(caught.value.outcome.attempts) == 2


async def test_a_primary_that_is_tried_again_keeps_its_number(bench: Bench) -> None:
    bench.chance = 1.0
    limits = replace(PATIENT, retries=1)
    places = targets(first=simulated(2_400, **always("500")), second=simulated(9_000))
    await answer_of(bench, places, True, limits=limits)

    keys = [(record.number, record.retry) for record in bench.records]
    assert len(keys) == len(set(keys))
    assert {record.number for record in bench.records if record.deployment == "first"} == {1}


@pytest.mark.parametrize(
    ("config", "constraints"),
    [
        ({"first": {}, "second": {"max_in_flight": 1}}, {}),
        ({"first": {}, "second": {}}, {"exclude": ["deployment:second"]}),
        ({"first": {}, "second": {"is_draining": True}}, {}),
    ],
)
async def test_a_hedge_passes_the_same_gate_as_a_fallback(
    bench: Bench, config: dict[str, Any], constraints: dict[str, Any]
) -> None:
    bench.live.attempt_started("second", bench.clock.now_ms())
    places = targets(first=simulated(5_000), second=simulated(10))
    await answer_of(bench, places, True, config=make_config(config), constraints=constraints)

    assert bench.story == [("first", "ok")]


@pytest.mark.parametrize(("short_nusd", "served"), [(1, "first"), (0, "second")])
async def test_the_running_primary_counts_against_the_cost_ceiling(bench: Bench, short_nusd: int, served: str) -> None:
    places = targets(first=simulated(5_000), second=simulated(10))
    one_attempt = 20 * 1000 + 300 * 2000
    outcome = await answer_of(bench, places, True, limits=replace(PATIENT, max_cost_nusd=2 * one_attempt - short_nusd))

    assert outcome.deployment == served


async def test_hedges_stay_within_the_retry_budget(bench: Bench) -> None:
    places = targets(first=simulated(5_000), second=simulated(10))
    hedged = 0
    for _ in range(200):
        bench.records.clear()
        bench.clock.move_to(1_700_000_000_000)  # type: ignore[attr-defined]
        hedged += (await answer_of(bench, places, True)).deployment == "second"

    assert 3 <= hedged <= 200 * 0.25


async def test_a_loser_says_nothing_about_its_deployment(bench: Bench) -> None:
    bench.live = LiveState(BreakerSettings(consecutive_failures=1))
    await answer_of(bench, targets(first=simulated(5_000), second=simulated(200)), True)

    live: Mapping[str, LiveDeployment] = bench.live.view(bench.clock.now_ms()).deployments
    assert (live["first"].breaker, live["first"].success_samples, live["first"].in_flight) == ("closed", 0, 0)
    assert live["second"].success_samples == 1


async def test_a_primary_that_cannot_be_had_leaves_the_hedge_as_its_fallback(bench: Bench) -> None:
    class Broken(dict[str, Target]):
        def __getitem__(self, name: str) -> Target:
            if name == "first":
                raise KeyError(name)
            return super().__getitem__(name)

    places = Broken(targets(first=simulated(10), second=simulated(10)))
    outcome = await answer_of(bench, places, False)

    assert bench.story == [("second", "ok")]
    assert outcome.skipped[0].verdict == Verdict.DEPLOYMENT_DISABLED
    assert bench.in_flight() == 0


@pytest.fixture
async def upstream() -> AsyncIterator[MisbehavingUpstream]:
    async with MisbehavingUpstream() as server:
        yield server


@pytest.fixture
async def real(upstream: MisbehavingUpstream) -> AsyncIterator[Bench]:
    clock = SystemClock()
    transport = HttpTransport(EgressGuard(["127.0.0.1"]), clock)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: problems.append(context))
    before = asyncio.all_tasks()
    yield Bench(transport, clock, limits=PATIENT)
    await transport.close()
    await asyncio.sleep(0)
    here = asyncio.current_task()
    started = asyncio.all_tasks() - before
    left = [task for task in started if task is not here and "MisbehavingUpstream" not in repr(task)]
    gc.collect()
    assert (left, problems) == ([], [])


def wired(upstream: MisbehavingUpstream, **behaviours: str) -> dict[str, Target]:
    return {slug: make_target(slug, url=upstream.url(behaviour)) for slug, behaviour in behaviours.items()}


@pytest.mark.parametrize("is_streaming", [False, True])
@pytest.mark.parametrize("silence", ["hang-head", "hang-token"])
async def test_on_the_wire_the_slow_upstream_is_left_at_once(
    real: Bench, upstream: MisbehavingUpstream, silence: str, is_streaming: bool
) -> None:
    run = real.run(wired(upstream, first=silence, second="ok"), hedge_after_ms=60, stream=is_streaming)
    if is_streaming:
        await run.open_stream()
        await asyncio.wait_for(upstream.requests[0].left.wait(), 60)
        text = b"".join([event async for event in run.events()])
        assert b"".join(wire.WORDS) in text
    else:
        assert b"Hello there" in (await run.plain()).body
        await asyncio.wait_for(upstream.requests[0].left.wait(), 60)

    assert real.story == [("first", "cancelled"), ("second", "ok")]
    assert real.in_flight() == 0


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_caller_who_leaves_ends_both(real: Bench, upstream: MisbehavingUpstream, is_streaming: bool) -> None:
    run = real.run(wired(upstream, first="hang-head", second="hang-head"), hedge_after_ms=20, stream=is_streaming)
    task = asyncio.create_task(run.open_stream() if is_streaming else run.plain())  # type: ignore[arg-type]
    while len(upstream.requests) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    for seen in upstream.requests:
        await asyncio.wait_for(seen.left.wait(), 60)
    assert real.story == [("first", "cancelled"), ("second", "cancelled")]
    assert run.outcome.status == "cancelled"
    assert real.in_flight() == 0


async def test_a_winner_that_breaks_off_later_is_not_replaced(real: Bench, upstream: MisbehavingUpstream) -> None:
    run = real.run(wired(upstream, first="hang-head", second="reset", third="ok"), hedge_after_ms=20, stream=True)
    await collect(run)

    assert real.story == [("first", "cancelled"), ("second", "stream_broken")]
    assert run.outcome.error_class == "stream_broken"
