"""What a request holds and what is booked in the end, whichever way it ends: through serve_chat, on a virtual clock."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from routerapp.engine.types import Decision
from routerapp.engine.verdicts import Verdict
from routerapp.gateway.messages.parse import parse_messages
from routerapp.providers.clock import VirtualClock
from routerapp.serving.admission import Admission
from routerapp.serving.route_chat import prepare
from routerapp.serving.serve_chat import serve_chat
from routerapp.store.records import AttemptEnd, Begin
from tests.runtimes import QUICK, START_MS, a_chat, a_deployment, a_policy, a_snapshot, journal_of
from tests.serving.limited import (
    BREAKING,
    DOLLAR,
    FAILING,
    SLOW,
    assert_settled,
    caller_of,
    cost_in_journal,
    limited,
    refusal,
    usage,
)


async def test_an_answer_is_booked_to_the_nano_dollar(tmp_path: Path) -> None:
    runtime = limited(tmp_path)
    served = await serve_chat(runtime, a_chat(), caller_of(runtime))

    begin = next(record for record in journal_of(runtime) if isinstance(record, Begin))
    assert served.status == 200
    assert begin.reservation_nusd > cost_in_journal(runtime) > 0
    assert_settled(runtime)


async def test_a_fallback_after_a_failure_is_booked_with_it(tmp_path: Path) -> None:
    runtime = limited(tmp_path, simulations={"cheap": FAILING})
    await serve_chat(runtime, a_chat(), caller_of(runtime))

    attempts = [record.deployment for record in journal_of(runtime) if isinstance(record, AttemptEnd)]
    assert attempts[-1] == "dear"
    assert_settled(runtime)


@pytest.mark.parametrize("read", [0, 1, 3])
async def test_a_caller_who_leaves_in_mid_stream_pays_for_what_was_made(tmp_path: Path, read: int) -> None:
    runtime = limited(tmp_path)
    served = await serve_chat(runtime, a_chat(stream=True), caller_of(runtime))
    assert served.stream is not None
    assert usage(runtime)["in_flight"] == 1
    assert usage(runtime)["day_held_nusd"] > 0
    for _ in range(read):
        await anext(served.stream)
    await served.stream.aclose()

    assert journal_of(runtime)[-1].status == "cancelled"  # type: ignore[union-attr]
    assert cost_in_journal(runtime) > 0
    assert_settled(runtime)


async def test_an_upstream_that_breaks_off_in_mid_stream_is_paid_for_what_it_made(tmp_path: Path) -> None:
    runtime = limited(tmp_path, simulations={"cheap": BREAKING})
    served = await serve_chat(runtime, a_chat(stream=True), caller_of(runtime))
    assert served.stream is not None
    events = b"".join([event async for event in served.stream])

    assert b"[DONE]" not in events
    assert cost_in_journal(runtime) > 0
    assert_settled(runtime)


async def test_a_cancelled_task_gives_everything_back(tmp_path: Path) -> None:
    runtime = limited(tmp_path, clock=VirtualClock(START_MS), simulations={"cheap": SLOW})
    task = asyncio.ensure_future(serve_chat(runtime, a_chat(stream=True), caller_of(runtime)))
    await asyncio.sleep(0)
    assert usage(runtime)["in_flight"] == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert_settled(runtime)


async def test_every_refusal_frees_the_place_in_flight(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {"max_parallel": 1, "daily_spend_nusd": 10**7})
    chats = (a_chat(model="unheard-of"), a_chat(router={"constraints": {"regions": ["eu"]}}), a_chat(max_tokens=10_000))
    codes = [(await refusal(runtime, chat)).code for chat in chats]
    await serve_chat(runtime, a_chat(router={"dry_run": True}), caller_of(runtime))

    assert codes == ["model_not_found", "no_eligible_model", "budget_exceeded"]
    assert usage(runtime)["in_flight"] == 0
    assert (await serve_chat(runtime, a_chat(), caller_of(runtime))).status == 200


async def test_a_fault_of_ours_frees_the_place_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = limited(tmp_path, {"max_parallel": 1})

    def broken(*args: object) -> Decision:
        raise ZeroDivisionError

    monkeypatch.setattr("routerapp.serving.route_chat.decide", broken)
    with pytest.raises(ZeroDivisionError):
        await serve_chat(runtime, a_chat(), caller_of(runtime))

    assert usage(runtime)["in_flight"] == 0


async def test_the_cap_that_keeps_the_hold_true_is_sent_upstream_and_said(tmp_path: Path) -> None:
    models = {"cheap": {"max_output_tokens": 60}, "dear": {"max_output_tokens": 60}}
    talkative = {**QUICK, "output_tokens": {"mean": 2_000}}
    runtime = limited(tmp_path, models=models, simulations={"cheap": talkative})
    served = await serve_chat(runtime, a_chat(), caller_of(runtime))

    attempt = next(record for record in journal_of(runtime) if isinstance(record, AttemptEnd))
    end = journal_of(runtime)[-1]
    capped = [step for step in served.decision.trace if step.verdict == Verdict.OUTPUT_CAPPED_BY_BUDGET]
    assert attempt.output_tokens == 60
    assert attempt.warnings == end.warnings == ("capped:max_tokens",)  # type: ignore[union-attr]
    assert [(step.subject, dict(step.because)) for step in capped] == [
        ("cheap", {"max_tokens": 60}),
        ("dear", {"max_tokens": 60}),
    ]
    assert_settled(runtime)


@pytest.mark.parametrize("own", [{"max_tokens": 10}, {"max_completion_tokens": 10}])
async def test_a_callers_own_limit_needs_no_cap(tmp_path: Path, own: dict[str, int]) -> None:
    runtime = limited(tmp_path)
    served = await serve_chat(runtime, a_chat(**own), caller_of(runtime))

    assert all(step.verdict != Verdict.OUTPUT_CAPPED_BY_BUDGET for step in served.decision.trace)
    assert journal_of(runtime)[-1].warnings == ()  # type: ignore[union-attr]


def test_no_answer_at_all_is_a_limit_too(tmp_path: Path) -> None:
    """What a Messages caller asks for to fill a prompt cache: a cap in its place would order a real answer."""
    runtime = limited(tmp_path)
    hello = [{"role": "user", "content": "hello"}]
    chat = parse_messages(msgspec.json.encode({"model": "auto", "max_tokens": 0, "messages": hello}), {})
    prepared = prepare(runtime, chat, caller_of(runtime))
    admission = Admission(runtime, chat, caller_of(runtime), runtime.clock.now_ms())
    admission.enter()
    admission.take(prepared)

    assert admission.hold is not None
    assert admission.hold.caps == {}
    admission.release()


async def test_without_a_limit_on_usage_nothing_is_capped(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {"requests_per_minute": 5, "max_parallel": 5})
    await serve_chat(runtime, a_chat(), caller_of(runtime))

    assert journal_of(runtime)[-1].warnings == ()  # type: ignore[union-attr]


async def test_several_answers_to_one_prompt_are_all_held_for(tmp_path: Path) -> None:
    runtime = limited(tmp_path)
    reserved = []
    for n in (1, 3):
        await serve_chat(runtime, a_chat(n=n, max_tokens=1_000), caller_of(runtime))
        reserved.append([one for one in journal_of(runtime) if isinstance(one, Begin)][-1].reservation_nusd)

    assert reserved[1] - reserved[0] > 2 * 1_000 * 20_000 - 10**6


async def test_a_policys_own_limit_on_the_answer_is_what_is_held(tmp_path: Path) -> None:
    policy = a_policy(parameters={"max_tokens": 100})
    runtime = limited(tmp_path, policies=[policy])
    await serve_chat(runtime, a_chat(), caller_of(runtime))

    begin = next(record for record in journal_of(runtime) if isinstance(record, Begin))
    assert begin.reservation_nusd < 4_096 * 20_000
    assert journal_of(runtime)[-1].warnings == ()  # type: ignore[union-attr]
    assert_settled(runtime)


async def test_a_hedge_and_its_primary_are_held_together_and_both_booked(tmp_path: Path) -> None:
    policy = a_policy(hedge={"after_ms": 100})
    runtime = limited(tmp_path, policies=[policy], simulations={"cheap": SLOW, "dear": QUICK})
    served = await serve_chat(runtime, a_chat(stream=True, max_tokens=100), caller_of(runtime))
    assert served.stream is not None
    async for _ in served.stream:
        pass

    begin = next(record for record in journal_of(runtime) if isinstance(record, Begin))
    attempts = {record.deployment: record for record in journal_of(runtime) if isinstance(record, AttemptEnd)}
    assert {slug: one.status for slug, one in attempts.items()} == {"cheap": "cancelled", "dear": "ok"}
    assert begin.reservation_nusd > 100 * (20_000 + 2_000)
    assert_settled(runtime)


def test_images_are_held_for_by_their_number_and_not_by_their_bytes(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {"daily_spend_nusd": 100 * DOLLAR})

    def held(*images: str) -> int:
        parts: list[dict[str, Any]] = [{"type": "text", "text": "What is this?"}]
        parts += [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one}"}} for one in images]
        chat = a_chat(messages=[{"role": "user", "content": parts}], max_tokens=1)
        admission = Admission(runtime, chat, caller_of(runtime), runtime.clock.now_ms())
        admission.enter()
        admission.take(prepare(runtime, chat, caller_of(runtime)))
        nusd = admission.held_nusd
        admission.release()
        return nusd

    assert held("A" * 100_000) == held("A" * 100)
    assert held("A", "B") > 1.8 * held("A")


async def test_a_second_attempt_that_the_budget_no_longer_covers_is_not_made(tmp_path: Path) -> None:
    """The first attempt breaks after reaching the model and is billed; the hold cannot be raised for another like it."""
    broken = {**QUICK, "script": [{"on": "", "do": "truncate"}], "output_tokens": {"mean": 20}}
    policy = a_policy(retries=0)
    deployments = [a_deployment("cheap"), a_deployment("dear", dollars=1.001)]
    runtime = limited(tmp_path, {}, policies=[policy], simulations={"cheap": broken}, deployments=deployments)
    probe = limited(tmp_path / "probe", policies=[policy], deployments=deployments)
    await serve_chat(probe, a_chat(max_tokens=50), caller_of(probe))
    reserved = next(one for one in journal_of(probe) if isinstance(one, Begin)).reservation_nusd
    runtime.swap(
        a_snapshot(
            callers={"app": {"daily_spend_nusd": reserved}},
            policies=[policy],
            simulations={"cheap": broken},
            deployments=deployments,
            serial=2,
        )
    )
    await refusal(runtime, a_chat(max_tokens=50))

    attempts = [record for record in journal_of(runtime) if isinstance(record, AttemptEnd)]
    assert [one.deployment for one in attempts] == ["cheap"]
    assert cost_in_journal(runtime) > 0
    assert usage(runtime)["day_spent_nusd"] <= reserved
    assert_settled(runtime)


@pytest.mark.parametrize(
    ("parameters", "members"),
    [
        ({"n": 8}, {"max_tokens": 1_000}),
        ({"max_tokens": None}, {"max_tokens": 1}),
        ({"max_tokens": 8_000}, {"max_completion_tokens": 1}),
        ({}, {"max_completion_tokens": 1, "max_tokens": 8_000}),
    ],
)
async def test_what_the_upstream_may_take_for_the_length_of_the_answer_is_held(
    tmp_path: Path, parameters: dict[str, Any], members: dict[str, Any]
) -> None:
    """A limit that the policy took away, and the larger one where two stand: which counts is the upstream's to say."""
    runtime = limited(tmp_path, policies=[a_policy(parameters=parameters)])
    await serve_chat(runtime, a_chat(**members), caller_of(runtime))

    begin = next(record for record in journal_of(runtime) if isinstance(record, Begin))
    assert begin.reservation_nusd >= min(8_000, 4_096 if None in parameters.values() else 8_000) * 20_000
    assert_settled(runtime)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
    ],
)
async def test_a_file_may_hold_more_tokens_than_it_has_bytes(tmp_path: Path, part: dict[str, Any]) -> None:
    runtime = limited(tmp_path, {"daily_spend_nusd": 100 * DOLLAR})
    chat = a_chat(messages=[{"role": "user", "content": [part]}], max_tokens=1)
    await serve_chat(runtime, chat, caller_of(runtime))

    begin = next(record for record in journal_of(runtime) if isinstance(record, Begin))
    assert begin.reservation_nusd >= 128_000 * 10_000
    assert_settled(runtime)
