"""A model joins a pool whose others are graded in full: what 50 of its own marks bring of what all of them would."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.routers import Fit, Router, without

LABELS = 50


def new_model(fit: Fit, train: Outcomes, test: Outcomes, models: int, draws: int) -> dict[str, Any]:
    """Gains of full and of few marks, means over the models that join in turn and over draws of the few prompts.

    Two readings: gain over the zero router of the whole pool (dAIQ; PerfGain where costs are unknown), and gain over the same router
    before the model joined (AIQ, best quality).
    """
    full = fit(train, 0)
    costed = evaluate(full, test, draws=0).is_costed
    over_zero, over_before = ("gain_over_zero", "aiq") if costed else ("perf_gain", "best_quality")
    rows = []
    for model in joining(train, models):
        before = _value(without(full, model), test, over_before)
        reached = [fit(with_few(train, model, LABELS, seed), seed) for seed in range(draws)]
        rows.append(
            {
                "model": model,
                "full": _value(full, test, over_zero),
                "few": float(np.mean([_value(router, test, over_zero) for router in reached])),
                "full_over_before": _value(full, test, over_before) - before,
                "few_over_before": float(np.mean([_value(router, test, over_before) for router in reached])) - before,
            }
        )
    return {
        "measure": over_zero,
        "models": rows,
        **{key: round(float(np.mean([row[key] for row in rows])), 5) for key in rows[0] if key != "model"},
    }


def joining(outcomes: Outcomes, most: int) -> list[str]:
    """Models of all ranks by quality, the best one first."""
    order = np.argsort(-np.nanmean(outcomes.quality, axis=0), kind="stable")
    ranks = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    return [outcomes.models[order[rank]] for rank in ranks.tolist()]


def with_few(outcomes: Outcomes, model: str, labels: int, seed: int) -> Outcomes:
    """All marks, costs and tokens of this model unknown, but for `labels` prompts drawn at random."""
    column = outcomes.models.index(model)
    generator = np.random.Generator(np.random.PCG64(7_000 + seed))
    graded = np.flatnonzero(~np.isnan(outcomes.quality[:, column]))
    kept = generator.choice(graded, size=min(labels, len(graded)), replace=False)
    hidden = np.setdiff1d(np.arange(len(outcomes)), kept)
    columns = {}
    for name in ("quality", "cost_usd", "output_tokens"):
        values = getattr(outcomes, name).copy()
        values[hidden, column] = np.nan
        columns[name] = values
    return replace(outcomes, **columns)


def _value(router: Router, test: Outcomes, figure: str) -> float:
    return evaluate(router, test, draws=0).figures[figure].value or 0.0
