"""Off-policy evaluation: intervals hold the truth where it is known, and a log that cannot answer says why."""

from dataclasses import replace

import numpy as np
import pytest

from routerapp.learning.off_policy import (
    NO_ROWS,
    NO_SUPPORT,
    PROPENSITY_MISSING,
    TOO_FEW_EFFECTIVE,
    DecisionLog,
    Draws,
    compare,
    evaluate,
)

MODELS = 4
LEVELS = np.array([0.8, 0.7, 0.55, 0.4])


def _greedy(columns, share, models=MODELS):
    probability = np.full((len(columns), models), share / models)
    probability[np.arange(len(columns)), columns] += 1 - share
    return probability


def _world(rng, n):
    """Prompts with a chance of success per model, a logging policy that explores a tenth, a target that prefers the second model."""
    chance = np.clip(LEVELS + rng.normal(0, 0.15, (n, MODELS)), 0.02, 0.98)
    logging = _greedy(rng.integers(0, 2, n), 0.2)
    target = _greedy(np.where(chance[:, 1] > chance[:, 0], 1, 0), 0.0)
    return chance, logging, target


def _logged(rng, n):
    chance, logging, target = _world(rng, n)
    chosen = (rng.random(n)[:, None] < np.cumsum(logging, axis=1)).argmax(axis=1)
    reward = (rng.random(n) < chance[np.arange(n), chosen]).astype(float)
    predicted = np.clip(chance + rng.normal(0, 0.1, chance.shape) - 0.1, 0, 1)
    return DecisionLog(chosen, logging, reward, predicted), target


@pytest.fixture(scope="module")
def truth():
    chance, _, target = _world(np.random.Generator(np.random.PCG64(99)), 400_000)
    return float(np.sum(chance * target, axis=1).mean())


def test_intervals_cover_the_truth_as_often_as_they_say(truth):
    runs, hits = 120, {"ips": 0, "self_normalised": 0, "doubly_robust": 0}
    rng = np.random.Generator(np.random.PCG64(1))
    for run in range(runs):
        log, target = _logged(rng, 2_000)
        report = evaluate(log, target, Draws(count=300, seed=run), least_effective=0)
        for name in hits:
            hits[name] += truth in getattr(report, name)

    # 95 % of 120 runs, give or take three standard errors; the 500-run study over real outcomes is in the benchmarks.
    assert all(0.9 <= hit / runs <= 1.0 for hit in hits.values()), hits


def test_doubly_robust_is_right_though_its_model_is_wrong_by_a_tenth(truth):
    log, target = _logged(np.random.Generator(np.random.PCG64(3)), 20_000)
    report = evaluate(log, target, Draws(count=300))

    assert report.direct is not None and report.doubly_robust is not None
    assert report.direct.value < truth - 0.07
    assert abs(report.doubly_robust.value - truth) < 0.02
    assert report.doubly_robust.half_width < report.ips.half_width


def test_refuses_under_the_least_effective_size_and_still_shows_the_model_based_figure():
    log, target = _logged(np.random.Generator(np.random.PCG64(4)), 700)
    report = evaluate(log, target)

    assert report.refusal is not None and report.refusal.code == TOO_FEW_EFFECTIVE
    assert report.refusal.detail["effective"] < 500
    assert report.best is None and report.ips is None
    assert report.direct is not None and report.logged is not None


def test_refuses_where_the_target_acts_and_the_log_never_could():
    log, target = _logged(np.random.Generator(np.random.PCG64(5)), 4_000)
    probability = log.probability.copy()
    probability[log.chosen != 1, 1] = 0.0
    report = evaluate(replace(log, probability=probability), target)

    assert report.refusal is not None and report.refusal.code == NO_SUPPORT
    assert report.refusal.detail["share"] > 0.1


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_refuses_when_the_probability_of_a_choice_is_missing_or_zero(value):
    log, target = _logged(np.random.Generator(np.random.PCG64(6)), 4_000)
    probability = log.probability.copy()
    probability[7, log.chosen[7]] = value
    report = evaluate(replace(log, probability=probability), target)

    assert report.refusal is not None and report.refusal.code == PROPENSITY_MISSING
    assert report.refusal.detail["rows"] == 1


def test_refuses_a_log_without_rewards_and_leaves_out_single_rows_without():
    log, target = _logged(np.random.Generator(np.random.PCG64(7)), 4_000)
    nothing = evaluate(replace(log, reward=np.full(len(log), np.nan)), target)
    some = replace(log, reward=np.where(np.arange(len(log)) % 4 == 0, np.nan, log.reward))

    assert nothing.refusal is not None and nothing.refusal.code == NO_ROWS
    assert evaluate(some, target, Draws(count=100)).ungraded == 1_000


def test_weights_are_cut_and_the_report_says_how_many():
    log, target = _logged(np.random.Generator(np.random.PCG64(8)), 4_000)
    report = evaluate(log, target, Draws(count=100, clip=1.05))

    assert report.largest_weight > 1.05
    assert 0 < report.clipped < 1


def test_rows_of_one_unit_widen_the_interval():
    log, target = _logged(np.random.Generator(np.random.PCG64(9)), 4_000)
    four = {name: np.tile(getattr(log, name)[:1_000], (4, 1))[:4_000] for name in ("probability", "predicted")}
    repeated = DecisionLog(np.tile(log.chosen[:1_000], 4), four["probability"], np.tile(log.reward[:1_000], 4))
    wanted = np.tile(target[:1_000], (4, 1))
    by_row = evaluate(repeated, wanted, Draws(count=300), least_effective=0)
    by_unit = evaluate(
        replace(repeated, units=np.tile(np.arange(1_000), 4)), wanted, Draws(count=300), least_effective=0
    )

    assert by_unit.effective == pytest.approx(by_row.effective / 4)
    assert by_unit.best.half_width == pytest.approx(2 * by_row.best.half_width, rel=0.2)


def test_a_difference_is_sharper_than_the_two_values_it_is_of():
    log, target = _logged(np.random.Generator(np.random.PCG64(10)), 6_000)
    other = target.copy()
    other[:600] = log.probability[:600]
    difference, refusal = compare(log, target, other, Draws(count=300))

    assert refusal is None and difference is not None
    assert difference.half_width < evaluate(log, target, Draws(count=300)).doubly_robust.half_width / 2


def test_says_what_does_not_fit():
    log, target = _logged(np.random.Generator(np.random.PCG64(11)), 10)
    with pytest.raises(ValueError, match="add up to 1"):
        evaluate(log, target * 0.5)
    with pytest.raises(ValueError, match="the log is"):
        evaluate(log, target[:5])
    with pytest.raises(ValueError, match="outside"):
        DecisionLog(np.array([9]), np.ones((1, 2)) / 2, np.ones(1))


def test_same_seed_same_interval():
    log, target = _logged(np.random.Generator(np.random.PCG64(12)), 3_000)

    assert evaluate(log, target, Draws(seed=5)) == evaluate(log, target, Draws(seed=5))
