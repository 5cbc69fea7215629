"""Prompts of a kind never seen in training: each category left out in turn. The gate must keep the router from doing harm there."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.data import without_groups_of
from benchmarks.quality.ours import fit_guarded
from routerapp.learning.bootstrap import figure, group_weights
from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.routers import blinded, means, recorded

MOST_FOLDS = 7


def left_out(outcomes: Outcomes, draws: int, most_folds: int = MOST_FOLDS) -> dict[str, Any]:
    """PerfGain of ours with its gate, all categories together and each by itself; {} where there is only one category.

    "perf_gain": best point against the best single model in hindsight. "of_default", "categories": with no regard for cost, against the
    default model, which is the best one of the other categories and what the gate falls back to: the harm that routing itself does.
    """
    answered = outcomes.rows(np.flatnonzero(~np.isnan(outcomes.quality).any(axis=1)))
    folds = _folds(answered, most_folds)
    if len(folds) < 2:
        return {}
    quality, cost_usd = np.zeros_like(answered.quality), np.zeros_like(answered.quality)
    defaults = np.zeros(len(answered), dtype=np.int64)
    for number, rows in enumerate(folds):
        tested = answered.rows(rows)
        others = without_groups_of(answered.rows(np.setdiff1d(np.arange(len(answered)), rows)), tested)
        quality[rows], cost_usd[rows] = fit_guarded(others, number)(blinded(tested))
        defaults[rows] = int(means(others.quality).argmax())
    report = evaluate(recorded(answered.prompt_ids, quality, cost_usd), answered, draws=draws)
    chosen = answered.quality[np.arange(len(answered)), np.round(quality, 4).argmax(axis=1)]
    of_default = answered.quality[np.arange(len(answered)), defaults]
    return {
        "folds": len(folds),
        "perf_gain": report.figures["perf_gain"].as_json(),
        "gain_over_zero": report.figures["gain_over_zero"].as_json() if report.is_costed else None,
        "default_against_best": round(float(of_default.mean() / answered.quality.mean(axis=0).max() - 1), 6),
        "of_default": _gain(answered, chosen, of_default, draws),
        "categories": _by_category(answered, chosen, of_default, draws),
    }


def _folds(outcomes: Outcomes, most: int) -> list[np.ndarray]:
    """Rows of each fold: whole categories, several to a fold where there are more than `most`."""
    names = sorted(set(outcomes.categories))
    fold_of = {name: at % most for at, name in enumerate(names)}
    member = np.array([fold_of[name] for name in outcomes.categories])
    return [np.flatnonzero(member == fold) for fold in range(min(most, len(names)))]


def _by_category(outcomes: Outcomes, chosen: Floats, of_default: Floats, draws: int) -> dict[str, Any]:
    found = {}
    for name in sorted(set(outcomes.categories)):
        rows = np.flatnonzero([one == name for one in outcomes.categories])
        gain = _gain(outcomes.rows(rows), chosen[rows], of_default[rows], draws)
        found[name] = {"prompts": len(rows), **gain}
    return found


def _gain(outcomes: Outcomes, chosen: Floats, of_default: Floats, draws: int) -> dict[str, float | None]:
    """Mean quality of what was chosen against the default model's, relative."""
    weights = group_weights(outcomes.groups, draws, 0)
    base = weights @ of_default
    return figure(np.divide(weights @ chosen - base, base, out=np.zeros_like(base), where=base > 0)).as_json()
