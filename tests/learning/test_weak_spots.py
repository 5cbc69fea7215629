"""Weak spots are where a router's choices are worth less than always asking the best single model."""

import numpy as np

from routerapp.learning.routers import constant
from routerapp.learning.weak_spots import labels_of, spots
from tests.learning.graded import graded, two_kinds


def test_the_label_a_router_loses_on_comes_first_with_its_interval():
    outcomes, _ = two_kinds(400, 1)
    best = int(outcomes.quality.mean(axis=0).argmax())
    other = constant(np.eye(3)[1 - best], np.zeros(3))

    worst, better = spots(other, outcomes)

    assert (worst.label, better.label) == (("0", "1") if best == 0 else ("1", "0"))
    assert worst.gain.high < 0 < better.gain.low
    assert worst.prompts + better.prompts == 400


def test_labels_with_few_prompts_and_prompts_without_all_answers_are_left_out():
    quality = np.ones((30, 2))
    quality[:5, 1] = np.nan
    outcomes = graded(quality, categories=["many"] * 27 + ["few"] * 3)

    assert [(spot.label, spot.prompts) for spot in spots(constant(np.ones(2), np.zeros(2)), outcomes)] == [("many", 22)]


def test_labels_are_of_the_finest_kind_that_tells_prompts_apart():
    assert set(labels_of(graded([[1.0]] * 2, categories=["a", "b"]))) == {"a", "b"}
    assert set(labels_of(graded([[1.0]] * 2, datasets=["x", "y"]))) == {"x", "y"}
