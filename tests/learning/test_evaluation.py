"""A router's report: figures worked out by hand on toy outcomes, intervals that hold the truth, and refusals."""

import json

import numpy as np
import pytest

from routerapp.learning.bootstrap import figure, group_weights
from routerapp.learning.evaluation import differences, drawn_figures, evaluate
from routerapp.learning.grading import grade, predictions
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.reliability import error_by_chance, reliability
from routerapp.learning.routers import (
    Router,
    constant,
    fit_best_single,
    fit_cheapest,
    fit_levels,
    fit_random,
    guarded,
    oracle,
)
from tests.learning.graded import graded, two_kinds

# a: cheap, right on half of the prompts; b: dear, right on three of four, wrong on p1 where a is right.
TOY = graded([[1, 1], [1, 0], [0, 1], [0, 1]], [[1, 3]] * 4)


def predicting(quality: list[list[float]]) -> Router:
    marks = np.array(quality, dtype=np.float64)

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        return marks, np.tile([1.0, 3.0], (len(marks), 1))

    return route


def test_the_zero_router_is_the_hull_of_the_single_models() -> None:
    report = evaluate(constant(np.array([0.5, 0.75]), np.array([1.0, 3.0])), TOY, draws=0)

    assert report.zero_hull == ((1.0, 0.5), (3.0, 0.75))
    assert report.figures["aiq"].value == pytest.approx(0.625)
    assert report.figures["gain_over_zero"].value == pytest.approx(0.0)
    assert report.figures["perf_gain"].value == pytest.approx(0.0)
    assert report.figures["cost_save"].value == pytest.approx(0.0)


def test_knowing_each_answer_gives_the_oracle_s_figures() -> None:
    report = evaluate(oracle(TOY), TOY, draws=0)

    # Dear only for p2 and p3: all four right for (1 + 1 + 3 + 3) / 4 = 2. From (1, .5) the line reaches .75 at 1.5, half of 3 saved.
    assert report.hull == ((1.0, 0.5), (2.0, 1.0))
    assert report.figures["aiq"].value == pytest.approx((0.75 + 1.0) / 2)
    assert report.figures["oracle_aiq"].value == report.figures["aiq"].value
    assert report.figures["gain_over_zero"].value == pytest.approx(0.25)
    assert report.figures["perf_gain"].value == pytest.approx(1 / 3)
    assert report.figures["cost_save"].value == pytest.approx(0.5)
    assert report.figures["cost_save_99"].value == pytest.approx(1 - 1.485 / 3)
    assert report.figures["oracle_gap_closed"].value == pytest.approx(1.0)
    assert report.figures["ece"].value == pytest.approx(0.0)


def test_a_router_that_is_never_as_good_as_the_best_single_model_saves_nothing() -> None:
    report = evaluate(predicting([[1, 0]] * 4), TOY, draws=0)

    assert report.figures["cost_save"].value is None
    assert report.figures["perf_gain"].value == pytest.approx(-1 / 3)
    assert report.figures["oracle_gap_closed"].value == pytest.approx(-1.0)


def test_chance_stands_below_the_zero_router_and_recovers_half_of_the_gap() -> None:
    outcomes, _ = two_kinds(4_000, 3)
    report = evaluate(fit_random(outcomes, 5), outcomes, draws=0)

    # A third each: cost .00433, quality .58 (a .7, b .65, c .3); the zero router has .665 there.
    assert report.figures["best_quality"].value == pytest.approx(0.55, abs=0.02)
    assert report.figures["apgr"].value == pytest.approx(0.5, abs=0.05)
    assert report.figures["gain_over_zero"].value < -0.05


def test_fixed_choices_are_points_of_the_single_models() -> None:
    outcomes, _ = two_kinds(500, 4)
    best, cheapest = (evaluate(fit(outcomes, 0), outcomes, draws=0) for fit in (fit_best_single, fit_cheapest))

    assert [point.shares for point in best.points] == [{"a": 1.0}]
    assert [point.shares for point in cheapest.points] == [{"c": 1.0}]


def test_levels_alone_reach_the_zero_router_s_corners() -> None:
    outcomes, _ = two_kinds(2_000, 5)
    report = evaluate(fit_levels(outcomes, 0), outcomes, draws=0)

    assert report.figures["gain_over_zero"].value == pytest.approx(0.0, abs=1e-9)
    assert report.hull == report.zero_hull


def test_the_calibration_error_is_the_weighted_distance_of_promise_and_outcome() -> None:
    report = evaluate(predicting([[0.9, 0.9], [0.9, 0.9], [0.1, 0.9], [0.1, 0.9]]), TOY, draws=0)

    # Bin of .1: 2 of 8 pairs, true 0. Bin of .9: 6 of 8 pairs, true 5/6.
    assert report.figures["ece"].value == pytest.approx(2 / 8 * 0.1 + 6 / 8 * (0.9 - 5 / 6), abs=1e-6)
    assert [(one.share, one.predicted, one.observed) for one in report.reliability] == [
        (0.25, 0.1, 0.0),
        (0.75, 0.9, 0.8333),
    ]


def test_perfect_predictions_show_the_error_that_chance_makes() -> None:
    generator = np.random.Generator(np.random.PCG64(4))
    predicted = generator.random((300, 1))
    errors = []
    for _ in range(200):
        marks = (generator.random((300, 1)) < predicted).astype(np.float64)
        errors.append(reliability(predicted, marks, np.full((1, 300), 1 / 300)).error()[0])

    assert error_by_chance(predicted, marks) == pytest.approx(np.mean(errors), rel=0.1)


def test_without_costs_only_quality_is_reported() -> None:
    outcomes = graded([[1, 0], [0, 1], [1, 0]])
    report = evaluate(constant(np.array([0.6, 0.4]), np.zeros(2)), outcomes, draws=20)

    assert not report.is_costed
    assert {"perf_gain", "oracle_gap_closed", "apgr", "ece"} <= report.figures.keys()
    assert not {"aiq", "gain_over_zero", "cost_save"} & report.figures.keys()
    assert report.singles[0].cost_usd is None


def test_the_router_never_sees_what_came_out() -> None:
    seen: list[Outcomes] = []

    def curious(outcomes: Outcomes) -> tuple[Floats, Floats]:
        seen.append(outcomes)
        return np.zeros_like(outcomes.quality), np.ones_like(outcomes.quality)

    evaluate(curious, TOY, draws=0)

    assert (
        np.isnan(seen[0].quality).all() and np.isnan(seen[0].cost_usd).all() and np.isnan(seen[0].output_tokens).all()
    )


def test_prompts_that_not_every_model_answered_are_left_out_and_counted() -> None:
    report = evaluate(
        constant(np.array([0.5, 0.5]), np.array([1.0, 2.0])),
        graded([[1, 0], [np.nan, 1], [0, 1]], [[1, 2]] * 3),
        draws=0,
    )

    assert (report.prompts, report.left_out) == (2, 1)


def test_the_gate_keeps_the_default_until_another_is_better_by_the_margin() -> None:
    router = predicting([[0.52, 0.5], [0.7, 0.5], [0.4, 0.5], [0.5, 0.5]])

    quality, _ = guarded(router, "b", 0.05)(TOY)

    assert quality.argmax(axis=1).tolist() == [1, 0, 1, 1]


def test_the_difference_of_two_routers_is_of_the_same_draws() -> None:
    outcomes, _ = two_kinds(400, 8)
    found = grade(outcomes, 200, 0)
    one, two, best = (
        drawn_figures(found, predictions(router, found.outcomes))
        for router in (fit_levels(outcomes, 0), fit_levels(outcomes, 1), oracle(outcomes))
    )
    same, better = differences(one, two), differences(best, one)

    assert (same["gain_over_zero"].low, same["gain_over_zero"].high) == (0.0, 0.0)
    assert better["perf_gain"].low > 0


def test_each_data_set_has_its_own_figures() -> None:
    outcomes = graded([[1, 1], [1, 0], [0, 1], [0, 1]], [[1, 3]] * 4, datasets=["x", "x", "y", "y"])
    report = evaluate(constant(np.array([0.5, 0.75]), np.array([1.0, 3.0])), outcomes, draws=0)

    # In x, the cheap model is the best one; in y, the dear one is always right.
    assert report.by_dataset["x"]["best_quality"].value == pytest.approx(1.0)
    assert report.by_dataset["y"]["best_quality"].value == pytest.approx(1.0)
    assert report.by_dataset["x"]["cost_save"].value == pytest.approx(0.0)


def test_a_bootstrap_draws_whole_groups() -> None:
    weights = group_weights(["g", "g", "h", "i"], 200, 0)

    assert weights.shape == (201, 4)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert weights[0].tolist() == [0.25] * 4


def test_intervals_hold_the_true_gain_about_as_often_as_they_say() -> None:
    """Quality of one fixed model over 200 prompts of 100 groups, 300 times; 95 % are promised."""
    generator = np.random.Generator(np.random.PCG64(11))
    groups = [str(at // 2) for at in range(200)]
    hits = 0
    for run in range(300):
        shared = np.repeat(generator.random(100) < 0.5, 2)
        marks = np.where(shared, generator.random(200) < 0.9, generator.random(200) < 0.4)
        found = figure(group_weights(groups, 300, run) @ marks.astype(np.float64))
        hits += found.low <= 0.65 <= found.high

    assert 0.92 <= hits / 300 <= 0.98


def test_an_interval_has_no_lower_end_where_some_draws_have_no_figure() -> None:
    found = figure(np.array([0.3, np.nan, *np.linspace(0.1, 0.5, 18)]))

    assert found.low is None and found.high is not None


def test_the_same_seed_gives_the_same_report_as_plain_json() -> None:
    outcomes, _ = two_kinds(300, 6)
    router = fit_levels(outcomes, 0)

    first, again = (json.dumps(evaluate(router, outcomes, draws=50, seed=9).as_json()) for _ in range(2))

    assert first == again
    assert "NaN" not in first and "Infinity" not in first


def test_refuses_predictions_of_another_shape_and_such_that_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="prompts, models"):
        evaluate(lambda _: (np.zeros((4, 3)), np.zeros((4, 3))), TOY, draws=0)
    with pytest.raises(ValueError, match="no numbers"):
        evaluate(lambda _: (np.full((4, 2), np.nan), np.zeros((4, 2))), TOY, draws=0)
    with pytest.raises(ValueError, match="No prompt was answered by all 2 models"):
        evaluate(fit_levels(TOY, 0), graded([[np.nan, 1], [1, np.nan]]), draws=0)
    with pytest.raises(ValueError, match="oracle"):
        oracle(TOY)(graded([[1, 1]]))
