from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from routerapp.engine.types import Live, RoundRobinAdvance
from tests.engine.situations import (
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

THREE = config_of({"a": deployment(price=10**9), "b": deployment(price=2 * 10**9), "c": deployment(price=3 * 10**9)})
TWO_MODELS = config_of(
    {"dull": deployment("dull"), "bright": deployment("bright")},
    {
        "dull": model(scores={"accuracy": 0.4, "creativity": 0.9}),
        "bright": model(scores={"accuracy": 0.9, "creativity": 0.2}),
    },
)


def turns(policy, config, count, live=None):
    """Primaries of a run of requests, each seeing the effects of the one before."""
    live, found = live or Live(), []
    for _ in range(count):
        decision, effects = ask_with_effects(policy, config, live=live)
        found.append(plan(decision)[0])
        for effect in effects:
            if isinstance(effect, RoundRobinAdvance):
                live = replace(live, round_robin={**live.round_robin, effect.state_key: effect.weights})
    return found


def test_ordered_keeps_the_order_written():
    policy = policy_of({"pool": ["deployment:c", "all"]})

    assert plan(ask(policy, THREE)) == ["c", "a", "b"]


def test_round_robin_is_smooth():
    policy = strategy("round_robin", weights={"a": 5, "b": 1, "c": 1})

    assert turns(policy, THREE, 7) == ["a", "a", "b", "a", "c", "a", "a"]


def test_round_robin_skips_what_is_out_and_lets_nobody_catch_up_in_a_burst():
    policy = strategy("round_robin")
    out = live_of(c={"breaker": "open"})

    assert set(turns(policy, THREE, 20, out)) == {"a", "b"}


def test_round_robin_gives_no_turn_to_a_member_without_weight():
    policy = strategy("round_robin", weights={"a": 1, "b": 1})

    assert set(turns(policy, THREE, 10)) == {"a", "b"}
    assert plan(ask(policy, THREE))[-1] == "c"


def test_weighted_draws_in_proportion_and_records_the_exact_probability():
    policy = strategy("weighted", weights={"deployment:a": 6, "b": 3, "c": 1})
    wins = Counter(plan(ask(policy, THREE, seed=seed))[0] for seed in range(2_000))

    decision = ask(policy, THREE)
    assert probabilities(decision) == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1})
    assert {candidate.probability_kind for candidate in decision.candidates} == {"exact"}
    assert wins["a"] / 2_000 == pytest.approx(0.6, abs=0.04)
    assert wins["c"] / 2_000 == pytest.approx(0.1, abs=0.03)


def test_weighted_by_model_and_by_the_catalogue():
    config = config_of(
        {"x": deployment("dull", weight=3), "y": deployment("bright", weight=1)}, dict(TWO_MODELS.document["models"])
    )

    assert probabilities(ask(strategy("weighted"), config)) == {"x": 0.75, "y": 0.25}
    assert probabilities(ask(strategy("weighted", weights={"model:bright": 5}), config)) == {"x": 0.0, "y": 1.0}


def test_a_new_candidate_moves_nobody_else_s_draw():
    policy = strategy("weighted")
    two = config_of({"a": deployment(), "b": deployment()})
    three = config_of({"a": deployment(), "b": deployment(), "new": deployment()})

    for seed in range(300):
        first = plan(ask(policy, three, seed=seed))[0]
        assert first in ("new", plan(ask(policy, two, seed=seed))[0])


WARM = {"ttft_samples": 20}


def test_fastest_ranks_by_time_to_first_token():
    live = live_of(a={"ttft_ewma_ms": 900, **WARM}, b={"ttft_ewma_ms": 300, **WARM}, c={"ttft_ewma_ms": 600, **WARM})
    decision = ask(strategy("fastest"), THREE, live=live)

    assert plan(decision) == ["b", "c", "a"]
    assert probabilities(decision)["b"] == 1.0


def test_fastest_gives_a_cold_deployment_its_share_and_no_more():
    live = live_of(
        a={"ttft_ewma_ms": 900, **WARM}, b={"ttft_ewma_ms": 300, **WARM}, c={"ttft_ewma_ms": 1, "ttft_samples": 1}
    )
    policy = strategy("fastest", explore_share=0.2)
    decisions = [ask(policy, THREE, live=live, seed=seed) for seed in range(1_000)]
    wins = Counter(plan(decision)[0] for decision in decisions)

    assert wins["c"] / 1_000 == pytest.approx(0.2, abs=0.04)
    assert wins["a"] == 0
    assert all(probabilities(decision) == pytest.approx({"a": 0, "b": 0.8, "c": 0.2}) for decision in decisions)
    assert verdicts(decisions[0])["c"] == "cold_start"


def test_fastest_spreads_evenly_while_all_are_cold():
    wins = Counter(plan(ask(strategy("fastest"), THREE, seed=seed))[0] for seed in range(900))

    assert all(count / 900 == pytest.approx(1 / 3, abs=0.06) for count in wins.values())
    assert probabilities(ask(strategy("fastest"), THREE)) == pytest.approx(dict.fromkeys("abc", 1 / 3))


def test_cheapest_puts_unpriced_last_and_breaks_ties_by_slug():
    config = config_of(
        {"z": deployment(price=5), "y": deployment(price=5), "x": deployment(price=None), "free": deployment(price=0)}
    )

    assert plan(ask(strategy("cheapest"), config)) == ["free", "y", "z", "x"]


def test_balanced_terms_sum_to_the_score_and_assumptions_are_named():
    live = live_of(a={"ttft_ewma_ms": 400, "ttft_samples": 9, "success_ewma": 0.9, "success_samples": 9})
    decision = ask(
        strategy("balanced", weights={"quality": 2, "cost": 1, "latency": 1, "reliability": 1}), THREE, live=live
    )

    for candidate in decision.candidates:
        assert candidate.score == pytest.approx(sum(candidate.terms.values()))
        assert 0 <= candidate.score <= 1
    by_slug = {candidate.deployment: candidate for candidate in decision.candidates}
    assert by_slug["a"].detail == {}
    assert by_slug["b"].detail == {"assumed": ["latency", "reliability"]}


@pytest.mark.parametrize(
    ("weights", "winner"),
    [({"quality": 1}, "good"), ({"cost": 1}, "cheap"), ({"latency": 1}, "quick"), ({"reliability": 1}, "sure")],
)
def test_balanced_follows_each_weight(weights, winner):
    config = config_of(
        {
            "good": deployment("good", 10**10),
            "cheap": deployment(price=10**8),
            "quick": deployment(price=10**10),
            "sure": deployment(price=10**10),
        },
        {"m": model(), "good": model(scores={"accuracy": 0.9})},
    )
    usual = {"ttft_ewma_ms": 900, **WARM, "success_ewma": 0.9, "success_samples": 9}
    live = live_of(good=usual, cheap=usual, quick={**usual, "ttft_ewma_ms": 200}, sure={**usual, "success_ewma": 1.0})

    assert plan(ask(strategy("balanced", weights=weights), config, live=live))[0] == winner


def test_balanced_counts_an_unpriced_deployment_as_the_dearest():
    config = config_of({"dear": deployment(price=10**10), "unpriced": deployment(price=None)})

    assert plan(ask(strategy("balanced", weights={"cost": 1}), config)) == ["dear", "unpriced"]


def test_balanced_reads_quality_on_the_task_s_dimension():
    config = config_of(
        TWO_MODELS.document["deployments"], TWO_MODELS.document["models"], task_dimensions={"writing": "creativity"}
    )
    policy = strategy("balanced", weights={"quality": 1})

    assert plan(ask(policy, config, inputs_of(task="writing")))[0] == "dull"
    assert plan(ask(policy, config, inputs_of(task="code")))[0] == "bright"


def test_the_caller_s_objective_reweighs_balanced_only():
    asked = replace(inputs_of(), objective={"cost": 1.0})
    config = config_of(
        {"good": deployment("good", 10**10), "cheap": deployment(price=1)},
        {"m": model(), "good": model(scores={"accuracy": 1})},
    )

    assert plan(ask(strategy("balanced", weights={"quality": 1}), config))[0] == "good"
    assert plan(ask(strategy("balanced", weights={"quality": 1}), config, asked))[0] == "cheap"


def test_capability_weighs_dimensions_and_names_unknown_ones():
    policy = strategy("capability", weights={"creativity": 3, "accuracy": 1, "ethics": 1})
    decision = ask(policy, TWO_MODELS)

    best = decision.candidates[0]
    assert plan(decision) == ["dull", "bright"]
    assert best.score == pytest.approx(sum(best.terms.values())) == pytest.approx((3 * 0.9 + 0.4) / 5)
    assert best.detail == {"unknown": ["ethics"]}


TARGETS = {"code": ["model:bright"], "chat": ["model:dull"]}


@pytest.mark.parametrize(
    ("features", "winner", "verdict"),
    [
        ({"task": "code", "task_confidence": 0.9}, "bright", "task_target"),
        ({"task": "chat", "task_confidence": 0.9}, "dull", "task_target"),
        ({"task": "code", "task_confidence": 0.2}, "dull", "task_fallback"),
        ({"task": "unknown"}, "dull", "task_fallback"),
    ],
)
def test_contextual_follows_the_task(features, winner, verdict):
    policy = strategy("contextual", targets=TARGETS, min_confidence=0.5, fallback=["model:dull"])
    decision = ask(policy, TWO_MODELS, inputs_of(**features))

    assert plan(decision)[0] == winner
    assert verdict in {step.verdict for step in decision.trace}


def test_contextual_keeps_the_rest_of_the_pool_when_the_target_is_out():
    policy = strategy("contextual", targets=TARGETS)
    inputs = inputs_of(task="code", task_confidence=1.0)

    assert plan(ask(policy, TWO_MODELS, inputs, live_of(bright={"breaker": "open"}))) == ["dull"]


@pytest.mark.parametrize("on", ["unit", "tenant", "prompt"])
def test_consistent_hash_ignores_the_seed_and_moves_only_the_keys_of_what_left(on):
    policy = strategy("consistent_hash", on=on)
    fact = {"unit": "unit", "tenant": "tenant_unit", "prompt": "prompt_unit"}[on]
    less = config_of({"a": deployment(), "c": deployment()})

    for number in range(100):
        inputs = inputs_of(facts={fact: f"key-{number}"})
        before = plan(ask(policy, THREE, inputs, seed=number))[0]
        assert plan(ask(policy, THREE, inputs, seed=number + 1))[0] == before
        assert before == "b" or plan(ask(policy, less, inputs))[0] == before


def test_consistent_hash_without_a_unit_is_per_request():
    policy = strategy("consistent_hash")
    decisions = [ask(policy, THREE, seed=seed) for seed in range(60)]

    assert {plan(decision)[0] for decision in decisions} == {"a", "b", "c"}
    assert "per_request_unit" in {step.verdict for step in decisions[0].trace}


SPLIT = {
    "experiment": "cheaper",
    "arms": [
        {"name": "control", "weight": 3, "use": {"pool": ["deployment:a"]}},
        {"name": "treatment", "weight": 1, "use": {"strategy": {"kind": "round_robin"}}},
    ],
}


def test_split_keeps_a_unit_in_its_arm_in_proportion_to_the_weights():
    policy = strategy("split", **SPLIT)
    arms = Counter()
    for number in range(1_000):
        inputs = inputs_of(facts={"unit": f"u{number}"})
        assignment = ask(policy, THREE, inputs, seed=number).experiment
        arms[assignment.arm] += 1
        assert assignment == ask(policy, THREE, inputs, seed=0).experiment
        assert assignment.probability == {"control": 0.75, "treatment": 0.25}[assignment.arm]

    assert arms["control"] / 1_000 == pytest.approx(0.75, abs=0.04)


def test_split_keeps_round_robin_weights_per_arm():
    policy = strategy("split", **SPLIT)
    effects = [
        effect
        for number in range(20)
        for effect in ask_with_effects(policy, THREE, inputs_of(facts={"unit": f"u{number}"}))[1]
        if isinstance(effect, RoundRobinAdvance)
    ]

    assert {effect.state_key for effect in effects} == {"test/default/treatment"}


def test_split_without_a_unit_draws_per_request():
    decisions = [ask(strategy("split", **SPLIT), THREE, seed=seed) for seed in range(60)]

    assert {decision.experiment.arm for decision in decisions} == {"control", "treatment"}
    assert {decision.experiment.unit for decision in decisions} == {"per_request"}
