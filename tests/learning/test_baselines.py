"""Baselines learn what there is to learn, take unknown marks, and answer alike each time."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from routerapp.learning.baselines import fit_task_known, kmeans, knn, linear, lloyd, logistic, ridge
from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Floats
from routerapp.learning.routers import Fit
from tests.learning.graded import two_kinds

TRAINED, VECTORS = two_kinds(600, 1)


def vectors(prompts: Sequence[str]) -> Floats:
    return VECTORS[[int(prompt[1:]) for prompt in prompts]]


FITS: dict[str, Callable[[], Fit]] = {
    "knn": lambda: knn(vectors, 20),
    "kmeans": lambda: kmeans(vectors, 2),
    "linear": lambda: linear(vectors),
    "logistic": lambda: logistic(vectors),
    "task known": lambda: fit_task_known,
}


@pytest.mark.parametrize("name", sorted(FITS))
def test_finds_which_kind_of_prompt_suits_which_model(name: str) -> None:
    learned, kept = TRAINED.rows(range(400)), TRAINED.rows(range(400, 600))
    report = evaluate(FITS[name]()(learned, 0), kept, draws=0)

    # The best single model is right on about 70 %; the right one for each kind on 90 %.
    assert report.figures["perf_gain"].value > 0.15
    assert report.figures["gain_over_zero"].value > 0.05
    assert report.figures["ece"].value < 0.1


@pytest.mark.parametrize("name", sorted(FITS))
def test_takes_unknown_marks_and_costs_and_answers_alike_each_time(name: str) -> None:
    learned = TRAINED.rows(range(400))
    learned.quality[5, 1] = np.nan
    learned.cost_usd[:, 2] = np.nan
    asked = TRAINED.rows(range(400, 450))
    quality, cost_usd = FITS[name]()(learned, 0)(asked)
    again, _ = FITS[name]()(learned, 0)(asked)

    assert np.isfinite(quality).all() and np.isfinite(cost_usd).all()
    assert (quality == again).all()


def test_ridge_finds_the_weights_that_made_the_numbers() -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    x = generator.normal(size=(500, 4))
    true = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0], [-0.5, 0.0]])

    assert ridge(x, x @ true + generator.normal(0, 0.05, (500, 2))) == pytest.approx(true, abs=0.02)


def test_lloyd_tells_two_clouds_apart_and_takes_fewer_points_than_wanted() -> None:
    points = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0]])
    centres, member = lloyd(points, 2, 0)

    assert sorted(centres[:, 0].tolist()) == pytest.approx([0.05, 5.05])
    assert member[0] == member[1] != member[2] == member[3]
    assert len(lloyd(np.ones((3, 2)), 2, 0)[0]) == 2
