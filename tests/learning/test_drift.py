"""Drift: found soon, seldom imagined, and told as data."""

import numpy as np
import pytest

from routerapp.learning.drift import (
    expected_of_past,
    input_drift,
    moved_share,
    population_stability,
    success_drift,
    success_drifts,
)

SHARES = np.array([0.4, 0.3, 0.2, 0.1])
NAMES = ("chat", "code", "math", "other")


def _windows(rng, shares, number, size=300):
    return rng.multinomial(size, shares, number).astype(float)


def _answers(rng, mean, number):
    expected = np.clip(rng.normal(mean, 0.15, number), 0.02, 0.98)
    return (rng.random(number) < expected).astype(float), expected


def test_inputs_that_change_are_found_within_windows_and_dated():
    rng = np.random.Generator(np.random.PCG64(1))
    windows = np.vstack([_windows(rng, SHARES, 40), _windows(rng, np.array([0.2, 0.5, 0.2, 0.1]), 10)])
    found = input_drift(NAMES, 5_000 * SHARES, windows)

    assert found is not None and found.kind == "inputs"
    assert found.subject in {"chat", "code"} and found.from_place == 40 and found.to_place <= 42
    assert found.size > 0.1 and found.evidence >= found.needed


def test_inputs_that_stay_are_let_be_however_often_one_looks():
    alarms = 0
    for seed in range(40):
        rng = np.random.Generator(np.random.PCG64(seed))
        reference = rng.multinomial(5_000, SHARES).astype(float)
        alarms += input_drift(NAMES, reference, _windows(rng, SHARES, 100)) is not None

    # At most one in 1,000 windows on average: 4 in these 4,000, and the bound is not tight.
    assert alarms <= 4


def test_a_class_never_seen_before_is_drift():
    windows = np.tile([[80.0, 60.0, 40.0, 20.0, 60.0]], (3, 1))
    found = input_drift((*NAMES, "new"), np.append(5_000 * SHARES, 0), windows)

    assert found is not None and found.subject == "new"


def test_psi_is_none_without_change_and_large_with_much():
    assert population_stability(1_000 * SHARES, 500 * SHARES) < 0.001
    assert population_stability(1_000 * SHARES, 500 * SHARES[::-1]) > 0.25


def test_a_model_that_gets_worse_is_found_within_some_hundred_answers():
    delays = []
    for seed in range(20):
        rng = np.random.Generator(np.random.PCG64(seed))
        good, expected = _answers(rng, 0.7, 3_000)
        worse, _ = _answers(rng, 0.5, 2_000)
        success = np.append(good, worse)
        found = success_drift("a", success, np.append(expected, expected[:2_000]))
        assert found is not None and found.to_place >= 3_000
        assert found.size < -0.05
        delays.append(found.to_place - 3_000)

    assert np.median(delays) < 400


def test_a_model_that_stays_raises_no_alarm():
    found = 0
    for seed in range(40):
        success, expected = _answers(np.random.Generator(np.random.PCG64(seed)), 0.7, 5_000)
        found += success_drift("a", success, expected) is not None

    # At most one in 100,000 answers on average: 2 in these 200,000.
    assert found <= 2


def test_harder_prompts_are_no_change_of_the_model():
    rng = np.random.Generator(np.random.PCG64(5))
    easy, hard = _answers(rng, 0.8, 3_000), _answers(rng, 0.4, 3_000)
    success, expected = (np.append(one, other) for one, other in zip(easy, hard, strict=True))

    assert success_drift("a", success, expected) is None


def test_several_models_share_the_false_alarms():
    rng = np.random.Generator(np.random.PCG64(6))
    worse, expected = np.zeros(300), np.full(300, 0.7)
    found = success_drifts({"b": _answers(rng, 0.7, 300), "a": (worse, expected)})

    assert [one.subject for one in found] == ["a"]
    assert found[0].needed == 200_000 and (found[0].before, found[0].after) == (0.7, 0.0)


def test_says_what_does_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        input_drift(NAMES, SHARES, np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected"):
        success_drift("a", np.ones(3), np.ones(2))
    assert input_drift(NAMES, 100 * SHARES, np.zeros((0, 4))) is None
    assert success_drift("a", np.zeros(0), np.zeros(0)) is None


def test_the_moved_share_is_the_part_of_the_counts_that_lies_elsewhere():
    assert moved_share(np.array([10.0, 10.0]), np.array([200.0, 200.0])) == 0.0
    assert moved_share(np.array([10.0, 0.0]), np.array([0.0, 7.0])) == 1.0
    assert moved_share(np.array([50.0, 50.0]), np.array([70.0, 30.0])) == pytest.approx(0.2)


def test_a_model_is_held_against_its_own_past_task_by_task():
    success = np.array([1.0, 1.0, 0.0, 0.0] * 100)
    subject = np.array([0, 0, 1, 1] * 100)
    expected = expected_of_past(success, subject, np.arange(400) < 300)

    assert expected[0] > 0.85 and expected[2] < 0.05
    with pytest.raises(ValueError, match="Without a past"):
        expected_of_past(success, subject, np.zeros(400, dtype=bool))


def test_a_short_past_raises_few_alarms_and_a_clear_fall_is_found():
    found = []
    for now in (0.8, 0.5):
        alarms = 0
        for seed in range(60):
            rng = np.random.Generator(np.random.PCG64(seed))
            success = (rng.random(400) < np.where(np.arange(400) < 150, 0.8, now)).astype(float)
            is_past = np.arange(400) < 150
            expected = expected_of_past(success, np.zeros(400, dtype=np.int64), is_past)
            alarms += success_drift("m", success[~is_past], expected[~is_past]) is not None
        found.append(alarms)

    assert found[0] <= 1 and found[1] >= 45
