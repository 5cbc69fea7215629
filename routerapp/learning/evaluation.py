"""Evaluate a router on graded prompts it was not trained on: choices from predictions alone, figures from what truly came out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from routerapp.learning.bootstrap import Figure, cost_figure, figure, significant
from routerapp.learning.curves import Curve, choose, measure, preferences
from routerapp.learning.grading import DRAWS, Graded, Pair, grade, predictions
from routerapp.learning.metrics import Singles, figures_of_cost, figures_of_quality, hull_of_curve, singles_of
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.reliability import Reliability, reliability
from routerapp.learning.report import Bin, Point, Report, Single
from routerapp.learning.routers import Router
from routerapp.learning.strong_calls import gap_curve

MOST_POINTS = 60


def evaluate(
    router: Router, outcomes: Outcomes, *, draws: int = DRAWS, seed: int = 0, pair: Pair | None = None
) -> Report:
    """Everything that can be said of this router on these outcomes, with 95 % intervals from `draws` resamples of groups.

    The router sees the prompts without what came out. Raises ValueError where no prompt was answered by every model, or where the
    router's arrays have another shape or hold NaN.
    """
    graded = grade(outcomes, draws, seed, pair)
    predicted = predictions(router, graded.outcomes)
    curve, singles = measured(graded, *predicted)
    found = reliability(predicted[0], graded.outcomes.quality, graded.weights)
    return Report(
        prompts=len(graded.outcomes),
        groups=len(set(graded.outcomes.groups)),
        left_out=len(outcomes) - len(graded.outcomes),
        draws=draws,
        models=outcomes.models,
        strong=graded.pair.strong,
        weak=graded.pair.weak,
        singles=_singles(graded, singles),
        oracle_quality=figure(singles.oracle),
        random_quality=figure(singles.quality.mean(axis=1)),
        points=_points(graded, curve, singles),
        hull=_corners(hull_of_curve(curve, singles).corners()) if graded.is_costed else (),
        zero_hull=_corners(singles.hull().corners()) if graded.is_costed else (),
        figures=with_intervals(_figures(graded, predicted[0], curve, singles, found) | _of_oracle(graded, singles)),
        reliability=_bins(found),
        by_dataset=_by_dataset(graded, predicted, draws, seed),
    )


def differences(ours: Mapping[str, Floats], other: Mapping[str, Floats]) -> dict[str, Figure]:
    """By how much each figure of ours is above the other's, both drawn on the same Graded: a paired interval, far narrower than the two apart."""
    return with_intervals({name: ours[name] - other[name] for name in ours})


def drawn_figures(graded: Graded, predicted: tuple[Floats, Floats]) -> dict[str, Floats]:
    """Every figure of these predictions in every draw, (1 + draws,) each, the first being the figure itself."""
    curve, singles = measured(graded, *predicted)
    found = reliability(predicted[0], graded.outcomes.quality, graded.weights)
    return _figures(graded, predicted[0], curve, singles, found)


def with_intervals(figures: Mapping[str, Floats]) -> dict[str, Figure]:
    """Draws as figures with 95 % intervals."""
    return {name: figure(values) for name, values in figures.items()}


def measured(graded: Graded, quality: Floats, cost_usd: Floats) -> tuple[Curve, Singles]:
    """The curve of these predictions and the single models, under all draws."""
    wanted = preferences(quality, cost_usd) if graded.is_costed else np.zeros(1)
    choices = choose(quality, cost_usd, wanted)
    truth = graded.outcomes.quality
    curve = measure(wanted, choices, truth, graded.costs, graded.weights)
    return curve, singles_of(truth, graded.costs, graded.weights)


def _figures(graded: Graded, quality: Floats, curve: Curve, singles: Singles, found: Reliability) -> dict[str, Floats]:
    figures = figures_of_quality(curve, singles)
    if graded.is_costed:
        figures |= figures_of_cost(curve, singles)
    strong, weak = (graded.outcomes.models.index(name) for name in (graded.pair.strong, graded.pair.weak))
    truth = graded.outcomes.quality
    gap = gap_curve(quality[:, strong] - quality[:, weak], truth[:, strong], truth[:, weak], graded.weights)
    figures |= {"apgr": gap.area(), "cpt50": gap.share_needed(0.5), "cpt80": gap.share_needed(0.8)}
    return figures | {"ece": found.error()}


def _of_oracle(graded: Graded, singles: Singles) -> dict[str, Floats]:
    if not graded.is_costed:
        return {}
    truth = graded.outcomes.quality
    wanted = preferences(truth, graded.costs)
    curve = measure(wanted, choose(truth, graded.costs, wanted), truth, graded.costs, graded.weights)
    return {"oracle_aiq": singles.aiq(hull_of_curve(curve, singles))}


def _by_dataset(
    graded: Graded, predicted: tuple[Floats, Floats], draws: int, seed: int
) -> Mapping[str, Mapping[str, Figure]]:
    names = sorted(set(graded.outcomes.datasets))
    if len(names) < 2:
        return {}
    return {name: _one_dataset(graded, predicted, name, draws, seed) for name in names}


def _one_dataset(
    graded: Graded, predicted: tuple[Floats, Floats], name: str, draws: int, seed: int
) -> Mapping[str, Figure]:
    at = np.flatnonzero([one == name for one in graded.outcomes.datasets])
    part = grade(graded.outcomes.rows(at), draws, seed, graded.pair)
    return with_intervals(drawn_figures(part, (predicted[0][at], predicted[1][at])))


def _singles(graded: Graded, singles: Singles) -> tuple[Single, ...]:
    return tuple(
        Single(
            model,
            figure(singles.quality[:, at]),
            cost_figure(singles.cost[:, at]) if graded.is_costed else None,
        )
        for at, model in enumerate(graded.outcomes.models)
    )


def _points(graded: Graded, curve: Curve, singles: Singles) -> tuple[Point, ...]:
    """Settings whose choices differ, thinned to at most MOST_POINTS; those on the hull always stay."""
    corners = set(hull_of_curve(curve, singles).corners()) if graded.is_costed else set()
    on_hull = [
        (cost, quality) in corners
        for cost, quality in zip(curve.cost[0].tolist(), curve.quality[0].tolist(), strict=True)
    ]
    changed = np.append(True, (np.diff(curve.choices, axis=0) != 0).any(axis=1))
    settings = np.flatnonzero(changed).tolist()
    step = max(1, -(-len(settings) // MOST_POINTS))
    return tuple(
        _point(graded, curve, at, on_hull[at]) for place, at in enumerate(settings) if on_hull[at] or place % step == 0
    )


def _point(graded: Graded, curve: Curve, at: int, on_hull: bool) -> Point:
    shares = np.bincount(curve.choices[at], minlength=len(graded.outcomes.models)) / len(graded.outcomes)
    return Point(
        preference=float(curve.preferences[at]),
        quality=figure(curve.quality[:, at]),
        cost_usd=cost_figure(curve.cost[:, at]) if graded.is_costed else None,
        shares={
            model: round(share, 4)
            for model, share in zip(graded.outcomes.models, shares.tolist(), strict=True)
            if share > 0
        },
        on_hull=on_hull,
    )


def _corners(corners: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((significant(cost), round(quality, 6)) for cost, quality in corners)


def _bins(found: Reliability) -> tuple[Bin, ...]:
    bins = found.weight.shape[1]
    return tuple(
        Bin(
            round(at / bins, 4),
            round((at + 1) / bins, 4),
            round(float(found.weight[0, at]), 6),
            round(float(found.predicted[0, at]), 4),
            round(float(found.observed[0, at]), 4),
        )
        for at in range(bins)
        if found.weight[0, at] > 0
    )
