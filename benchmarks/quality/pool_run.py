"""One pool: every contestant trained on one part and measured on the other, ours beside each, and the verdict."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.quality.contestants import FITS, GATED, ORACLE, OURS, PREDICTS_NOTHING, SEES_MORE
from benchmarks.quality.data import BenchmarkData, divided
from benchmarks.quality.pools import Pool
from routerapp.learning.bootstrap import Figure
from routerapp.learning.evaluation import differences, drawn_figures, with_intervals
from routerapp.learning.grading import Graded, grade, predictions
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.reliability import error_by_chance
from routerapp.learning.routers import Router, guarded, means, oracle

Rows = dict[str, dict[str, Figure]]
Values = dict[str, dict[str, float | None]]
RIVALS = tuple(name for name in FITS if name not in (OURS, *SEES_MORE))


def run_pool(pool: Pool, data: BenchmarkData, splits: int, draws: int) -> dict[str, Any]:
    """{"name", "prompts", "rows": {contestant: figures}, "against": {rival: differences}, "splits", "verdict", …}, JSON-ready."""
    outcomes = data.of(pool)
    train, test = divided(outcomes)
    routers, seconds = _fitted(train)
    graded = grade(test, draws, 0)
    drawn = {
        name: drawn_figures(graded, predictions(router, graded.outcomes)) for name, router in _all(routers, graded)
    }
    rows = {name: with_intervals(_told(name, figures)) for name, figures in drawn.items()}
    against = {name: _plain(differences(drawn[OURS], drawn[name])) for name in RIVALS}
    further = [_split_figures(outcomes, split) for split in range(1, splits)]
    return {
        "name": pool.name,
        "models": list(pool.models),
        "trained_on": len(train),
        "prompts": len(graded.outcomes),
        "described": _described(graded),
        "ece_by_chance": _error_by_chance(routers[OURS], graded),
        "training_seconds": seconds,
        "rows": {name: _plain(figures) for name, figures in rows.items()},
        "against": against,
        "splits": _over_splits([_values(drawn), *further]),
        "verdict": verdict(rows, against, is_costed=graded.is_costed),
    }


def verdict(rows: Rows, against: dict[str, Any], *, is_costed: bool) -> dict[str, Any]:
    """Is ours the best of those that see only the prompt, by dAIQ (PerfGain where costs are unknown) or by APGR? If not, by whom and how far."""
    measure = "gain_over_zero" if is_costed else "perf_gain"
    found: dict[str, Any] = {"measures": [measure, "apgr"], "best_in": [], "behind": {}}
    for name in (measure, "apgr"):
        values = {rival: rows[rival][name].value or 0.0 for rival in (OURS, *RIVALS)}
        leader = max(values, key=lambda rival: (values[rival], rival == OURS))
        if leader == OURS:
            found["best_in"].append(name)
        else:
            found["behind"][name] = {"leader": leader, "difference": against[leader][name]}
    return found


def _fitted(train: Outcomes) -> tuple[dict[str, Router], dict[str, float]]:
    routers, seconds = {}, {}
    for name, fit in FITS.items():
        start = time.perf_counter()
        routers[name] = fit(train, 0)
        seconds[name] = round(time.perf_counter() - start, 2)
        if name == OURS:
            default = train.models[int(means(train.quality).argmax())]
            routers[GATED] = guarded(routers[OURS], default)
    return routers, seconds


def _all(routers: dict[str, Router], graded: Graded) -> list[tuple[str, Router]]:
    return [*routers.items(), (ORACLE, oracle(graded.outcomes))]


def _split_figures(outcomes: Outcomes, split: int) -> Values:
    train, test = divided(outcomes, split)
    routers, _ = _fitted(train)
    graded = grade(test, 0, 0)
    return _values(
        {name: drawn_figures(graded, predictions(router, graded.outcomes)) for name, router in _all(routers, graded)}
    )


def _values(drawn: dict[str, dict[str, Floats]]) -> Values:
    """The figures themselves."""
    return {
        name: {key: one.value for key, one in with_intervals(_told(name, figures)).items()}
        for name, figures in drawn.items()
    }


def _over_splits(runs: list[Values]) -> dict[str, Any]:
    """Mean and standard deviation of each figure over the splits; a figure that was missing once is left out."""
    if len(runs) < 2:
        return {}
    found: dict[str, Any] = {"number": len(runs), "rows": {}}
    for name, figures in runs[0].items():
        for key in figures:
            values = [run[name].get(key) for run in runs]
            known = [value for value in values if value is not None]
            if len(known) == len(values):
                mean, deviation = float(np.mean(known)), float(np.std(known, ddof=1))
                found["rows"].setdefault(name, {})[key] = {"mean": round(mean, 6), "sd": round(deviation, 6)}
    return found


def _described(graded: Graded) -> dict[str, Any]:
    quality, costs = graded.outcomes.quality.mean(axis=0), graded.costs.mean(axis=0)
    best = int(quality.argmax())
    return {
        "is_costed": graded.is_costed,
        "best_single": graded.outcomes.models[best],
        "best_single_quality": float(quality[best]),
        "best_single_usd_per_1k": float(1_000 * costs[best]) if graded.is_costed else None,
        "random_quality": float(quality.mean()),
        "oracle_quality": float(graded.outcomes.quality.max(axis=1).mean()),
        "strong": graded.pair.strong,
        "weak": graded.pair.weak,
    }


def _error_by_chance(router: Router, graded: Graded) -> float:
    quality, _ = predictions(router, graded.outcomes)
    return round(error_by_chance(quality, graded.outcomes.quality), 4)


def _told(name: str, figures: dict[str, Floats]) -> dict[str, Floats]:
    predicts = name not in (*PREDICTS_NOTHING, GATED)
    return {key: one for key, one in figures.items() if predicts or key != "ece"}


def _plain(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: one.as_json() for name, one in figures.items()}
