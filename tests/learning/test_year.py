"""A small simulated year: the router recovers, stays above its default within the margin, and logs exact probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from routerapp.learning.recovery import account, inputs_found, recovered_after, rolling
from routerapp.learning.year import Plan, choices, simulate

PLAN = Plan(new=0, usd=100.0, requests=12_000, batch=250, price=3.0, lost=0.5)
WINDOWS = {"window": 500, "default_window": 1_000}


@pytest.fixture(scope="module")
def outcomes():
    """1,600 prompts in 5 clusters, 4 models: the first is the best and joins late, the second the best at the start and cheap."""
    rng = np.random.Generator(np.random.PCG64(11))
    cluster = rng.integers(0, 5, 1_600)
    chance = np.array([0.72, 0.66, 0.62, 0.45]) + rng.normal(0, 0.08, (5, 4)) * np.array([0.3, 0.3, 1, 1])
    quality = (rng.random((1_600, 4)) < np.clip(chance, 0.05, 0.95)[cluster]).astype(float)
    cost = np.array([4e-4, 1e-4, 2e-4, 5e-5]) * rng.gamma(4, 0.25, (1_600, 4))
    return quality, cost, cluster


@pytest.fixture(scope="module")
def year(outcomes):
    return simulate(*outcomes, PLAN, seed=3)


def test_learns_more_than_what_stands_still(year):
    found = account(year, **WINDOWS)

    assert year.default_model == 1
    for name in ("static", "default", "best_single"):
        assert found.regret["router"] < found.regret[name], found.regret
    assert found.mean["informed"] - found.mean["router"] < 0.04


def test_recovers_within_a_thousand_requests_of_a_model_that_gets_worse(year):
    after = account(year, **WINDOWS).recovered["a model gets worse"]

    assert after is not None and 0 < after <= 1_000
    assert any(finding.subject == "1" and finding.size < -0.05 for _, finding in year.findings)


def test_takes_up_a_model_that_joins_with_a_hundred_graded_prompts(year):
    joined = year.marks["a model joins"]

    assert not (year.chosen[:joined] == 0).any()
    assert (year.chosen[joined + 500 :] == 0).mean() > 0.3


def test_is_never_under_its_default_beyond_the_margin(year):
    # The margin, what exploring may cost (5 % of .06), and three standard errors of a thousand paired differences.
    assert account(year, **WINDOWS).worst_to_default > -(PLAN.margin + PLAN.explored * PLAN.within + 0.02)


def test_the_drift_of_inputs_is_found_while_it_goes_on(year):
    found = inputs_found(year, 1_000, 200)

    assert found is not None and found.kind == "inputs"
    assert PLAN.mix_at[0] * PLAN.requests <= 1_000 + 200 * found.to_place <= PLAN.mix_at[1] * PLAN.requests


def test_probabilities_are_exact(year):
    at = np.arange(len(year.chosen))
    own = year.probability[at, year.chosen]

    assert np.allclose(year.probability.sum(axis=1), 1) and (own > 0).all()
    frequency = np.bincount(year.chosen, minlength=4) / len(at)
    assert np.allclose(frequency, year.probability.mean(axis=0), atol=0.01)
    explored = 1 - year.probability.max(axis=1)
    assert 0 < explored.mean() <= PLAN.explored + 1e-9


def test_stuffed_votes_are_left_out_and_honest_voters_are_not(year):
    assert year.hostile_left_out == year.hostile_voters
    assert year.honest_left_out <= 4


def test_the_same_seed_is_the_same_year(outcomes, year):
    again = simulate(*outcomes, replace(PLAN, requests=2_000), seed=2)
    once_more = simulate(*outcomes, replace(PLAN, requests=2_000), seed=2)

    assert np.array_equal(again.chosen, once_more.chosen)
    assert not np.array_equal(simulate(*outcomes, replace(PLAN, requests=2_000), seed=3).chosen, again.chosen)


def test_leaves_the_default_only_for_more_than_margin_and_doubt():
    predicted = np.array([[0.60, 0.605, 0.2], [0.60, 0.65, 0.2], [0.60, 0.9, -np.inf]])
    unsure = np.full((3, 3), 0.1)

    assert choices(predicted, np.zeros((3, 3)), 0, PLAN).argmax(axis=1).tolist() == [0, 1, 1]
    assert choices(predicted, unsure, 0, PLAN).argmax(axis=1).tolist() == [0, 0, 1]
    assert choices(predicted, unsure, 0, PLAN)[2].tolist() == [0.0, 1.0, 0.0]


def test_recovery_is_the_first_window_that_is_close():
    gap = np.concatenate([np.full(300, 0.2), np.zeros(200)])

    assert recovered_after(gap, 100, close=0.0181) == 291
    assert recovered_after(gap[:300], 100) is None
    with pytest.raises(ValueError, match="does not fit"):
        rolling(np.ones(3), 4)
