"""Wishes in plain units become a number that keeps them on the prompts they were solved on, or say that nothing does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from routerapp.learning.presets import KINDS, Gate, choose, solve_lambda, solve_threshold

RANDOM = np.random.Generator(np.random.PCG64(5))
N = 600
EASE = RANDOM.uniform(0.2, 0.9, (N, 1))
QUALITY = np.round(np.clip(EASE + np.array([0.12, 0.08, -0.05]) + RANDOM.normal(0, 0.08, (N, 3)), 0, 1), 4)
COST = np.array([0.02, 0.004, 0.0005]) * RANDOM.uniform(0.5, 2.0, (N, 3))
OPEN = Gate(None)


def test_equal_is_as_good_as_the_best_single_model_and_cheaper():
    found = solve_lambda(QUALITY, COST, "equal", 1.0, OPEN)
    best = QUALITY.mean(axis=0).argmax()

    assert found.is_met
    assert found.quality >= QUALITY[:, best].mean() - 1e-12
    assert found.usd_per_1000 < 1_000 * COST[:, best].mean()
    dearer = solve_lambda(QUALITY, COST, "share_of_best", 0.99, OPEN)
    assert dearer.number > found.number
    assert dearer.usd_per_1000 < found.usd_per_1000


@pytest.mark.parametrize(
    ("kind", "values"), [("max_share_dear", (0.4, 0.2, 0.05)), ("max_usd_per_1000", (8.0, 4.0, 1.0))]
)
def test_a_tighter_limit_has_a_larger_number_and_is_kept(kind, values):
    found = [solve_lambda(QUALITY, COST, kind, value, OPEN) for value in values]

    assert all(one.is_met for one in found)
    assert [one.number for one in found] == sorted(one.number for one in found)
    kept = [one.share_dear if kind == "max_share_dear" else one.usd_per_1000 for one in found]
    assert all(had <= value for had, value in zip(kept, values, strict=True))
    # not much tighter than was asked for
    assert all(had >= 0.9 * value for had, value in zip(kept, values, strict=True))


def test_a_limit_that_the_gate_does_not_let_through_is_said():
    found = solve_lambda(QUALITY, COST, "max_usd_per_1000", 0.1, Gate(0, max_loss=0.05))

    assert not found.is_met
    assert "at most $0.1 per 1,000 requests" in found.problem
    assert found.usd_per_1000 > 0.1


def test_no_number_makes_the_models_better_than_they_are():
    found = solve_lambda(QUALITY, COST, "equal", 1.0, Gate(2, margin=1.0))

    assert (found.is_met, found.number) == (False, 0.0)
    assert "No λ gives a quality of" in found.problem


def test_choices_are_those_of_the_strategy_behind_its_gate():
    quality, cost = (
        np.array([[0.8, 0.84, 0.7], [0.8, 0.81, 0.79], [0.5, 0.9, 0.9]]),
        np.array([[0.01, 0.01, 0.001]] * 3),
    )

    assert choose(quality, cost, 0.0, Gate(0)).tolist() == [1, 0, 1]
    assert choose(quality, cost, 5.0, Gate(0)).tolist() == [1, 2, 2]
    assert choose(quality, cost, 5.0, Gate(0, max_loss=0.2)).tolist() == [1, 2, 2]
    assert choose(quality, cost, 50.0, Gate(0, max_loss=0.2)).tolist() == [2, 2, 2]
    assert choose(quality, cost, 0.0, Gate(0, certainty=np.array([0.5, 1.0, 0.0]))).tolist() == [0, 0, 0]


def test_cost_never_rises_with_the_number():
    costs = [
        COST[np.arange(N), choose(QUALITY, COST, number, Gate(1))].mean() for number in np.geomspace(0.01, 1e5, 40)
    ]

    assert all(later <= earlier + 1e-15 for earlier, later in pairwise(costs))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_threshold_is_the_quantile_that_keeps_the_share(share):
    found = solve_threshold(RANDOM.uniform(0, 1, 1_000), share)

    assert found.is_met
    assert found.share_dear == pytest.approx(share, abs=1e-9)


def test_equal_chances_never_pass_the_share():
    assert solve_threshold(np.array([0.5] * 9 + [0.4]), 0.3).share_dear == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("quality", "cost", "kind", "value", "words"),
    [
        (QUALITY, COST[:2], "equal", 1, "both \\(prompts, models\\)"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), "equal", 1, "a number for every prompt"),
        (QUALITY, COST, "best", 1, f"one of {', '.join(KINDS)}"),
        (QUALITY, COST, "max_share_dear", 1.5, "from 0 to 1"),
        (QUALITY, COST, "max_usd_per_1000", -1, "from 0 to inf"),
    ],
)
def test_what_cannot_be_solved_is_refused_with_its_reason(quality, cost, kind, value, words):
    with pytest.raises(ValueError, match=words):
        solve_lambda(quality, cost, kind, value)
