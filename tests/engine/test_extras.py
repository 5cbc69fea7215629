"""Sticky units, exploration, hedges and what a policy tells serving: read strictly, laid over each other, seen in the decision."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from routerapp.engine.policy import PolicyError, parse_policy
from routerapp.engine.types import Handling, LastServed, Live, RoundRobinAdvance
from tests.engine.situations import (
    ANYTHING,
    NOW_MS,
    ask,
    ask_with_effects,
    config_of,
    deployment,
    inputs_of,
    live_of,
    plan,
    policy_of,
    probabilities,
)

THREE = config_of({"a": deployment(price=10**9), "b": deployment(price=2 * 10**9), "c": deployment(price=3 * 10**9)})
UNIT = inputs_of(facts={"unit": "u1", "tenant_unit": "t1"})


def use(kind="cheapest", **extras):
    return {"pool": ["all"], "strategy": {"kind": kind}, **extras}


def served(slug, age_ms=1_000, **states) -> Live:
    return replace(live_of(**states), last_served=LastServed(slug, 700, NOW_MS - age_ms))


def steps(decision, stage="strategy"):
    return [(step.verdict.value, dict(step.because)) for step in decision.trace if step.stage == stage]


def problems(document=None, **policy):
    with pytest.raises(PolicyError) as refused:
        parse_policy({"schema": 1, "policy": "p", "default": document or ANYTHING, **policy})
    return [(problem.path, problem.code) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("extras", "path", "code"),
    [
        ({"sticky": "yes"}, "sticky", "wrong_type"),
        ({"sticky": {"by": "user"}}, "sticky.by", "unknown_value"),
        ({"sticky": {"first": ["hash"]}}, "sticky.first", "unknown_value"),
        ({"sticky": {"ttl_seconds": 0}}, "sticky.ttl_seconds", "out_of_range"),
        ({"sticky": {"ttl_seconds": 604_801}}, "sticky.ttl_seconds", "out_of_range"),
        ({"sticky": {"ttl": 5}}, "sticky.ttl", "unknown_key"),
        ({"explore": {}}, "explore.share", "missing"),
        ({"explore": {"share": 0.51}}, "explore.share", "out_of_range"),
        ({"explore": {"share": True}}, "explore.share", "out_of_range"),
        ({"explore": 0.1}, "explore", "wrong_type"),
        ({"hedge": {}}, "hedge.after_ms", "missing"),
        ({"hedge": {"after_ms": 0}}, "hedge.after_ms", "out_of_range"),
        ({"hedge": {"after_ms": 800.5}}, "hedge.after_ms", "out_of_range"),
        ({"hedge": {"after_ms": 30_000}}, "hedge.after_ms", "out_of_range"),
        ({"hedge": {"after_ms": 900}, "timeouts": {"first_token_ms": 900}}, "hedge.after_ms", "out_of_range"),
        ({"cache": {"mode": "fuzzy"}}, "cache.mode", "unknown_value"),
        ({"cache": {"ttl_seconds": 10**9}}, "cache.ttl_seconds", "out_of_range"),
        ({"unsupported": "ignore"}, "unsupported", "unknown_value"),
        ({"unsupported": {}}, "unsupported", "unknown_value"),
        ({"content": {"keep": "redacted"}}, "content", "unknown_key"),
        ({"reject": "no", "cache": {}}, "pool", "unknown_key"),
    ],
)
def test_refuses_an_extra_with_place_and_code(extras, path, code):
    assert (f"default.{path}", code) in problems({**ANYTHING, **extras})


@pytest.mark.parametrize(
    ("policy", "path", "code"),
    [
        ({"cache": {"ttl_seconds": "60"}}, "cache.ttl_seconds", "out_of_range"),
        ({"unsupported": 1}, "unsupported", "unknown_value"),
        ({"content": {"keep": "all"}}, "content.keep", "unknown_value"),
        ({"content": {"keep": False}}, "content.keep", "unknown_value"),
        ({"content": {"days": 0}}, "content.days", "out_of_range"),
        ({"content": []}, "content", "wrong_type"),
        ({"sticky": {}}, "sticky", "unknown_key"),
    ],
)
def test_refuses_a_policy_s_settings_with_place_and_code(policy, path, code):
    assert problems(**policy) == [(path, code)]


def test_a_rule_without_extras_decides_as_if_there_were_none():
    live = served("c")

    assert ask(policy_of(use()), THREE, UNIT, live) == ask(policy_of(use()), THREE, UNIT, Live())
    assert ask(policy_of(use()), THREE).handling == Handling()


def test_sticky_keeps_the_last_one_first_and_the_others_in_order():
    decision = ask(policy_of(use(sticky={})), THREE, UNIT, served("c"))

    assert plan(decision) == ["c", "a", "b"]
    assert probabilities(decision) == {"c": 1.0, "a": 0.0, "b": 0.0}
    assert steps(decision) == [("sticky_kept", {})]
    assert steps(decision, "plan") == [("chosen", {})]


def test_sticky_forgets_after_its_time():
    policy = policy_of(use(sticky={"first": "strategy", "ttl_seconds": 60}))

    assert plan(ask(policy, THREE, UNIT, served("c", 60_000)))[0] == "c"
    assert plan(ask(policy, THREE, UNIT, served("c", 60_001)))[0] == "a"
    assert steps(ask(policy, THREE, UNIT, served("c", 60_001))) == [("sticky_new", {"by": "strategy"})]


def test_a_clock_that_went_back_forgets_nobody():
    assert plan(ask(policy_of(use(sticky={})), THREE, UNIT, served("c", -5_000)))[0] == "c"


def test_sticky_moves_when_the_last_one_is_out_and_says_what_that_loses():
    live = served("a", a={"breaker": "open", "reopens_at_ms": NOW_MS + 9})
    decision = ask(policy_of(use(sticky={"first": "strategy"})), THREE, UNIT, live)

    assert plan(decision)[0] == "b"
    assert steps(decision) == [("sticky_moved", {"from": "a", "to": "b", "lost_cache_tokens": 700, "by": "strategy"})]


def test_a_unit_whose_whole_pool_is_out_moves_to_the_fallback():
    policy = policy_of({"pool": ["deployment:a"], "fallbacks": ["deployment:b"], "sticky": {}})
    decision = ask(policy, THREE, UNIT, served("a", a={"in_flight": 1, "requests_left": 0}))

    assert plan(decision) == ["b"]
    assert [verdict for verdict, _ in steps(decision)] == ["sticky_moved"]


def test_a_deployment_that_serves_as_fallback_is_no_place_to_stay():
    policy = policy_of({"pool": ["deployment:a"], "fallbacks": ["deployment:b"], "sticky": {}})

    assert plan(ask(policy, THREE, UNIT, served("b"))) == ["a", "b"]


def test_sticky_by_tenant_looks_at_the_tenant_only():
    policy = policy_of(use(sticky={"by": "tenant", "first": "strategy"}))
    tenant = Live(tenant_last_served=LastServed("b", 10, NOW_MS))

    assert plan(ask(policy, THREE, UNIT, tenant))[0] == "b"
    assert plan(ask(policy, THREE, UNIT, served("c")))[0] == "a"
    assert steps(ask(policy, THREE, inputs_of(facts={"unit": "u1"}), tenant))[0][0] == "per_request_unit"


def test_a_caller_s_own_order_of_models_stands_above_the_unit():
    inputs = replace(UNIT, only=("b", "c"))
    decision = ask(policy_of(use(sticky={})), THREE, inputs, served("c"))

    assert plan(decision) == ["b", "c"]
    assert steps(decision)[-1] == ("sticky_moved", {"from": "c", "to": "b", "lost_cache_tokens": 700, "by": "hash"})


def test_a_kept_unit_costs_a_round_robin_no_turn():
    policy = policy_of(use("round_robin", sticky={"first": "strategy"}))

    kept = ask_with_effects(policy, THREE, UNIT, served("c"))[1]
    new = ask_with_effects(policy, THREE, UNIT)[1]
    assert not any(isinstance(effect, RoundRobinAdvance) for effect in kept)
    assert any(isinstance(effect, RoundRobinAdvance) for effect in new)


def test_a_kept_unit_is_not_explained_by_a_draw_it_did_not_follow():
    live = served("c", a={"in_flight": 1})
    decision = ask(policy_of(use("least_busy", sticky={})), THREE, UNIT, live, seed=3)

    assert all(verdict != "least_busy_draw" or plan(decision)[0] == "c" for verdict, _ in steps(decision)[:1])
    assert steps(decision)[-1][0] == "sticky_kept"


def test_a_new_unit_goes_by_hash_and_weight_whatever_the_seed():
    config = config_of({"a": deployment(), "b": deployment(weight=3)})
    units = [inputs_of(facts={"unit": f"u{number}"}) for number in range(600)]
    firsts = [plan(ask(policy_of(use(sticky={})), config, unit, seed=1))[0] for unit in units]

    assert firsts == [plan(ask(policy_of(use(sticky={})), config, unit, seed=2))[0] for unit in units]
    assert firsts.count("b") / 600 == pytest.approx(0.75, abs=0.06)


def test_exploring_never_touches_a_kept_unit():
    policy = policy_of(use(sticky={}, explore={"share": 0.5}))

    assert {plan(ask(policy, THREE, UNIT, served("c"), seed=seed))[0] for seed in range(200)} == {"c"}
    assert len({plan(ask(policy, THREE, UNIT, seed=seed))[0] for seed in range(200)}) == 3


def test_exploring_one_alone_is_no_exploring():
    policy = policy_of({"pool": ["deployment:a"], "fallbacks": ["all"], "explore": {"share": 0.5}})
    decision = ask(policy, THREE)

    assert plan(decision) == ["a", "b", "c"]
    assert {one.probability_kind for one in decision.candidates} == {"deterministic"}


def test_a_hedge_is_the_second_of_the_plan_and_only_that():
    decision = ask(policy_of(use(hedge={"after_ms": 250})), THREE)

    assert [(step.deployment, step.role, step.start_when) for step in decision.plan] == [
        ("a", "primary", "now"),
        ("b", "hedge", "no_first_token"),
        ("c", "fallback", "failed_before_first_byte"),
    ]
    assert decision.limits.hedge_after_ms == 250
    assert ("hedge_added", {"after_ms": 250}) in steps(decision, "plan")


def test_a_hedge_keeps_the_rule_s_timeouts_and_cost_ceiling():
    policy = policy_of(use(hedge={"after_ms": 250}, timeouts={"total_ms": 9_000}, constraints={"max_cost_usd": "0.5"}))
    limits = ask(policy, THREE).limits

    assert (limits.hedge_after_ms, limits.total_ms, limits.max_cost_nusd) == (250, 9_000, 500_000_000)


def test_one_candidate_alone_is_not_hedged():
    decision = ask(policy_of({"pool": ["deployment:a"], "hedge": {"after_ms": 250}}), THREE)

    assert [step.role for step in decision.plan] == ["primary"]
    assert steps(decision, "plan") == [("chosen", {})]


def test_arms_have_their_rule_s_extras_where_they_say_nothing():
    arms = [
        {"name": "x", "use": {"strategy": {"kind": "cheapest"}, "cache": {"mode": "off"}}},
        {"name": "y", "use": {"strategy": {"kind": "ordered"}, "hedge": {"after_ms": 90}, "timeouts": {"idle_ms": 7}}},
    ]
    policy = policy_of(
        {
            "pool": ["all"],
            "strategy": {"kind": "split", "experiment": "e", "arms": arms},
            "hedge": {"after_ms": 800},
            "cache": {"ttl_seconds": 30},
            "unsupported": "drop",
        }
    )
    found = {}
    for seed in range(40):
        decision = ask(policy, THREE, seed=seed)
        found[decision.experiment.arm] = (decision.limits.hedge_after_ms, decision.handling)

    assert found == {
        "x": (800, Handling(None, "drop")),
        "y": (90, Handling(30, "drop")),
    }


def test_what_an_entered_policy_says_wins_but_for_content():
    inner = {
        "schema": 1,
        "policy": "inner",
        "cache": {"ttl_seconds": 7},
        "content": {"keep": "redacted"},
        "default": use(sticky={"first": "strategy"}),
    }
    config = config_of(
        THREE.document["deployments"],
        THREE.document["models"],
        policies={"inner": {"live": 1, "versions": {"1": inner}}},
    )
    outer = policy_of(
        {"pool": ["policy:inner"], "hedge": {"after_ms": 40}, "cache": {"mode": "off"}},
        unsupported="drop",
        content={"days": 3},
    )
    decision = ask(outer, config, UNIT, served("c"))

    assert plan(decision)[0] == "c"
    assert decision.limits.hedge_after_ms == 40
    assert decision.handling == Handling(7, "drop", "off", 3)


def test_a_policy_s_settings_hold_for_rules_that_say_nothing_and_for_refusals():
    rules = [
        {"id": "r", "when": {"field": "stream", "op": "eq", "value": True}, "use": use(cache={"mode": "off"})},
        {"id": "no", "when": {"field": "turns", "op": "gt", "value": 9}, "use": {"reject": "no"}},
    ]
    policy = policy_of(use(), rules, cache={}, content={"keep": "redacted", "days": 5})

    assert ask(policy, THREE).handling == Handling(300, "refuse", "redacted", 5)
    assert ask(policy, THREE, inputs_of(facts={"stream": True})).handling == Handling(None, "refuse", "redacted", 5)
    assert ask(policy, THREE, inputs_of(turns=10)).handling.keep_content == "redacted"
