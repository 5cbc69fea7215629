"""The fault matrix against a real misbehaving server through the real client: fall back before the first byte, be honest after it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from routerapp.engine.types import PlanLimits
from routerapp.providers.base import Target
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.serving.plan_job import AllFailed
from tests.providers.chats import make_target
from tests.serving.plans import Bench, collect, make_config
from tests.upstream import USAGE_EVENT, WORDS, MisbehavingUpstream, bomb

TEXT = b"".join(WORDS)
# Only the clock under test is short, so that a busy machine fails nothing.
PATIENT = PlanLimits(connect_ms=3_000, first_token_ms=3_000, idle_ms=3_000, total_ms=20_000, retries=0)
SHORT = {
    "first_token_timeout": replace(PATIENT, first_token_ms=250),
    "idle_timeout": replace(PATIENT, idle_ms=150),
}


@pytest.fixture
async def upstream() -> AsyncIterator[MisbehavingUpstream]:
    bomb()
    async with MisbehavingUpstream() as server:
        yield server


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = SystemClock()
    transport = HttpTransport(EgressGuard(["127.0.0.1"]), clock)
    yield Bench(transport, clock, limits=PATIENT)
    await transport.close()


def targets(upstream: MisbehavingUpstream, *behaviours: str) -> dict[str, Target]:
    names = ("first", "second", "third")
    return {
        name: make_target(name, url=upstream.url(behaviour), credential="key")
        for name, behaviour in zip(names, behaviours, strict=False)
    }


FALLS_BACK = {
    "429": "rate_limited",
    "429-wait-7": "rate_limited",
    "500": "upstream_unavailable",
    "503-wait": "upstream_unavailable",
    "529": "upstream_unavailable",
    "401": "credential_rejected",
    "400-key": "credential_rejected",
    "403": "credential_rejected",
    "404": "model_gone",
    "redirect": "bad_answer",
    "hang-head": "first_token_timeout",
    "reset": "stream_broken",
    "rubbish": "bad_answer",
    "error-body": "upstream_unavailable",
    "html": "bad_answer",
    "html-502": "upstream_unavailable",
    "gzip-lie": "bad_answer",
    "gzip-bomb": "answer_too_large",
    "huge-head": "bad_answer",
    "bad-http": "bad_answer",
}
PLAIN_ONLY = {"stall": "idle_timeout", "cut-body": "stream_broken", "no-choices": "bad_answer"}
STREAM_ONLY = {
    "hang-token": "first_token_timeout",
    "rubbish-first": "bad_answer",
    "error-first": "rate_limited",
    "whole-for-stream": "bad_answer",
    "huge-event": "answer_too_large",
}


@pytest.mark.parametrize(("behaviour", "error_class"), [*FALLS_BACK.items(), *PLAIN_ONLY.items()])
async def test_a_plain_answer_comes_from_the_fallback(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str, error_class: str
) -> None:
    run = bench.run(targets(upstream, behaviour, "ok"), limits=SHORT.get(error_class, PATIENT))
    reply = await run.plain()

    assert b"Hello there" in reply.body
    assert bench.story == [("first", error_class), ("second", "ok")]
    assert run.outcome.status == "ok"
    assert bench.in_flight() == 0


@pytest.mark.parametrize(
    ("behaviour", "error_class"),
    [item for item in FALLS_BACK.items() if item[0] != "reset"] + list(STREAM_ONLY.items()),
)
async def test_a_stream_comes_from_the_fallback_while_nothing_was_sent(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str, error_class: str
) -> None:
    run = bench.run(targets(upstream, behaviour, "ok"), limits=SHORT.get(error_class, PATIENT), stream=True)
    answer = await collect(run)

    assert TEXT in answer
    assert answer.count(b'"role"') == 1
    assert bench.story == [("first", error_class), ("second", "ok")]
    assert run.outcome.is_complete
    assert bench.in_flight() == 0


@pytest.mark.parametrize(
    ("behaviour", "status", "error_class"),
    [
        ("reset", "upstream_error", "stream_broken"),
        ("stall", "timeout", "idle_timeout"),
        ("truncate", "upstream_error", "stream_broken"),
        ("truncate-event", "upstream_error", "stream_broken"),
        ("close-delimited", "upstream_error", "stream_broken"),
        ("rubbish-stream", "upstream_error", "bad_answer"),
        ("error-event", "upstream_error", "upstream_unavailable"),
    ],
)
async def test_a_stream_that_breaks_says_so_and_invents_nothing(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str, status: str, error_class: str
) -> None:
    run = bench.run(targets(upstream, behaviour, "ok"), limits=SHORT.get(error_class, PATIENT), stream=True)
    answer = await collect(run)
    outcome = run.outcome

    assert b"Hello" in answer
    assert b"[DONE]" not in answer
    assert b'"stop"' not in answer
    assert (outcome.status, outcome.error_class, outcome.finish_reason) == (status, error_class, "")
    assert bench.story == [("first", error_class)]
    record = bench.records[0]
    assert record.is_usage_estimated
    assert (record.input_tokens, record.status) == (20, status)
    assert record.output_tokens is not None
    assert record.output_tokens >= 2
    assert upstream.seen("ok") == []


@pytest.mark.parametrize(
    "behaviour",
    [
        "ok",
        "two-in-one",
        "split-utf8",
        "carriage-returns",
        "stream-text-type",
        "done-without-finish",
        "last-blank-line-missing",
    ],
)
async def test_odd_but_right_streams_are_read_right(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str
) -> None:
    run = bench.run(targets(upstream, behaviour), stream=True)
    answer = (await collect(run)).replace(b"\r\n", b"\n")

    assert TEXT in answer
    assert "世界".encode() in answer
    assert run.outcome.is_complete
    assert run.outcome.finish_reason == ("" if behaviour == "done-without-finish" else "stop")


async def test_a_finish_reason_ends_a_stream_whose_done_is_missing(upstream: MisbehavingUpstream, bench: Bench) -> None:
    run = bench.run(targets(upstream, "finish-without-done"), stream=True)
    await collect(run)

    assert run.outcome.is_complete


@pytest.mark.parametrize("behaviour", ["text-type", "gzip", "keepalive-spaces"])
async def test_odd_but_right_answers_are_read_right(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str
) -> None:
    run = bench.run(targets(upstream, behaviour))

    assert b"Hello there" in (await run.plain()).body


async def test_a_big_event_passes_whole(upstream: MisbehavingUpstream, bench: Bench) -> None:
    run = bench.run(targets(upstream, "big-event"), stream=True)

    assert b"z" * 1_000_000 in await collect(run)
    assert run.outcome.output_tokens == 250_000


@pytest.mark.parametrize("behaviour", ["400", "422"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_callers_own_mistake_is_passed_on_and_tried_nowhere_else(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str, stream: bool
) -> None:
    run = bench.run(targets(upstream, behaviour, "ok"), limits=replace(PATIENT, retries=3), stream=stream)
    with pytest.raises(AllFailed) as caught:
        await (run.open_stream() if stream else run.plain())

    assert caught.value.client_status == int(behaviour)
    assert caught.value.error is not None
    assert b'"message": ' in (caught.value.error.body or b"")
    assert caught.value.outcome.status == "invalid"
    assert len(upstream.requests) == 1
    assert bench.live.view(bench.clock.now_ms()).deployments["first"].success_samples == 0


async def test_a_prompt_that_is_too_long_goes_to_a_larger_window_only(
    upstream: MisbehavingUpstream, bench: Bench
) -> None:
    config = make_config({"first": {"window": 8_000}, "second": {"window": 8_000}, "third": {"window": 32_000}})
    run = bench.run(targets(upstream, "context", "500", "ok"), config=config)
    await run.plain()

    assert bench.story == [("first", "context_too_long"), ("third", "ok")]
    assert [(one.deployment, one.verdict) for one in run.outcome.skipped] == [("second", "context_too_small")]


async def test_a_prompt_too_long_for_all_is_the_callers_error(upstream: MisbehavingUpstream, bench: Bench) -> None:
    with pytest.raises(AllFailed) as caught:
        await bench.run(targets(upstream, "context")).plain()

    assert caught.value.client_status == 400
    assert "maximum context length" in caught.value.caller_message


async def test_rate_limits_everywhere_are_a_429_with_the_smallest_wait(
    upstream: MisbehavingUpstream, bench: Bench
) -> None:
    run = bench.run(targets(upstream, "429-wait-30", "429-wait-7"), limits=replace(PATIENT, retries=2))
    with pytest.raises(AllFailed) as caught:
        await run.plain()

    assert caught.value.client_status == 429
    assert caught.value.retry_after_ms == 7_000
    assert "org-secret" not in caught.value.caller_message
    assert len(upstream.requests) == 2


async def test_a_time_that_was_named_is_never_undercut(upstream: MisbehavingUpstream, bench: Bench) -> None:
    for behaviour in ("429-wait-7", "503-wait"):
        with pytest.raises(AllFailed):
            await bench.run(targets(upstream, behaviour), limits=replace(PATIENT, retries=5)).plain()

        assert len(upstream.seen(behaviour)) == 1


async def test_a_refused_connection_costs_next_to_nothing(upstream: MisbehavingUpstream, bench: Bench) -> None:
    closed = {"first": make_target("first", url="http://127.0.0.1:1/v1")}
    run = bench.run({**closed, "second": targets(upstream, "ok", "ok")["second"]}, limits=replace(PATIENT, retries=3))
    started = time.monotonic()
    await run.plain()

    assert bench.story == [("first", "connect_failed"), ("second", "ok")]
    assert bench.records[0].latency_ms <= 500
    assert time.monotonic() - started < 5


async def test_an_address_inside_is_refused_and_the_plan_goes_on(upstream: MisbehavingUpstream, bench: Bench) -> None:
    inside = {"first": make_target("first", url="http://169.254.169.254/v1", credential="secret")}
    await bench.run({**inside, "second": targets(upstream, "ok", "ok")["second"]}).plain()

    assert bench.story == [("first", "egress_refused"), ("second", "ok")]


async def test_a_hang_with_nothing_left_ends_with_the_plans_deadline(
    upstream: MisbehavingUpstream, bench: Bench
) -> None:
    run = bench.run(targets(upstream, "hang-head"), limits=replace(PATIENT, total_ms=200))
    started = time.monotonic()
    with pytest.raises(AllFailed) as caught:
        await run.plain()

    assert 0.19 < time.monotonic() - started < 10
    assert (caught.value.client_status, caught.value.outcome.status) == (504, "timeout")
    await asyncio.wait_for(upstream.requests[0].left.wait(), 60)


async def test_one_deadline_spans_the_whole_plan(upstream: MisbehavingUpstream, bench: Bench) -> None:
    limits = replace(PATIENT, first_token_ms=300, total_ms=500)
    run = bench.run(targets(upstream, "hang-head", "hang-head", "hang-head"), limits=limits, stream=True)
    started = time.monotonic()
    with pytest.raises(AllFailed):
        await run.open_stream()

    assert time.monotonic() - started < 10
    assert bench.story == [("first", "first_token_timeout"), ("second", "total_timeout")]


@pytest.mark.parametrize("behaviour", ["hang-head", "stall"])
async def test_a_caller_who_leaves_stops_a_plain_upstream(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str
) -> None:
    run = bench.run(targets(upstream, behaviour, "ok"), limits=PATIENT)
    task = asyncio.create_task(run.plain())
    while not upstream.requests:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.wait_for(upstream.requests[0].left.wait(), 60)
    assert bench.story == [("first", "cancelled")]
    assert run.outcome.status == "cancelled"
    assert bench.records[0].is_usage_estimated
    assert bench.records[0].input_tokens == 20
    assert bench.in_flight() == 0
    assert bench.live.view(bench.clock.now_ms()).deployments["first"].success_samples == 0


@pytest.mark.parametrize("how", ["closes", "is cancelled"])
async def test_a_caller_who_leaves_stops_a_streaming_upstream(
    upstream: MisbehavingUpstream, bench: Bench, how: str
) -> None:
    run = bench.run(targets(upstream, "slow", "ok"), stream=True)
    await run.open_stream()
    events = run.events()
    for _ in range(3):
        await anext(events)
    if how == "closes":
        await events.aclose()
    else:
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await asyncio.wait_for(upstream.requests[0].left.wait(), 60)
    assert bench.story == [("first", "cancelled")]
    assert bench.records[0].output_tokens is not None
    assert bench.records[0].output_tokens >= 3
    assert bench.in_flight() == 0


async def test_a_stream_nobody_started_to_read_is_stopped_too(upstream: MisbehavingUpstream, bench: Bench) -> None:
    run = bench.run(targets(upstream, "slow"), stream=True)
    await run.open_stream()
    await run.close()
    await run.close()

    await asyncio.wait_for(upstream.requests[0].left.wait(), 60)
    assert bench.story == [("first", "cancelled")]


async def test_the_real_model_and_its_own_count_are_reported(upstream: MisbehavingUpstream, bench: Bench) -> None:
    run = bench.run(targets(upstream, "ok"), stream=True, stream_options={"include_usage": True})
    answer = await collect(run)
    outcome = run.outcome

    assert USAGE_EVENT not in answer
    assert outcome.usage_event == USAGE_EVENT
    assert (outcome.input_tokens, outcome.output_tokens, outcome.cached_tokens) == (11, 3, 4)
    assert outcome.served_model == "real-model-0613"
    assert not outcome.is_usage_estimated
    assert outcome.cost_nusd == 11 * 1000 + 3 * 2000
    assert bench.records[0].upstream_id == "up-1"


async def test_usage_the_caller_did_not_ask_for_stays_with_us(upstream: MisbehavingUpstream, bench: Bench) -> None:
    run = bench.run(targets(upstream, "ok"), stream=True)

    assert b'"usage"' not in await collect(run)
    assert run.outcome.usage_event is None
    assert run.outcome.output_tokens == 3


@pytest.mark.parametrize(
    ("behaviour", "stream", "tokens"),
    [
        ("no-usage", False, (20, 3)),
        ("no-usage-stream", True, (20, 5)),
        ("half-usage", False, (9, 3)),
        ("mad-usage", False, (20, 3)),
    ],
)
async def test_missing_usage_is_counted_and_marked(
    upstream: MisbehavingUpstream, bench: Bench, behaviour: str, stream: bool, tokens: tuple[int, int]
) -> None:
    run = bench.run(targets(upstream, behaviour), stream=stream)
    await (collect(run) if stream else run.plain())

    assert (run.outcome.input_tokens, run.outcome.output_tokens) == tokens
    assert run.outcome.is_usage_estimated
