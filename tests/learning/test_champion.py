"""The gate: promoted only when the held-back slice and live traffic both say better; else the reason."""

from dataclasses import replace

import numpy as np
import pytest

from routerapp.learning.champion import (
    HELD_BACK_UNSURE,
    HELD_BACK_WORSE,
    PROMOTE,
    TOO_FEW_PROMPTS,
    TRAFFIC_REFUSED,
    TRAFFIC_UNSURE,
    TRAFFIC_WORSE,
    HeldBack,
    Traffic,
    judge,
)
from routerapp.learning.off_policy import DecisionLog, Draws

QUICK = Draws(count=300)


def _held_back(gain, n=2_000, seed=0):
    rng = np.random.Generator(np.random.PCG64(seed))
    champion = (rng.random(n) < 0.6).astype(float)
    return HeldBack(np.where(rng.random(n) < 0.2, rng.random(n) < 0.6 + gain * 5, champion).astype(float), champion)


def _traffic(gain, n=6_000, seed=1):
    """The champion takes model 0, the challenger model 1, whose success is `gain` higher."""
    rng = np.random.Generator(np.random.PCG64(seed))
    probability = np.tile([0.7, 0.3], (n, 1))
    chosen = (rng.random(n) < 0.3).astype(np.int64)
    reward = (rng.random(n) < 0.6 + gain * chosen).astype(float)
    log = DecisionLog(chosen, probability, reward, np.full((n, 2), 0.6))
    return Traffic(log, np.tile([0.0, 1.0], (n, 1)), np.tile([1.0, 0.0], (n, 1)))


def test_promotes_what_is_better_on_both():
    verdict = judge(_held_back(0.05), _traffic(0.1), draws=QUICK)

    assert verdict.is_promoted and verdict.reason == PROMOTE
    assert verdict.held_back.low > 0 and verdict.traffic.low > 0


@pytest.mark.parametrize(
    ("held_back", "traffic", "reason"),
    [
        (0.0, 0.1, HELD_BACK_UNSURE),
        (-0.06, 0.1, HELD_BACK_WORSE),
        (0.05, 0.0, TRAFFIC_UNSURE),
        (0.05, -0.1, TRAFFIC_WORSE),
    ],
)
def test_says_which_of_both_is_not_convinced(held_back, traffic, reason):
    verdict = judge(_held_back(held_back), _traffic(traffic), draws=QUICK)

    assert verdict.reason == reason and not verdict.is_promoted
    assert verdict.held_back is not None and verdict.traffic is not None


def test_traffic_that_cannot_tell_does_not_promote():
    blind = _traffic(0.1)
    log = replace(
        blind.log, probability=np.tile([1.0, 0.0], (len(blind.log), 1)), chosen=np.zeros_like(blind.log.chosen)
    )
    verdict = judge(_held_back(0.05), replace(blind, log=log), draws=QUICK)

    assert verdict.reason == TRAFFIC_REFUSED and verdict.traffic is None
    assert verdict.detail["share"] == 1.0


def test_a_slice_of_few_questions_does_not_promote_though_asked_often():
    few = _held_back(0.05)
    repeated = replace(few, groups=np.arange(2_000) % 100)

    assert judge(repeated, _traffic(0.1), draws=QUICK).reason == TOO_FEW_PROMPTS


def test_what_is_not_better_is_seldom_promoted():
    promoted = sum(
        judge(_held_back(0.0, 600, seed), _traffic(0.1, 4_000, seed), draws=QUICK).is_promoted for seed in range(50)
    )

    # 2.5 % at most; 50 runs.
    assert promoted <= 5


def test_better_by_less_than_the_margin_is_not_enough():
    assert judge(_held_back(0.05), _traffic(0.1), margin=0.08, draws=QUICK).reason in {
        HELD_BACK_WORSE,
        HELD_BACK_UNSURE,
    }


def test_says_what_does_not_fit():
    with pytest.raises(ValueError, match="one value per prompt"):
        HeldBack(np.ones(3), np.ones(2))
