"""Intervals against published figures and against simulation."""

import random

import pytest

from routerapp.experiments.intervals import (
    LEAST_UNITS,
    Moments,
    mean,
    mean_difference,
    proportion,
    proportion_difference,
)
from routerapp.experiments.sequential import always_valid_mean_difference


def moments_of(values):
    return Moments(len(values), sum(values), sum(value * value for value in values))


def test_wilson_interval_is_the_published_one():
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    found = proportion(81, 263)

    assert (found.low, found.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_newcombe_difference_is_the_published_one():
    # Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    found = proportion_difference((56, 70), (48, 80))

    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_nothing_is_claimed_about_too_few_units():
    few = Moments(LEAST_UNITS - 1, 10.0, 5.0)

    assert mean(few).is_known is False
    assert mean_difference(few, Moments(100, 10.0, 5.0)).is_known is False
    assert proportion(0, 0).value is None


def test_intervals_of_means_cover_the_truth_as_often_as_they_say():
    draw = random.Random(7)
    covered = 0
    for _ in range(600):
        one = moments_of([draw.expovariate(1 / 3) for _ in range(200)])
        other = moments_of([draw.expovariate(1 / 2) for _ in range(150)])
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
            one += moments_of([draw.gauss(0, 1) for _ in range(50)])
            other += moments_of([draw.gauss(0, 1) for _ in range(50)])
            is_fixed |= mean_difference(one, other).excludes_zero
            is_sequence |= always_valid_mean_difference(one, other).excludes_zero
        fixed_alarms += is_fixed
        sequence_alarms += is_sequence

    assert fixed_alarms / 200 > 0.15
    assert sequence_alarms / 200 <= 0.05


def test_the_sequence_finds_a_real_difference():
    one, other = Moments(3000, 1500, 1500), Moments(3000, 1200, 1200)

    assert always_valid_mean_difference(one, other).low > 0
