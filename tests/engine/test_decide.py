from __future__ import annotations

import pytest
from msgspec.structs import replace

from routerapp.engine.decide import UnknownObservation, decide, evaluate_policy_match
from routerapp.engine.types import Evidence, InFlight, Live, ProbePermit
from tests.engine.situations import (
    NOW_MS,
    ask,
    ask_with_effects,
    config_of,
    deployment,
    inputs_of,
    live_of,
    model,
    plan,
    policy_of,
    probabilities,
    strategy,
    verdicts,
)

THREE = config_of(
    {
        "a": deployment(price=10**9, tags=["local"], region="eu"),
        "b": deployment(price=2 * 10**9, region="us"),
        "c": deployment(price=3 * 10**9, region="us", provider="q"),
    },
    callers={"bound": {"constraints": {"providers": ["q"], "max_cost_usd": 1}}, "free": {}},
)
CODE = {"field": "task", "op": "eq", "value": "code"}
TEXT = {"field": "text", "op": "contains", "value": "refund"}


def rule(identifier, when=None, use=None, **rest):
    return {"id": identifier, "when": when, "use": use or {"pool": ["all"]}, **rest}


def test_the_first_rule_that_matches_wins_and_the_trace_says_why_others_did_not():
    rules = [
        rule("off", CODE, enabled=False),
        rule("math", {"all": [CODE, {"field": "has_math", "op": "eq", "value": True}]}),
        rule("code", CODE, {"pool": ["deployment:b"]}, name="to b"),
        rule("later", CODE),
    ]
    decision = ask(policy_of(rules=rules), THREE, inputs_of(task="code"))

    assert (decision.rule, decision.rule_name, plan(decision)) == ("code", "to b", ["b"])
    assert [(step.subject, step.verdict.value, dict(step.because)) for step in decision.trace[:3]] == [
        ("off", "rule_disabled", {}),
        ("math", "rule_not_matched", {"at": "all[1]", "field": "has_math", "op": "eq"}),
        ("code", "rule_matched", {}),
    ]


def test_a_rejection_names_nobody():
    decision, effects = ask_with_effects(policy_of({"reject": "No."}), THREE)

    assert (decision.outcome, decision.reject_message, decision.plan, effects) == ("rejected", "No.", (), ())


def test_effects_count_the_primary():
    _, effects = ask_with_effects(policy_of(), THREE)

    assert effects == (InFlight("a"),)


def test_a_half_open_primary_is_a_probe():
    decision, effects = ask_with_effects(policy_of(), THREE, live=live_of(a={"breaker": "half_open"}))

    assert effects == (ProbePermit("a"), InFlight("a"))
    assert verdicts(decision)["a"] == "probe_permitted"


def test_fallbacks_follow_the_pool_and_are_held_to_the_constraints():
    policy = policy_of({"pool": ["deployment:a"], "fallbacks": ["all"]}, constraints={"providers": ["p"]})
    decision = ask(policy, THREE)

    assert [(step.deployment, step.role, step.start_when) for step in decision.plan] == [
        ("a", "primary", "now"),
        ("b", "fallback", "failed_before_first_byte"),
    ]
    assert verdicts(decision)["c"] == "provider_not_allowed"


def test_fallbacks_step_in_when_nothing_of_the_pool_is_eligible():
    policy = policy_of({"pool": ["deployment:a"], "fallbacks": ["deployment:c"]})
    decision = ask(policy, THREE, live=live_of(a={"breaker": "open"}))

    assert [(step.deployment, step.role) for step in decision.plan] == [("c", "primary")]
    assert "pool_empty" in {step.verdict for step in decision.trace}


def test_a_plan_has_at_most_five_steps():
    config = config_of({f"d{number}": deployment() for number in range(9)})

    assert len(ask(policy_of(), config).plan) == 5


def test_cooldown_is_overridden_only_when_it_is_the_only_reason_left():
    later, sooner = {"breaker": "open", "reopens_at_ms": NOW_MS + 9}, {"breaker": "open", "reopens_at_ms": NOW_MS + 5}
    decision, effects = ask_with_effects(policy_of(), THREE, live=live_of(a=later, b=sooner, c={"requests_left": 0}))

    assert plan(decision) == ["b"]
    assert verdicts(decision) == {"a": "in_cooldown", "b": "cooldown_overridden", "c": "rate_limited"}
    assert effects == (ProbePermit("b"), InFlight("b"))
    assert ask(policy_of(), THREE, live=live_of(a=later, b=sooner)).plan[0].deployment == "c"


def test_a_probe_in_flight_counts_as_cooldown():
    half = {"breaker": "half_open", "probes_in_flight": 1}
    decision = ask(policy_of(), THREE, live=live_of(a=half, b=half, c=half))

    assert plan(decision) == ["a"]
    assert verdicts(decision)["b"] == "probe_in_flight"


def test_binding_constraints_hold_for_every_way_in():
    inputs = inputs_of(facts={"key": "bound"})

    assert plan(ask(policy_of(), THREE, inputs)) == ["c"]
    assert verdicts(ask(policy_of(), THREE, inputs))["a"] == "key_not_allowed"
    pinned = ask(None, THREE, inputs, pinned=("a", "b"))
    assert (pinned.outcome, plan(pinned)) == ("no_candidate", [])
    assert ask(policy_of(), THREE, inputs).limits.max_cost_nusd == 10**9


def test_request_constraints_only_narrow():
    inputs = replace(inputs_of(), request_constraints={"regions": ["us", "eu"], "max_cost_usd": 5})
    policy = policy_of(constraints={"regions": ["eu"], "max_cost_usd": 2})
    decision = ask(policy, THREE, inputs)

    assert plan(decision) == ["a"]
    assert decision.constraints == {"regions": ["eu"], "max_cost_usd": "2.00"}


def test_the_caller_s_models_narrow_and_order():
    inputs = replace(inputs_of(), only=("q/m", "deployment:b"))
    decision = ask(strategy("cheapest"), THREE, inputs)

    assert plan(decision) == ["c", "b"]
    assert verdicts(decision)["a"] == "excluded_by_request"
    assert probabilities(decision) == {"c": 1.0, "b": 0.0, "a": 0.0}


def test_the_caller_s_fallbacks_reorder_but_reach_nothing_the_rule_does_not():
    inputs = replace(inputs_of(), fallbacks=("c", "b"))

    assert plan(ask(policy_of(), THREE, inputs)) == ["a", "c", "b"]
    assert plan(ask(policy_of({"pool": ["tag:local"]}), THREE, inputs)) == ["a"]


def test_a_pin_takes_what_was_named_and_the_caller_s_own_fallbacks():
    decision = ask(None, THREE, replace(inputs_of(), fallbacks=("q/m",)), pinned=("b",))

    assert (decision.rule, decision.strategy, plan(decision)) == ("pinned", "weighted", ["b", "c"])
    assert decision.policy == ""


def test_a_sub_policy_brings_its_rules_and_keeps_the_outer_constraints():
    inner = {
        "schema": 1,
        "policy": "inner",
        "constraints": {"max_cost_usd": 2},
        "rules": [rule("x", CODE, {"pool": ["all"], "strategy": {"kind": "round_robin"}, "parameters": {"top_p": 1}})],
        "default": {"reject": "no"},
    }
    config = config_of(THREE.document["deployments"], policies={"inner": {"live": 4, "versions": {"4": inner}}})
    outer = policy_of({"pool": ["policy:inner"], "constraints": {"regions": ["us"]}, "parameters": {"temperature": 0}})
    decision, effects = ask_with_effects(outer, config, inputs_of(task="code"))

    assert (decision.policy, decision.rule, decision.strategy) == ("test", "default", "round_robin")
    assert plan(decision) == ["b", "c"]
    assert decision.constraints == {"regions": ["us"], "max_cost_usd": "2.00"}
    assert decision.parameters == {"temperature": 0, "top_p": 1}
    assert effects[0].state_key == "test/default/inner/x"
    assert ask(outer, config).outcome == "rejected"


def test_policies_in_a_circle_end_without_a_candidate():
    loop = {"schema": 1, "policy": "loop", "default": {"pool": ["policy:loop"]}}
    config = config_of(THREE.document["deployments"], policies={"loop": {"live": 1, "versions": {"1": loop}}})

    assert ask(config.live_policy("loop"), config).outcome == "no_candidate"
    assert ask(policy_of({"pool": ["policy:gone"]}), config).outcome == "no_candidate"


def test_a_rule_that_cannot_be_told_stops_the_decision():
    policy = policy_of(rules=[rule("told", CODE), rule("asks", TEXT)])

    with pytest.raises(UnknownObservation) as stopped:
        ask(policy, THREE)
    assert stopped.value.rule_id == "asks"
    assert len(stopped.value.leaf_ids) == 1
    assert ask(policy, THREE, inputs_of(task="code")).rule == "told"


def test_offline_counts_know_matched_default_and_unknown():
    policy = policy_of(
        rules=[rule("code", CODE), rule("asks", {"all": [TEXT, {"field": "turns", "op": "gt", "value": 1}]})]
    )

    assert evaluate_policy_match(policy, inputs_of(task="code"), NOW_MS) == ("code", False)
    assert evaluate_policy_match(policy, inputs_of(turns=1), NOW_MS) == (None, False)
    assert evaluate_policy_match(policy, inputs_of(turns=2), NOW_MS) == ("asks", True)


def test_estimates_use_evidence_and_the_caller_s_limit():
    evidence = Evidence("e", {"m": 1.5}, {"m|code": 900.0, "m|*": 700.0, "*|*": 500.0})

    def estimate(inputs, evidence=evidence):
        decision, _ = decide(policy_of(), THREE, evidence, inputs, Live(), 1, NOW_MS)
        return decision.candidates[0].estimate

    assert estimate(inputs_of(task="code")).output_tokens == 900
    assert estimate(inputs_of()).output_tokens == 700
    assert estimate(inputs_of(), Evidence()).output_tokens == 300
    assert estimate(inputs_of(facts={"max_tokens": 50})).output_tokens == 50
    assert estimate(inputs_of(facts={"max_tokens": 50})).cost_nusd == (600 + 50) * 1_000
    assert estimate(inputs_of(tokens_exact=True, facts={"max_tokens": 50})).cost_nusd == (400 + 50) * 1_000


def test_above_fifty_candidates_only_the_best_twenty_have_terms():
    config = config_of({f"d{number:02}": deployment(price=number + 1) for number in range(60)})
    decision = ask(strategy("balanced"), config)

    assert [bool(candidate.terms) for candidate in decision.candidates] == [True] * 20 + [False] * 40
    assert all(candidate.verdict == "eligible" for candidate in decision.candidates)


def test_a_decision_names_what_it_rested_on():
    decision = ask(policy_of(), THREE, seed=2**64 - 1)

    assert decision.config == THREE.revision
    assert (decision.seed, decision.engine, decision.policy_version) == (2**64 - 1, "1", 0)


def test_the_memo_of_one_request_leaks_into_no_other():
    narrow = replace(inputs_of(), request_constraints={"regions": ["us"]})
    small = config_of({"a": deployment(), "b": deployment(region="us")}, {"m": model(context_window=1_000)})

    assert plan(ask(policy_of(), small, narrow)) == ["b"]
    assert plan(ask(policy_of(), small)) == ["a", "b"]
    assert plan(ask(policy_of(), small, inputs_of(prompt_tokens=5_000))) == []
    assert plan(ask(policy_of(), small)) == ["a", "b"]
