"""Intervals against published figures and against simulation."""

import random

import pytest

from routerapp.experiments.intervals import (
    LEAST_UNITS,
    Moments,
    mean,
    mean_difference,
    moments_of,
    proportion,
    proportion_difference,
    share,
    share_difference,
)
from routerapp.experiments.sequential import always_valid_mean_difference, always_valid_share_difference


def single(values):
    return moments_of((1, value) for value in values)


def test_wilson_interval_is_the_published_one():
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    found = proportion(81, 263)

    assert (found.low, found.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_newcombe_difference_is_the_published_one():
    # Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    found = proportion_difference((56, 70), (48, 80))

    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_nothing_is_claimed_about_too_few_units():
    few, many = single([0.5] * (LEAST_UNITS - 1)), single([0.5] * 100)

    assert mean(few).is_known is False
    assert mean_difference(few, many).is_known is False
    assert proportion(0, 0).value is None


def test_intervals_of_means_cover_the_truth_as_often_as_they_say():
    draw = random.Random(7)
    covered = 0
    for _ in range(600):
        one = single([draw.expovariate(1 / 3) for _ in range(200)])
        other = single([draw.expovariate(1 / 2) for _ in range(150)])
        found = mean_difference(one, other)
        covered += found.low <= 1.0 <= found.high

    assert 0.92 <= covered / 600 <= 0.975


def test_looking_after_every_batch_raises_false_alarms_only_without_the_sequence():
    draw = random.Random(11)
    fixed_alarms = sequence_alarms = 0
    for _ in range(200):
        one = other = Moments()
        is_fixed = is_sequence = False
        for _ in range(40):
            one += single([draw.gauss(0, 1) for _ in range(50)])
            other += single([draw.gauss(0, 1) for _ in range(50)])
            is_fixed |= mean_difference(one, other).excludes_zero
            is_sequence |= always_valid_mean_difference(one, other).excludes_zero
        fixed_alarms += is_fixed
        sequence_alarms += is_sequence

    assert fixed_alarms / 200 > 0.15
    assert sequence_alarms / 200 <= 0.05


def test_the_sequence_finds_a_real_difference():
    one, other = single([0, 1] * 1500), single([0, 0, 0, 1, 1] * 600)

    assert always_valid_mean_difference(one, other).low > 0


def test_requests_of_one_unit_do_not_count_as_independent():
    """Units that differ, 20 requests each: the interval over units covers the truth, the one over requests does not."""
    draw = random.Random(5)
    covered = naive = 0
    for _ in range(300):
        levels = [draw.gauss(0, 1) for _ in range(60)]
        requests = [[level + draw.gauss(0, 0.5) for _ in range(20)] for level in levels]
        by_unit = mean(moments_of((20, sum(values)) for values in requests))
        by_request = mean(single([value for values in requests for value in values]))
        covered += by_unit.low <= 0 <= by_unit.high
        naive += by_request.low <= 0 <= by_request.high

    assert 0.91 <= covered / 300 <= 0.98
    assert naive / 300 < 0.6


def test_all_good_so_far_is_not_certain_for_ever():
    """Sixty users, five answers each, none failed: a share of 1 whose interval has a width, in every form of it."""
    perfect = moments_of((5, 5.0) for _ in range(60))

    found = share(perfect)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(proportion(60, 60).low)
    for difference in (share_difference(perfect, perfect), always_valid_share_difference(perfect, perfect)):
        assert difference.low < 0 < difference.high


def test_users_who_repeat_themselves_widen_the_share():
    alike = moments_of((10, 10.0 if user % 5 else 0.0) for user in range(100))

    by_user, by_request = share(alike), proportion(800, 1_000)

    assert by_user.value == by_request.value == 0.8
    assert (by_user.low, by_user.high) == (
        pytest.approx(proportion(80, 100).low, abs=2e-3),
        pytest.approx(proportion(80, 100).high, abs=2e-3),
    )


def test_equal_rare_failures_seldom_raise_an_alarm_however_often_one_looks():
    draw = random.Random(13)
    alarms = 0
    for _ in range(200):
        one = other = Moments()
        is_alarm = False
        for _ in range(30):
            one += single([float(draw.random() < 0.98) for _ in range(40)])
            other += single([float(draw.random() < 0.98) for _ in range(40)])
            is_alarm |= always_valid_share_difference(one, other).excludes_zero
        alarms += is_alarm

    assert alarms / 200 <= 0.05
