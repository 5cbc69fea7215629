"""serve_chat, driven in process on a virtual clock with simulated upstreams."""

from __future__ import annotations

import orjson
import pytest

from routerapp.providers.clock import VirtualClock
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused, Served
from routerapp.store.records import AttemptEnd, Begin, End
from tests.runtimes import CALLER, QUICK, a_chat, a_deployment, a_policy, a_runtime, a_snapshot, journal_of


async def events_of(served: Served) -> list[bytes]:
    assert served.stream is not None
    return [event async for event in served.stream]


async def test_answers_by_the_cheapest_and_records_begin_attempt_end(tmp_path):
    runtime = a_runtime(tmp_path)

    served = await serve_chat(runtime, a_chat(), CALLER)

    answer = orjson.loads(served.body)
    assert answer["choices"][0]["message"]["content"]
    assert served.headers["x-router-model"] == "cheap"
    assert served.headers["x-router-policy"] == "support"
    begin, attempt, end = journal_of(runtime)
    assert isinstance(begin, Begin)
    assert isinstance(attempt, AttemptEnd)
    assert isinstance(end, End)
    assert {begin.id, attempt.id, end.id} == {served.decision_id}
    assert end.status == "ok"
    assert end.cost_nusd == attempt.cost_nusd
    assert answer["usage"]["cost"] == pytest.approx(end.cost_nusd / 1e9)
    assert end.baseline_cost_nusd == 10 * end.cost_nusd


async def test_streams_events_then_the_cost_comment_then_done(tmp_path):
    runtime = a_runtime(tmp_path)

    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    events = await events_of(served)

    assert events[-1] == b"data: [DONE]\n\n"
    assert events[-2].startswith(b": x-router-decision-id=")
    assert journal_of(runtime)[-1].status == "ok"
    assert "x-router-estimated-cost-usd" in served.headers


async def test_puts_the_cost_into_the_usage_chunk_when_usage_was_asked_for(tmp_path):
    runtime = a_runtime(tmp_path)

    served = await serve_chat(runtime, a_chat(stream=True, stream_options={"include_usage": True}), CALLER)
    events = await events_of(served)

    usage = orjson.loads(events[-2].removeprefix(b"data: "))["usage"]
    end = journal_of(runtime)[-1]
    assert usage["cost"] == pytest.approx(end.cost_nusd / 1e9)
    assert usage["prompt_tokens"] == end.input_tokens


async def test_falls_back_before_the_first_byte_and_lists_both_attempts(tmp_path):
    snapshot = a_snapshot(simulations={"cheap": QUICK | {"script": [{"on": "Say", "do": "500"}]}})
    runtime = a_runtime(tmp_path, snapshot)

    served = await serve_chat(runtime, a_chat(), CALLER)

    assert served.headers["x-router-model"] == "dear"
    end = journal_of(runtime)[-1]
    assert end.attempts >= 2
    assert end.deployment == "dear"
    assert end.baseline_cost_nusd <= end.cost_nusd


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 502), ("reset", 502), ("rubbish", 502)])
async def test_when_all_fail_the_caller_learns_each_attempt(tmp_path, fault, status):
    script = QUICK | {"script": [{"on": "Say", "do": fault}]}
    runtime = a_runtime(tmp_path, a_snapshot(simulations={"cheap": script, "dear": script}))

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(), CALLER)

    refused = caught.value
    assert refused.status == status
    assert refused.source == "provider"
    assert {one["deployment"] for one in refused.detail["router"]["attempts"]} == {"cheap", "dear"}
    end = journal_of(runtime)[-1]
    assert end.status == "upstream_error"
    assert end.http_status == status
    assert refused.decision_id == end.id


async def test_a_stream_that_breaks_ends_in_an_error_event_without_done(tmp_path):
    script = QUICK | {"output_tokens": {"mean": 200}, "script": [{"on": "Say", "do": "reset"}]}
    runtime = a_runtime(tmp_path, a_snapshot(deployments=[a_deployment("cheap")], simulations={"cheap": script}))

    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    events = await events_of(served)

    error = orjson.loads(events[-1].removeprefix(b"data: "))["error"]
    assert error["code"] == "stream_broken"
    assert not any(b"[DONE]" in event for event in events)
    end = journal_of(runtime)[-1]
    assert end.status == "upstream_error"
    assert end.is_usage_estimated


async def test_closing_the_stream_records_a_cancelled_request_with_its_tokens(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(simulations={"cheap": QUICK | {"output_tokens": {"mean": 400}}}))

    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    await anext(served.stream)
    await anext(served.stream)
    await served.stream.aclose()

    end = journal_of(runtime)[-1]
    assert (end.status, end.http_status) == ("cancelled", 499)
    assert end.is_usage_estimated
    assert runtime.live.view(runtime.clock.now_ms()).deployments["cheap"].in_flight == 0


async def test_closing_the_stream_before_reading_anything_ends_the_upstream_and_the_record(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(simulations={"cheap": QUICK | {"output_tokens": {"mean": 400}}}))

    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    await served.stream.aclose()

    end = journal_of(runtime)[-1]
    assert (end.status, end.http_status, end.attempts) == ("cancelled", 499, 1)
    assert runtime.live.view(runtime.clock.now_ms()).deployments["cheap"].in_flight == 0


async def test_a_rule_may_refuse_and_the_refusal_is_recorded(tmp_path):
    rule = {"id": "r1", "name": "spam", "when": {"field": "text", "op": "contains", "value": "crypto"}}
    rules = [rule | {"use": {"reject": "Not served by this router."}}]
    runtime = a_runtime(tmp_path, a_snapshot(policies=[a_policy(rules=rules)]))

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat("free crypto"), CALLER)

    assert (caught.value.status, caught.value.code) == (403, "refused_by_policy")
    assert str(caught.value) == "Not served by this router."
    begin, end = journal_of(runtime)
    assert end.status == "refused_policy"
    assert begin.decision.rule == "r1"


async def test_what_no_model_here_can_do_is_the_callers_error(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(models={"cheap": {"has_tools": False}, "dear": {"has_tools": False}}))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(tools=tools), CALLER)

    assert (caught.value.status, caught.value.code) == (400, "no_capable_model")
    eliminated = caught.value.detail["router"]["eliminated"]
    assert {(one["deployment"], one["verdict"]) for one in eliminated} == {
        ("cheap", "missing_tools"),
        ("dear", "missing_tools"),
    }
    assert journal_of(runtime)[-1].status == "no_candidate"


async def test_constraints_that_leave_nobody_are_the_routers_answer(tmp_path):
    runtime = a_runtime(tmp_path)

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(router={"constraints": {"regions": ["eu"]}}), CALLER)

    assert (caught.value.status, caught.value.code) == (503, "no_eligible_model")
    assert caught.value.headers["x-should-retry"] == "false"


async def test_the_minute_limit_of_a_key_refuses_with_the_wait(tmp_path):
    caller = CALLER
    runtime = a_runtime(tmp_path, a_snapshot(callers={"app": {"requests_per_minute": 1}}))
    served = await serve_chat(runtime, a_chat(), caller)
    assert served.headers["x-ratelimit-remaining-requests"] == "0"

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(), caller)

    assert (caught.value.status, caught.value.code) == (429, "rate_limited")
    assert 0 < caught.value.retry_after_ms <= 60_000
    assert journal_of(runtime)[-1].status == "refused_limit"


async def test_the_daily_cap_counts_what_was_spent_and_what_is_held(tmp_path):
    caller = CALLER
    runtime = a_runtime(tmp_path, a_snapshot(callers={"app": {"daily_spend_nusd": 1_000_000}}))
    statuses = []

    for _ in range(30):
        try:
            await serve_chat(runtime, a_chat(max_tokens=20), caller)
        except Refused as refused:
            statuses.append((refused.status, refused.code))

    assert statuses
    assert set(statuses) == {(402, "budget_exceeded")}
    spent = sum(record.cost_nusd for record in journal_of(runtime) if isinstance(record, End))
    assert 800_000 < spent <= 1_000_000


async def test_an_unknown_model_is_404_and_recorded_as_invalid(tmp_path):
    runtime = a_runtime(tmp_path)

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(model="gpt-unheard-of"), CALLER)

    assert (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", "model")
    assert journal_of(runtime)[-1].status == "invalid"


async def test_a_dry_run_sends_nothing_and_moves_nothing(tmp_path):
    runtime = a_runtime(tmp_path)

    served = await serve_chat(runtime, a_chat(router={"dry_run": True}), CALLER)

    document = orjson.loads(served.body)
    assert document["deployment"] == "cheap"
    assert document["decision"]["plan"][0]["deployment"] == "cheap"
    assert journal_of(runtime) == []
    assert runtime.live.view(runtime.clock.now_ms()).deployments.get("cheap") is None


async def test_explain_returns_the_trace_with_the_answer(tmp_path):
    runtime = a_runtime(tmp_path)

    served = await serve_chat(runtime, a_chat(router={"explain": True}), CALLER)

    metadata = orjson.loads(served.body)["router_metadata"]
    assert metadata["decision_id"] == served.decision_id
    assert metadata["decision"]["candidates"]


async def test_sample_traffic_runs_through_days_without_touching_live_statistics(tmp_path):
    clock = VirtualClock()
    runtime = a_runtime(tmp_path, clock=clock)

    for _ in range(50):
        await serve_chat(runtime, a_chat(), CALLER, origin="sample")
        clock.advance(3600)

    ends = [record for record in journal_of(runtime) if isinstance(record, End)]
    assert len({end.id for end in ends}) == 50
    assert runtime.live.view(clock.now_ms()).deployments["cheap"].success_samples == 0


async def test_a_full_spool_refuses_before_anything_is_sent(tmp_path, monkeypatch):
    runtime = a_runtime(tmp_path)
    monkeypatch.setattr(type(runtime.journal), "has_room", property(lambda self: False))

    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(), CALLER)

    assert (caught.value.status, caught.value.code) == (503, "spool_full")
    assert runtime.live.view(runtime.clock.now_ms()).deployments.get("cheap") is None


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_a_fault_of_ours_is_500_and_its_record_is_closed(tmp_path, monkeypatch, caplog, is_streaming):
    runtime = a_runtime(tmp_path)

    def fail(*args):
        raise RuntimeError("secret")

    monkeypatch.setattr("routerapp.serving.serve_chat.complete_answer", fail)
    monkeypatch.setattr("routerapp.serving.attempts.AnswerStream", fail)
    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(stream=is_streaming), CALLER)

    end = journal_of(runtime)[-1]
    assert isinstance(end, End)
    assert end.id == caught.value.decision_id
    assert (end.status, end.http_status, caught.value.status) == ("interrupted", 500, 500)
    assert "secret" not in str(caught.value)
    assert end.id in caplog.text
    assert runtime.live.view(runtime.clock.now_ms()).deployments["cheap"].in_flight == 0
