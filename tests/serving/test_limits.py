"""Whose limits bind a request, and what a caller hears when one is reached: through serve_chat, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

from routerapp.engine.types import CallerFacts
from routerapp.engine.verdicts import Verdict
from routerapp.providers.clock import VirtualClock
from routerapp.serving.admission import Admission
from routerapp.serving.route_chat import prepare
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.serving.units import hash_user
from tests.runtimes import CALLER, START_MS, a_chat, a_deployment, a_policy, a_runtime, a_snapshot, journal_of
from tests.serving.limited import (
    DOLLAR,
    SLOW,
    assert_settled,
    caller_of,
    cost_in_journal,
    limited,
    refusal,
    usage,
)


async def test_parallel_requests_beyond_the_limit_are_refused_until_one_ends(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {"max_parallel": 1})
    served = await serve_chat(runtime, a_chat(stream=True), caller_of(runtime))
    refused = await refusal(runtime, a_chat())
    assert served.stream is not None
    await served.stream.aclose()

    assert (refused.status, refused.code, refused.retry_after_ms) == (429, "rate_limited", 1_000)
    assert refused.message == "This API key's limit of 1 requests at the same time is reached."
    assert (await serve_chat(runtime, a_chat(), caller_of(runtime))).status == 200


async def test_a_tight_budget_goes_to_a_model_that_it_pays_for(tmp_path: Path) -> None:
    policy = a_policy(strategy={"kind": "ordered"}, pool=["deployment:dear", "deployment:cheap"])
    runtime = limited(tmp_path, {"daily_spend_nusd": 4_096 * 2_000 + 10**6}, policies=[policy])
    served = await serve_chat(runtime, a_chat(), caller_of(runtime))

    verdicts = {one.deployment: one.verdict for one in served.decision.candidates}
    assert verdicts["dear"] == Verdict.OVER_BUDGET
    assert served.decision.plan[0].deployment == "cheap"
    assert_settled(runtime)


async def test_the_sentence_names_whose_budget_and_when_it_is_renewed(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {}, teams={"team-a": {"monthly_spend_nusd": 5_000}})
    refused = await refusal(runtime, a_chat(max_tokens=100))

    assert (refused.status, refused.code) == (402, "budget_exceeded")
    assert "The team team-a's monthly budget of 0.000005 USD has 0.000005 USD left" in refused.message
    assert "renewed on 2025-11-01 at 00:00 UTC" in refused.message
    assert journal_of(runtime)[-1].status == "refused_budget"  # type: ignore[union-attr]


async def test_two_keys_share_their_teams_budget(tmp_path: Path) -> None:
    callers = {"app": {}, "web": {}}
    runtime = a_runtime(tmp_path, a_snapshot(callers=callers, teams={"team-a": {"daily_spend_nusd": 300_000}}))
    answered = {"app": 0, "web": 0}
    refused = []
    for number in range(60):
        slug = "app" if number % 2 else "web"
        try:
            await serve_chat(runtime, a_chat(max_tokens=20), caller_of(runtime, slug))
            answered[slug] += 1
        except Refused as one:
            refused.append(one.message)

    assert refused
    assert all("The team team-a's daily budget" in words for words in refused)
    assert min(answered.values())
    assert usage(runtime, "team:team-a")["day_spent_nusd"] == cost_in_journal(runtime) <= 300_000
    keys = [usage(runtime, f"key:{slug}")["day_spent_nusd"] for slug in callers]
    assert sum(keys) == cost_in_journal(runtime)
    assert min(keys) > 0


async def test_an_end_user_is_limited_across_keys_and_each_for_itself(tmp_path: Path) -> None:
    users = {"*": {"requests_per_minute": 2}, hash_user("root"): {}}
    runtime = a_runtime(tmp_path, a_snapshot(callers={"app": {}, "web": {}}, users=users))
    for slug in ("app", "web"):
        await serve_chat(runtime, a_chat(user="ada"), caller_of(runtime, slug))
    refused = await refusal(runtime, a_chat(user="ada"))
    for _ in range(4):
        await serve_chat(runtime, a_chat(user="root"), caller_of(runtime))

    assert refused.message == "This end user's limit of 2 requests per minute is reached."
    assert hash_user("ada") not in str(refused.to_error("x"))
    assert (await serve_chat(runtime, a_chat(user="bob"), caller_of(runtime))).status == 200
    assert (await serve_chat(runtime, a_chat(), caller_of(runtime))).status == 200


async def test_a_users_spend_counts_across_keys(tmp_path: Path) -> None:
    users = {"*": {"daily_spend_nusd": 200_000}}
    runtime = a_runtime(tmp_path, a_snapshot(callers={"app": {}, "web": {}}, users=users))
    refused = []
    for number in range(40):
        try:
            slug = "app" if number % 2 else "web"
            await serve_chat(runtime, a_chat(user="ada", max_tokens=20), caller_of(runtime, slug))
        except Refused as one:
            refused.append((one.status, one.message))

    assert refused
    assert all(status == 402 and "This end user's daily budget" in words for status, words in refused)
    assert usage(runtime, f"user:{hash_user('ada')}")["day_spent_nusd"] == cost_in_journal(runtime) <= 200_000


async def test_a_model_without_a_price_is_refused_under_a_budget_with_the_reason(tmp_path: Path) -> None:
    bare = [a_deployment("cheap", prices=[])]
    runtime = limited(tmp_path, {"daily_spend_nusd": DOLLAR}, deployments=bare)
    refused = await refusal(runtime, a_chat())

    assert (refused.status, refused.code) == (503, "no_eligible_model")
    assert "a model without a price is not used" in refused.message
    assert [one["verdict"] for one in refused.detail["router"]["eliminated"]] == ["unpriced"]


async def test_a_model_without_a_price_is_used_uncounted_where_that_is_allowed(tmp_path: Path) -> None:
    bare = [a_deployment("cheap", prices=[])]
    runtime = limited(tmp_path, {"daily_spend_nusd": DOLLAR}, deployments=bare, budgets={"unpriced": "allow"})
    served = await serve_chat(runtime, a_chat(), caller_of(runtime))

    assert served.headers["x-router-cost-usd"] == "unknown"
    assert journal_of(runtime)[-1].cost_nusd is None  # type: ignore[union-attr]
    assert_settled(runtime)


async def test_the_token_limit_is_of_the_minute_in_which_a_request_began(tmp_path: Path) -> None:
    clock = VirtualClock(START_MS)
    runtime = limited(tmp_path, {"tokens_per_minute": 1_000}, clock=clock)
    served = await serve_chat(runtime, a_chat(max_tokens=900), caller_of(runtime))
    left = int(served.headers["x-ratelimit-remaining-tokens"])
    spent = usage(runtime)["tokens"]
    refused = await refusal(runtime, a_chat(max_tokens=990))
    hopeless = await refusal(runtime, a_chat(max_tokens=1_001))
    await clock.sleep(60)

    assert served.headers["x-ratelimit-limit-tokens"] == "1000"
    assert left < 100
    assert 0 < spent < 200
    assert (refused.status, refused.headers["x-ratelimit-limit-tokens"]) == (429, "1000")
    assert 0 < (refused.retry_after_ms or 0) <= 60_000
    assert hopeless.retry_after_ms is None
    assert hopeless.headers["x-should-retry"] == "false"
    assert usage(runtime)["tokens"] == 0
    assert (await serve_chat(runtime, a_chat(max_tokens=900), caller_of(runtime))).status == 200


async def test_headers_speak_of_the_tightest_on_every_reply(tmp_path: Path) -> None:
    callers = {"app": {"requests_per_minute": 100}}
    runtime = a_runtime(tmp_path, a_snapshot(callers=callers, teams={"team-a": {"requests_per_minute": 3}}))
    served = await serve_chat(runtime, a_chat(), caller_of(runtime))
    unknown = await refusal(runtime, a_chat(model="unheard-of"))
    dry = await serve_chat(runtime, a_chat(router={"dry_run": True}), caller_of(runtime))
    refused = await refusal(runtime, a_chat())

    assert [one.headers["x-ratelimit-limit-requests"] for one in (served, unknown, dry, refused)] == ["3"] * 4
    assert [one.headers["x-ratelimit-remaining-requests"] for one in (served, unknown, dry, refused)] == list("2100")
    assert refused.message == "The team team-a's limit of 3 requests per minute is reached."
    assert refused.headers["x-ratelimit-reset-requests"].endswith("s")


async def test_the_playground_counts_against_the_persons_team_alone(tmp_path: Path) -> None:
    runtime = limited(tmp_path, {}, teams={"team-a": {"daily_spend_nusd": 1}})
    refused = await refusal(runtime, a_chat(), CallerFacts(slug="playground", team="team-a"))

    assert refused.code == "budget_exceeded"
    assert (await serve_chat(runtime, a_chat(), CallerFacts(slug="playground"), "playground")).status == 200


async def test_midnight_gives_a_new_day_and_what_runs_belongs_to_the_old_one(tmp_path: Path) -> None:
    clock = VirtualClock((START_MS // 86_400_000 + 1) * 86_400_000 - 2_000)
    runtime = limited(tmp_path, {"daily_spend_nusd": 10**8}, clock=clock, simulations={"cheap": SLOW})
    await serve_chat(runtime, a_chat(max_tokens=100), caller_of(runtime))

    assert clock.now_ms() % 86_400_000 < 60_000
    assert (usage(runtime)["day_spent_nusd"], usage(runtime)["day_held_nusd"]) == (0, 0)
    assert usage(runtime)["month_spent_nusd"] == cost_in_journal(runtime) > 0


async def test_the_same_decision_is_made_again_from_what_was_recorded(tmp_path: Path) -> None:
    from routerapp.engine.replay import replay

    runtime = limited(tmp_path)
    chat = a_chat()
    admission = Admission(runtime, chat, caller_of(runtime), runtime.clock.now_ms())
    admission.enter()
    prepared = prepare(runtime, chat, caller_of(runtime))
    found = replay(
        prepared.decision,
        runtime.snapshot.config,
        runtime.snapshot.evidence,
        prepared.inputs,
        prepared.live,
        prepared.now_ms,
    )

    assert prepared.live.budget_left_nusd == DOLLAR
    assert found.outcome == "same"


async def test_callers_without_limits_are_booked_too_so_that_a_new_limit_knows_todays_spend(tmp_path: Path) -> None:
    runtime = a_runtime(tmp_path)
    await serve_chat(runtime, a_chat(user="ada"), CALLER)
    runtime.swap(a_snapshot(callers={"app": {"daily_spend_nusd": 1}}, serial=2))
    refused = await refusal(runtime, a_chat())

    for name in ("key:app", "team:team-a", f"user:{hash_user('ada')}"):
        assert usage(runtime, name)["day_spent_nusd"] == cost_in_journal(runtime) > 0
    assert refused.status == 402
