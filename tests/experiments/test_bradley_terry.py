"""Strengths from arena votes: right on average, with intervals that hold what they say."""

import numpy as np
import pytest

from routerapp.experiments.bradley_terry import Duel, strengths

TRUE = {"a": 0.9, "b": 0.3, "c": -0.2, "d": -1.0}


def _votes(rng, n):
    duels = []
    for first, second in rng.permuted(np.tile(np.array(list(TRUE)), (n, 1)), axis=1)[:, :2].tolist():
        chance = 1 / (1 + np.exp(TRUE[second] - TRUE[first]))
        duels.append(Duel(first, second, float(rng.random() < chance)))
    return duels


def test_finds_the_order_and_the_odds():
    found = strengths(_votes(np.random.Generator(np.random.PCG64(1)), 4_000))

    assert [one.model for one in found] == ["a", "b", "c", "d"]
    assert sum(one.log_odds for one in found) == pytest.approx(0, abs=1e-9)
    assert all(abs(one.log_odds - TRUE[one.model]) < 0.2 for one in found)


def test_intervals_cover_the_truth_as_often_as_they_say():
    hits = []
    for seed in range(100):
        for one in strengths(_votes(np.random.Generator(np.random.PCG64(seed)), 120)):
            truth = 1 / (1 + np.exp(-TRUE[one.model]))
            hits.append(one.win.low <= truth <= one.win.high)

    assert 0.92 <= np.mean(hits) <= 0.98


def test_beating_the_strong_counts_for_more_than_beating_the_weak():
    strong, weak = [Duel("a", "b", 1.0)] * 40, [Duel("d", "c", 1.0)] * 40
    between = [Duel("b", "c", 1.0)] * 30 + [Duel("b", "c", 0.0)] * 5
    win = {one.model: one.win.value for one in strengths([*strong, *weak, *between])}

    assert win["a"] > win["d"]


def test_a_model_that_never_lost_has_a_finite_strength_and_a_wide_interval():
    best, _ = strengths([Duel("a", "b", 1.0)] * 3)

    assert best.win.value < 0.95 and best.win.high - best.win.low > 0.3


@pytest.mark.parametrize("votes", [1, 12, 40, 2_000])
def test_one_sided_votes_are_as_much_for_the_one_as_against_the_other(votes):
    best, worst = strengths([Duel("a", "b", 1.0)] * votes)

    assert best.win.value == pytest.approx(1 - worst.win.value)
    assert best.log_odds == pytest.approx(np.log((votes + 0.25) / 0.25) / 2)


def test_ties_say_equal_and_narrow_the_interval():
    few, many = (strengths([Duel("a", "b", 0.5)] * n)[0] for n in (5, 500))

    assert few.log_odds == pytest.approx(0, abs=1e-9) == many.log_odds
    assert many.win.high - many.win.low < few.win.high - few.win.low
    assert many.effective > 400 and many.win.n == 500


def test_nothing_is_said_of_no_votes_and_what_is_wrong_is_named():
    assert strengths([]) == ()
    with pytest.raises(ValueError, match="itself"):
        Duel("a", "a", 1.0)
    with pytest.raises(ValueError, match="0 to 1"):
        Duel("a", "b", 2.0)
