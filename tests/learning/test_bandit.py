"""The bandit's state: counts that fade, priors from a predictor, and no frozen draws."""

import numpy as np
import pytest

from routerapp.learning.bandit import MOST_ANSWERS, MOST_PRIOR_ANSWERS, Level, bandit_state
from routerapp.learning.evidence import DAY_MS, TASK, Piece, gather

NOW_MS = 20_000 * DAY_MS


def _labels(model, task, good, n, at_ms=NOW_MS):
    return [Piece(model, float(at < good), "label", at_ms, task=task) for at in range(n)]


def _mean(shape):
    return shape[0] / sum(shape)


def test_counts_per_task_and_over_all_of_them():
    state = bandit_state(gather([*_labels("a", "code", 30, 40), *_labels("a", "math", 5, 20)], TASK), NOW_MS, {})

    assert list(state) == ["*|a", "code|a", "math|a"]
    assert _mean(state["code|a"]) > 0.65 > _mean(state["*|a"]) > _mean(state["math|a"])
    assert sum(state["code|a"]) - 2 == pytest.approx(40, rel=0.1)


def test_a_predictors_level_is_the_prior_and_counts_as_its_spread_says():
    state = bandit_state(gather([], TASK), NOW_MS, {"code|a": Level(0.7, 0.1), "*|b": Level(0.5, 0.0)})

    # 0.7 · 0.3 / 0.01 − 1 = 20 answers.
    assert state["code|a"] == (15.0, 7.0)
    assert sum(state["*|b"]) == 2 + MOST_PRIOR_ANSWERS


def test_a_level_for_any_task_serves_a_task_without_one():
    state = bandit_state(gather(_labels("a", "code", 0, 10), TASK), NOW_MS, {"*|a": Level(0.9, 0.05)})

    assert 0.5 < _mean(state["code|a"]) < 0.9


def test_a_model_that_changed_is_found_out_in_spite_of_the_prior():
    state = bandit_state(gather(_labels("a", "code", 20, 200), TASK), NOW_MS, {"code|a": Level(0.9, 0.001)})

    assert _mean(state["code|a"]) < 0.4


def test_old_answers_fade_and_many_never_freeze_the_draws():
    recent = bandit_state(gather(_labels("a", "code", 2_000, 4_000), TASK), NOW_MS, {})
    old = bandit_state(gather(_labels("a", "code", 20, 40, NOW_MS - 120 * DAY_MS), TASK), NOW_MS, {})

    assert sum(recent["code|a"]) == pytest.approx(2 + MOST_ANSWERS, rel=1e-6)
    assert sum(old["code|a"]) - 2 == pytest.approx(10, rel=0.2)


def test_graded_prompts_before_the_start_beat_thousands_of_steps_from_nothing():
    """Three models, the difference is a tenth: Thompson draws with a prior of 300 graded prompts each against none, over 400 steps."""
    chance, rng = np.array([0.75, 0.65, 0.55]), np.random.Generator(np.random.PCG64(3))
    lost = {}
    for name in ("cold", "warm"):
        total = 0.0
        for _ in range(25):
            seen = rng.binomial(300, chance) / 300
            levels = {
                f"code|m{at}": Level(float(mean), float(np.sqrt(mean * (1 - mean) / 300)))
                for at, mean in enumerate(seen)
            }
            state = bandit_state(gather([], TASK), NOW_MS, levels if name == "warm" else {})
            shape = np.array([state.get(f"code|m{at}", (1.0, 1.0)) for at in range(3)])
            for _ in range(400):
                at = int(np.argmax(rng.beta(shape[:, 0], shape[:, 1])))
                shape[at, 0 if rng.random() < chance[at] else 1] += 1
                total += chance[0] - chance[at]
        lost[name] = total / 25

    assert lost["warm"] < lost["cold"] / 2, lost


def test_says_what_a_level_is():
    with pytest.raises(ValueError, match="0 to 1"):
        Level(1.4, 0.1)
