"""Arms compared: verdicts by direction, and the sample-ratio check in front of everything."""

import random

import pytest

from routerapp.experiments.comparison import COST_USD, SUCCESS, ArmCounts, compare
from routerapp.experiments.intervals import moments_of
from routerapp.experiments.sample_ratio import check_sample_ratio, chi_squared_tail


def arm(name, *, units=1000, succeeded=900, cost=0.01, weight=1.0):
    success = moments_of((1, float(place < succeeded)) for place in range(units))
    costs = moments_of((1, cost * (0.5 + place % 2)) for place in range(units))
    return ArmCounts(name, weight, units, units, units, success=success, cost_usd=costs)


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (10.828, 1, 0.001), (0.0039, 1, 0.95), (18.307, 10, 0.05)],
)
def test_chi_squared_tail_is_that_of_the_tables(statistic, degrees, tail):
    assert chi_squared_tail(statistic, degrees) == pytest.approx(tail, rel=2e-3)


def test_a_skewed_split_is_called_a_mismatch_and_an_even_one_is_not():
    assert check_sample_ratio([5200, 4800], [1, 1]).is_mismatch
    assert not check_sample_ratio([5050, 4950], [1, 1]).is_mismatch
    assert check_sample_ratio([2, 3], [1, 1]).p_value is None


def test_units_in_an_arm_without_a_share_are_a_mismatch():
    assert check_sample_ratio([100, 1], [1, 0]).is_mismatch


def test_random_splits_raise_the_alarm_as_rarely_as_the_level_says():
    draw = random.Random(3)
    alarms = 0
    for _ in range(2000):
        first = sum(draw.random() < 0.3 for _ in range(300))
        alarms += check_sample_ratio([first, 300 - first], [0.3, 0.7]).is_mismatch

    assert alarms <= 8


def test_cheaper_is_better_and_failing_more_often_is_worse():
    found = compare([arm("control"), arm("treatment", cost=0.005, succeeded=800)])

    lifts = found.arms[1].lifts
    assert lifts[COST_USD].verdict == "better"
    assert lifts[SUCCESS].verdict == "worse"
    assert found.is_trustworthy


def test_equal_arms_stay_undecided():
    found = compare([arm("control"), arm("treatment")])

    assert {lift.verdict for lift in found.arms[1].lifts.values()} == {"undecided"}


def test_a_mismatch_makes_the_comparison_untrustworthy():
    assert not compare([arm("control", units=1000), arm("treatment", units=700, succeeded=650)]).is_trustworthy
