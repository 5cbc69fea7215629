"""Why not another candidate, and the smallest single change: one kind of change after the other, and what is promised of all."""

from __future__ import annotations

from typing import Any

import pytest

from routerapp.engine.conditions import leaf_id
from routerapp.engine.config import Config
from routerapp.engine.explain import Explanation, UnknownDeployment, explain
from routerapp.engine.levers.edit import GONE, at, edited, written
from routerapp.engine.levers.lever import DOWN, ONE, PRICE, THOUSANDTH, UP, Handle, Number, Owner
from routerapp.engine.levers.moment import request_levers
from routerapp.engine.names import strategy_policy
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.situation import Situation
from routerapp.engine.track import track_of
from routerapp.engine.types import Evidence, Inputs, Live, RequestFacts
from routerapp.engine.verdicts import Verdict
from tests.engine.situations import NOW_MS, config_of, deployment, inputs_of, live_of, model, policy_of, strategy

DOLLAR = 1_000_000_000


def asked(
    policy: Policy | None,
    config: Config,
    target: str,
    *,
    inputs: Inputs | None = None,
    live: Live | None = None,
    **rest: Any,
) -> Explanation:
    situation = Situation(
        policy,
        config,
        Evidence(),
        inputs or inputs_of(),
        live or Live(),
        rest.pop("seed", 1),
        NOW_MS,
        rest.pop("pinned", None),
    )
    return explain(situation, target, **rest)


def cheap_and_dear() -> Config:
    return config_of({"cheap": deployment(price=DOLLAR), "dear": deployment(price=2 * DOLLAR)})


def told(found: Explanation) -> tuple[Any, ...]:
    assert found.change is not None
    return found.change.kind, found.change.subject, found.change.field, found.change.before, found.change.after


def test_the_price_that_would_win_is_named_to_the_step_and_one_step_more_would_not():
    found = asked(strategy("cheapest"), cheap_and_dear(), "dear")

    # 400 tokens in, 300 out: 1.4 million nusd against 0.7; of the cheap one's two prices the input needs to move less.
    assert found.why_not.verdict is Verdict.NOT_CHOSEN
    assert found.why_not.gap == 700_000
    assert (found.first, found.is_complete) == ("cheap", True)
    assert told(found) == ("price", "cheap", "input_nusd_per_mtok", DOLLAR, 2_750_100_000)
    assert (found.change.short, found.change.step) == (2_750_000_000, 100_000)


def test_what_is_chosen_already_needs_no_change():
    found = asked(strategy("cheapest"), cheap_and_dear(), "cheap")

    assert (found.why_not.verdict, found.change, found.decisions) == (Verdict.CHOSEN, None, 1)


def test_a_deployment_nobody_knows_is_refused():
    with pytest.raises(UnknownDeployment):
        asked(strategy("cheapest"), cheap_and_dear(), "nowhere")


def test_explaining_leaves_no_trace_in_the_configuration_that_serves():
    config = cheap_and_dear()
    asked(strategy("cheapest"), config, "dear")

    assert (config.memo.pools, config.memo.standings) == ({}, {})


@pytest.mark.parametrize(
    ("facts", "verdict", "change"),
    [
        ({"is_enabled": False}, Verdict.DEPLOYMENT_DISABLED, ("deployment", "a", "is_enabled", False, True)),
        ({"is_draining": True}, Verdict.DRAINING, ("deployment", "a", "is_draining", True, False)),
        ({"max_in_flight": 3}, Verdict.AT_CAPACITY, ("deployment", "a", "max_in_flight", 3, 6)),
    ],
)
def test_a_deployment_that_is_out_by_its_own_settings(facts, verdict, change):
    config = config_of({"a": deployment(**facts), "b": deployment()})
    found = asked(strategy("cheapest"), config, "a", live=live_of(a={"in_flight": 5}))

    assert found.why_not.verdict is verdict
    assert told(found) == change


def test_a_limit_of_requests_per_minute_is_raised_by_what_was_used():
    config = config_of({"a": deployment(requests_per_minute=10), "b": deployment()})
    found = asked(strategy("cheapest"), config, "a", live=live_of(a={"requests_left": 0}))

    assert told(found) == ("deployment", "a", "requests_per_minute", 10, 11)


def test_a_deployment_without_a_price_is_given_the_highest_that_keeps_it_under_the_ceiling():
    config = config_of({"a": deployment(price=None)})
    policy = policy_of({"pool": ["all"], "constraints": {"max_cost_usd": "0.0007"}})
    found = asked(policy, config, "a")

    assert found.why_not.verdict is Verdict.UNPRICED
    assert told(found) == ("price", "a", "both", None, DOLLAR)
    assert found.change.short == DOLLAR + 100_000


def test_a_model_that_cannot_and_a_window_that_is_too_small():
    models = {"m": model(), "blind": model(has_vision=False), "small": model(context_window=500)}
    places = {"a": deployment("m"), "blind": deployment("blind"), "small": deployment("small")}
    places["blind"]["prices"] = [{"input_nusd_per_mtok": 2_000_000, "output_nusd_per_mtok": 2_000_000}]
    places["small"]["prices"] = [{"input_nusd_per_mtok": 1_000_000, "output_nusd_per_mtok": 1_000_000}]
    config = config_of(places, models)
    blind = asked(strategy("cheapest"), config, "blind", inputs=inputs_of(has_images=True))
    small = asked(strategy("cheapest"), config, "small")

    assert told(blind) == ("model", "blind", "has_vision", False, True)
    assert told(small) == ("model", "small", "context_window", 500, 700)
    assert small.change.short == 699


def test_a_least_quality_is_lowered_to_the_score_it_shuts_out():
    models = {"good": model(scores={"accuracy": 0.9}), "weak": model(scores={"accuracy": 0.55})}
    config = config_of({"a": deployment("good"), "b": deployment("weak", DOLLAR // 2)}, models)
    use = {"pool": ["all"], "strategy": {"kind": "cheapest"}, "constraints": {"min_quality": 0.6}}
    found = asked(policy_of(use), config, "b")

    # as far as the score would have to rise; what the target is itself comes first
    assert found.why_not.verdict is Verdict.QUALITY_TOO_LOW
    assert told(found) == ("score", "weak", "accuracy", 0.55, 0.6)
    assert found.change.short == 0.599


def test_a_list_admits_one_more():
    config = config_of({"a": deployment(region="us", price=1), "b": deployment(region="eu")})
    policy = policy_of({"pool": ["all"], "strategy": {"kind": "cheapest"}}, constraints={"regions": ["eu"]})
    found = asked(policy, config, "a")

    assert found.why_not.verdict is Verdict.REGION_NOT_ALLOWED
    assert told(found) == ("constraint", "test", "constraints.regions", ("eu",), ("eu", "us"))


def test_a_key_that_may_not_is_allowed_one_more():
    callers = {"web": {"constraints": {"models": ["m"]}}}
    config = config_of({"a": deployment("m"), "b": deployment("n", 1)}, {"m": model(), "n": model()}, callers=callers)
    found = asked(strategy("cheapest"), config, "b", inputs=inputs_of(facts={"key": "web"}))

    assert found.why_not.verdict is Verdict.KEY_NOT_ALLOWED
    assert told(found) == ("constraint", "web", "models", ("m",), ("m", "n"))


def test_a_weight_of_balanced_moves_to_the_step_that_turns_the_sum():
    config = config_of({"slow": deployment(price=DOLLAR), "quick": deployment(price=10 * DOLLAR)})
    measured = {"ttft_samples": 9, "success_ewma": 1.0, "success_samples": 9}
    live = live_of(slow={"ttft_ewma_ms": 1_000, **measured}, quick={"ttft_ewma_ms": 400, **measured})
    found = asked(strategy("balanced", weights={"cost": 0.5, "latency": 0.4}), config, "quick", live=live)

    # cost is a quarter of its scale apart, latency a fifth of its own
    assert told(found) == ("parameter", "test", "default.strategy.weights.cost", 0.5, 0.318)
    assert (found.change.short, found.change.step) == (0.319, 0.001)


def test_the_order_of_an_ordered_pool_is_an_edit():
    found = asked(
        policy_of({"pool": ["deployment:b", "deployment:a"]}), config_of({"a": deployment(), "b": deployment()}), "a"
    )

    assert told(found) == (
        "pool",
        "test",
        "default.pool",
        ("deployment:b", "deployment:a"),
        ("deployment:a", "deployment:b"),
    )


def test_a_threshold_moves_to_where_the_rule_ceases_to_match():
    rule = {
        "id": "hard",
        "name": "Hard ones",
        "when": {"field": "complexity", "op": "gte", "value": 0.45},
        "use": {"pool": ["deployment:a"]},
    }
    config = config_of({"a": deployment(), "b": deployment()})
    found = asked(policy_of({"pool": ["deployment:b"]}, [rule]), config, "b", inputs=inputs_of(complexity=0.6))

    assert found.why_not.verdict is Verdict.NOT_REACHED
    assert told(found) == ("condition", "test", "rules[0].when.value", 0.45, 0.601)
    assert (found.change.rule, found.change.rule_name, found.change.name) == ("hard", "Hard ones", "complexity")


def test_a_rule_that_is_off_is_switched_on():
    rule = {"id": "r", "enabled": False, "use": {"pool": ["deployment:a"]}}
    config = config_of({"a": deployment(price=9 * DOLLAR), "b": deployment()})
    found = asked(policy_of({"pool": ["deployment:b"]}, [rule]), config, "a")

    assert told(found) == ("rule", "test", "rules[0].enabled", False, True)


def test_a_refusal_is_explained_by_the_rule_that_refuses():
    rule = {"id": "no", "name": "No spam", "use": {"reject": "Not here."}}
    found = asked(policy_of(rules=[rule]), config_of({"a": deployment()}), "a")

    assert (found.first, found.why_not.verdict) == (None, Verdict.REJECTED_BY_RULE)
    assert told(found) == ("rule", "test", "rules[0].enabled", True, False)


def test_an_edit_of_a_policy_that_another_leads_to_names_that_one():
    inner = {"schema": 1, "policy": "inner", "default": {"pool": ["all"], "constraints": {"regions": ["eu"]}}}
    config = config_of(
        {"a": deployment(region="us"), "b": deployment(region="eu")},
        policies={"inner": {"live": 1, "versions": {"1": inner}}},
    )
    found = asked(policy_of({"pool": ["policy:inner"]}), config, "a")

    assert told(found) == ("constraint", "inner", "default.constraints.regions", ("eu",), ("eu", "us"))


def test_an_arm_gets_more_weight_until_it_holds_the_unit():
    arms = [
        {"name": "x", "weight": 50, "use": {"pool": ["deployment:a"]}},
        {"name": "y", "weight": 50, "use": {"pool": ["deployment:b"]}},
    ]
    config = config_of({"a": deployment(), "b": deployment()})
    policy = strategy("split", experiment="e", arms=arms)
    inputs = Inputs(inputs_of().features, RequestFacts(unit="u1"))
    situation = Situation(policy, config, Evidence(), inputs, Live(), 1, NOW_MS)
    other = "b" if situation.decide().plan[0].deployment == "a" else "a"
    found = asked(policy, config, other, inputs=inputs)

    assert found.change.kind == "parameter"
    assert ".arms[" in found.change.field


def test_a_choice_by_chance_is_explained_with_its_own_seed():
    config = config_of({slug: deployment(weight=5) for slug in "ab"})
    for seed in range(20):
        situation = Situation(strategy("weighted"), config, Evidence(), inputs_of(), Live(), seed, NOW_MS)
        first = situation.decide().plan[0].deployment
        found = explain(situation, "b" if first == "a" else "a")

        assert (found.seed, found.first) == (seed, first)
        assert found.change.field == "weight"


def test_a_setting_comes_before_a_measurement_however_small():
    models = {"m": model(), "n": model(scores={"accuracy": 0.8})}
    config = config_of({"a": deployment("m"), "b": deployment("n")}, models)
    live = live_of(a={"ttft_ewma_ms": 300, "ttft_samples": 9}, b={"ttft_ewma_ms": 301, "ttft_samples": 9})
    found = asked(strategy("fastest"), config, "b", live=live)

    assert (found.change.owner, found.change.field) == ("people", "default.constraints.min_quality")


def test_where_only_a_measurement_decides_it_is_said_as_one():
    config = config_of({"a": deployment(), "b": deployment()})
    live = live_of(a={"ttft_ewma_ms": 300, "ttft_samples": 9}, b={"ttft_ewma_ms": 420, "ttft_samples": 9})
    found = asked(strategy("fastest"), config, "b", live=live)

    assert found.change.owner == "nobody"
    assert told(found) == ("live", "a", "ttft_ewma_ms", 300, 421)


def test_taking_the_first_out_of_service_is_the_last_resort():
    found = asked(None, config_of({"a": deployment(), "b": deployment(weight=1)}), "b", pinned=("a", "b"), seed=3)

    assert found.first == "a"
    assert told(found)[:3] != ("deployment", "a", "is_enabled")


def test_the_number_in_a_requested_name_is_a_lever_of_the_caller():
    policy = strategy_policy("router-balanced-0.7")
    situation = Situation(policy, config_of({"a": deployment()}), Evidence(), inputs_of(), Live(), 1, NOW_MS)
    lever = next(one for one in request_levers(situation, "a") if one.handle.field.startswith("model."))

    assert (lever.before, lever.handle.owner) == (0.7, Owner.CALLER)
    assert lever.apply(0.25).policy.slug == "router-balanced-0.25"


def test_without_enough_decisions_none_is_not_claimed():
    found = asked(strategy("cheapest"), cheap_and_dear(), "dear", most=3)

    assert (found.is_complete, found.decisions) == (False, 4)


def test_without_time_the_search_stops():
    found = asked(strategy("cheapest"), cheap_and_dear(), "dear", has_time=lambda: False)

    assert (found.change, found.is_complete, found.decisions) == (None, False, 1)


def test_a_change_that_leads_to_content_nobody_kept_is_no_change():
    spam = {"id": "spam", "when": {"field": "text", "op": "matches", "value": "x"}, "use": {"pool": ["deployment:b"]}}
    first = {"id": "first", "use": {"pool": ["deployment:a"]}}
    config = config_of({"a": deployment(), "b": deployment()})
    policy = policy_of({"pool": ["deployment:a"]}, [first, spam])
    unknown = asked(policy, config, "b")
    known = asked(
        policy,
        config,
        "b",
        inputs=Inputs(inputs_of().features, RequestFacts(), {leaf_id("text", "matches", "x"): True}),
    )

    assert told(unknown)[2] == "rules[0].use.pool"
    assert told(known)[2] in ("rules[0].use.pool", "rules[0].enabled")


def test_a_pinned_name_is_explained_without_a_policy():
    config = config_of({"a": deployment(), "b": deployment()})
    found = asked(None, config, "b", pinned=("a",))

    assert (found.first, found.why_not.verdict, found.change) == ("a", Verdict.NOT_REACHED, None)


def test_a_rule_read_alone_is_the_rule_read_with_the_others():
    from routerapp.engine.levers.visit import visits_of
    from tests.explain.explainable import demo_policies

    for document in demo_policies():
        whole = parse_policy(document)
        inputs = Inputs(inputs_of().features, RequestFacts(), {leaf.leaf_id: False for leaf in whole.leaves})
        situation = Situation(whole, config_of({"a": deployment()}), Evidence(), inputs, Live(), 1, NOW_MS)
        visit = visits_of(situation, situation.decide())[0]
        for place, rule in enumerate(document["rules"]):
            path = ("rules", place, "name")
            changed = visit.with_value(path, "other").policy

            assert changed == parse_policy(edited(document, path, "other"))
            assert rule["name"] != "other"


def test_edits_leave_the_document_alone():
    document = {"rules": [{"use": {"pool": ["all"]}}], "default": {}}
    changed = edited(document, ("rules", 0, "use", "constraints", "min_quality"), 0.5)

    assert document == {"rules": [{"use": {"pool": ["all"]}}], "default": {}}
    assert at(changed, ("rules", 0, "use", "constraints")) == {"min_quality": 0.5}
    assert edited(changed, ("default",), GONE) == {"rules": changed["rules"]}
    assert at(document, ("rules", 7, "use")) is None
    assert written(("rules", 0, "use", "pool")) == "rules[0].use.pool"


@pytest.mark.parametrize(
    ("before", "direction", "values"),
    [
        (0.7105, UP, [0.711, 0.712]),
        (0.7105, DOWN, [0.71, 0.709]),
        (0.7, UP, [0.701, 0.702]),
        (0.7, DOWN, [0.699, 0.698]),
    ],
)
def test_a_track_begins_at_the_next_multiple_of_the_step(before, direction, values):
    number = Number(Handle(Owner.PEOPLE, "score", "m", "code"), before, lambda _: None, THOUSANDTH, 0, 1)
    track = track_of(number, direction, float("inf"))

    assert [track.value(0), track.value(1), track.value(2)] == [before, *values]


def test_a_track_ends_before_the_size_that_is_no_use_any_more():
    number = Number(Handle(Owner.PEOPLE, "deployment", "a", "weight", "count"), 100, lambda _: None, ONE, 0, 10_000)

    assert track_of(number, UP, 1.0).value(track_of(number, UP, 1.0).length) == 199
    assert track_of(number, DOWN, 1.0).value(track_of(number, DOWN, 1.0).length) == 51


def test_halving_and_doubling_are_the_same_size():
    number = Number(
        Handle(Owner.PEOPLE, "price", "a", "input", "nusd_per_mtok"), 2 * DOLLAR, lambda _: None, PRICE, 0, 10**12
    )

    assert number.size(4 * DOLLAR) == number.size(DOLLAR) == 1.0
