"""least_busy, headroom and most_reliable: who is first under which load, and with which recorded probability."""

from __future__ import annotations

from collections import Counter

import pytest

from routerapp.engine.strategies.most_reliable import wilson_lower_bound
from tests.engine.situations import ask, config_of, deployment, live_of, plan, probabilities, strategy, verdicts

THREE = config_of({"a": deployment(), "b": deployment(weight=2), "c": deployment(max_in_flight=10)})
LIMITED = config_of(
    {
        "a": deployment(requests_per_minute=100, tokens_per_minute=100_000),
        "b": deployment(requests_per_minute=10),
        "free": deployment(),
    }
)


def wins(policy, config, live, seeds=1_500) -> dict[str, float]:
    counts = Counter(plan(ask(policy, config, live=live, seed=seed))[0] for seed in range(seeds))
    return {slug: counts[slug] / seeds for slug in config.deployments}


def kinds(decision) -> set[str]:
    return {candidate.probability_kind for candidate in decision.candidates}


def test_least_busy_takes_the_less_busy_of_two_and_knows_how_often():
    live = live_of(a={"in_flight": 1}, b={"in_flight": 4}, c={"in_flight": 5})
    policy = strategy("least_busy")

    decision = ask(policy, THREE, live=live)
    # loads 1, 2, 0.5 under weights 1, 2, 1: c wins any pair it is in, a only against b
    assert probabilities(decision) == pytest.approx({"c": 7 / 12, "a": 5 / 12, "b": 0})
    assert kinds(decision) == {"exact"}
    assert wins(policy, THREE, live) == pytest.approx(probabilities(decision), abs=0.05)


def test_least_busy_uses_an_idle_pool_by_weight():
    assert probabilities(ask(strategy("least_busy"), THREE)) == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.25})
    assert wins(strategy("least_busy"), THREE, None) == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.25}, abs=0.05)


def test_least_busy_draws_no_member_without_weight():
    policy = strategy("least_busy", weights={"a": 1, "b": 1})
    live = live_of(a={"in_flight": 9}, b={"in_flight": 8})

    assert plan(ask(policy, THREE, live=live)) == ["b", "a", "c"]
    assert probabilities(ask(policy, THREE, live=live)) == {"b": 1.0, "a": 0.0, "c": 0.0}
    assert plan(ask(strategy("least_busy", weights={"a": 1}), THREE, live=live)) == ["a", "c", "b"]


def test_least_busy_serves_a_pool_in_which_nobody_has_weight():
    config = config_of({"a": deployment(weight=0), "b": deployment(weight=0)})

    assert probabilities(ask(strategy("least_busy"), config)) == {"a": 0.5, "b": 0.5}


def test_adding_one_that_is_not_drawn_changes_nothing():
    live = live_of(a={"in_flight": 3}, b={"in_flight": 2}, c={"in_flight": 1})
    less = config_of({slug: THREE.document["deployments"][slug] for slug in ("a", "b")})
    same = [
        plan(ask(strategy("least_busy"), THREE, live=live, seed=seed))[0]
        == plan(ask(strategy("least_busy"), less, live=live, seed=seed))[0]
        for seed in range(500)
    ]

    # c is drawn, and then wins, in three of four decisions or fewer; in all others a and b are as without it
    assert 0.2 < sum(same) / 500 < 0.8


def test_headroom_takes_the_largest_free_share_of_the_tighter_limit():
    live = live_of(a={"requests_left": 90, "tokens_left": 30_000}, b={"requests_left": 5})
    decision = ask(strategy("headroom"), LIMITED, live=live)

    assert plan(decision) == ["free", "b", "a"]
    assert {one.deployment: dict(one.terms) for one in decision.candidates} == {
        "free": {"requests": 1.0, "tokens": 1.0},
        "b": {"requests": 0.5, "tokens": 1.0},
        "a": {"requests": 0.9, "tokens": 0.3},
    }


def test_headroom_breaks_ties_by_slug():
    assert plan(ask(strategy("headroom"), LIMITED)) == ["a", "b", "free"]


def test_tokens_that_would_pass_the_limit_are_a_reason():
    live = live_of(a={"tokens_left": 699}, b={"tokens_left": 700})

    assert verdicts(ask(strategy("headroom"), LIMITED, live=live)) == {
        "a": "rate_limited",
        "b": "eligible",
        "free": "eligible",
    }


@pytest.mark.parametrize(("share", "samples"), [(1.0, 50), (0.5, 50), (0.9, 10), (0.31, 3)])
def test_the_bound_is_the_lower_share_that_is_just_not_refuted(share, samples):
    bound = wilson_lower_bound(share, samples)

    # the score test at that share: its standard error is that share's own
    assert (share - bound) / (bound * (1 - bound) / samples) ** 0.5 == pytest.approx(1.959964, abs=1e-5)
    assert bound < share


def test_without_samples_or_success_nothing_is_proven():
    assert wilson_lower_bound(0.7, 0) == wilson_lower_bound(0.0, 10) == 0.0
    assert wilson_lower_bound(0.9, 10) == pytest.approx(0.5958, abs=1e-4)


def test_most_reliable_takes_proof_over_luck():
    live = live_of(
        a={"success_ewma": 1.0, "success_samples": 6},
        b={"success_ewma": 0.97, "success_samples": 5_000},
        c={"success_ewma": 0.8, "success_samples": 50},
    )
    decision = ask(strategy("most_reliable"), THREE, live=live)

    assert plan(decision) == ["b", "c", "a"]
    assert decision.candidates[0].score == pytest.approx(wilson_lower_bound(0.97, 50))


def test_most_reliable_gives_too_few_samples_a_small_exact_share():
    live = live_of(a={"success_ewma": 0.9, "success_samples": 9}, b={"success_ewma": 1.0, "success_samples": 4})
    policy = strategy("most_reliable", explore_share=0.2)
    decision = ask(policy, THREE, live=live, seed=1)

    assert probabilities(decision) == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.1})
    assert verdicts(decision)["b"] == verdicts(decision)["c"] == "cold_start"
    assert wins(policy, THREE, live) == pytest.approx(probabilities(decision), abs=0.05)
