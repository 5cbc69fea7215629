"""The gate: promoted only when the held-back slice and live traffic both say better; where traffic cannot tell, the slice decides alone."""

import numpy as np
import pytest

from routerapp.learning.champion import (
    HELD_BACK_ALONE,
    HELD_BACK_REFUSED,
    HELD_BACK_UNSURE,
    HELD_BACK_WORSE,
    PROMOTE,
    TRAFFIC_UNSURE,
    TRAFFIC_WORSE,
    Look,
    judge,
)
from routerapp.learning.off_policy import TOO_FEW_EFFECTIVE, DecisionLog, Draws, Refusal, compare, supported
from routerapp.learning.resampling import Interval

QUICK = Draws(count=300)
BETTER, UNSURE, WORSE = (Look(Interval(at, at - 0.02, at + 0.02)) for at in (0.05, 0.01, -0.05))
CANNOT_TELL = Look(None, Refusal(TOO_FEW_EFFECTIVE, {"effective": 120.0, "least": 500.0}))


def _traffic(gain, n=6_000, seed=1):
    """The champion takes model 0, the challenger model 1, whose success is `gain` higher."""
    rng = np.random.Generator(np.random.PCG64(seed))
    probability = np.tile([0.7, 0.3], (n, 1))
    chosen = (rng.random(n) < 0.3).astype(np.int64)
    reward = (rng.random(n) < 0.6 + gain * chosen).astype(float)
    log = DecisionLog(chosen, probability, reward, np.full((n, 2), 0.6))
    return Look(*compare(log, np.tile([0.0, 1.0], (n, 1)), np.tile([1.0, 0.0], (n, 1)), QUICK))


@pytest.mark.parametrize(
    ("held_back", "traffic", "reason"),
    [
        (BETTER, BETTER, PROMOTE),
        (BETTER, CANNOT_TELL, HELD_BACK_ALONE),
        (BETTER, UNSURE, TRAFFIC_UNSURE),
        (BETTER, WORSE, TRAFFIC_WORSE),
        (UNSURE, BETTER, HELD_BACK_UNSURE),
        (WORSE, BETTER, HELD_BACK_WORSE),
        (UNSURE, CANNOT_TELL, HELD_BACK_UNSURE),
        (CANNOT_TELL, BETTER, HELD_BACK_REFUSED),
    ],
)
def test_says_which_half_was_convinced(held_back, traffic, reason):
    verdict = judge(held_back, traffic)

    assert verdict.reason == reason
    assert verdict.may_promote == (reason in (PROMOTE, HELD_BACK_ALONE))
    assert verdict.is_sure == (reason == PROMOTE)


def test_better_by_less_than_the_margin_is_not_enough():
    assert judge(BETTER, BETTER, margin=0.04).reason == HELD_BACK_UNSURE
    assert judge(BETTER, BETTER, margin=0.08).reason == HELD_BACK_WORSE


def test_what_is_not_better_on_traffic_is_seldom_promoted():
    promoted = sum(judge(BETTER, _traffic(0.0, 4_000, seed)).may_promote for seed in range(50))

    # 2.5 % at most; 50 runs.
    assert promoted <= 5
    assert judge(BETTER, _traffic(0.1)).is_sure


def test_a_look_has_a_number_or_a_reason_why_not():
    with pytest.raises(ValueError, match="one of them"):
        Look(None)
    with pytest.raises(ValueError, match="one of them"):
        Look(Interval(0.0, 0.0, 0.0), Refusal(TOO_FEW_EFFECTIVE))


def test_rows_on_which_a_target_would_do_what_the_log_never_could_are_known():
    log = DecisionLog(np.array([0, 0]), np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([1.0, 1.0]))
    second, first = np.tile([0.0, 1.0], (2, 1)), np.tile([1.0, 0.0], (2, 1))

    assert supported(log, (first, first)).tolist() == [True, True]
    assert supported(log, (first, second)).tolist() == [True, False]
