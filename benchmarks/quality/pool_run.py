"""One pool: every contestant trained on one part and measured on the other, ours beside each, and the verdict."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.quality.contestants import FITS, GATED, ORACLE, OURS, PREDICTS_NOTHING, SEES_MORE
from benchmarks.quality.data import BenchmarkData, divided
from benchmarks.quality.ours import MARGIN
from benchmarks.quality.pools import Pool
from routerapp.learning.evaluation import differences, evaluate
from routerapp.learning.grading import grade, predictions
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.reliability import error_by_chance
from routerapp.learning.report import Report
from routerapp.learning.routers import Router, guarded, means, oracle

RIVALS = tuple(name for name in FITS if name not in (OURS, *SEES_MORE))


def run_pool(pool: Pool, data: BenchmarkData, splits: int, draws: int) -> dict[str, Any]:
    """{"name", "prompts", "rows": {contestant: figures}, "against": {rival: differences}, "splits", "verdict", …}, JSON-ready."""
    outcomes = data.of(pool)
    train, test = divided(outcomes)
    routers, seconds = _fitted(train)
    reports = {name: evaluate(router, test, draws=draws) for name, router in _all(routers, test).items()}
    graded = grade(test, draws, 0)
    against = {name: _plain(differences(routers[OURS], routers[name], graded)) for name in RIVALS}
    further = [_split_figures(outcomes, split) for split in range(1, splits)]
    return {
        "name": pool.name,
        "models": list(pool.models),
        "trained_on": len(train),
        "prompts": len(test),
        "described": _described(reports[OURS]),
        "ece_by_chance": round(
            error_by_chance(predictions(routers[OURS], graded.outcomes)[0], graded.outcomes.quality), 4
        ),
        "training_seconds": seconds,
        "rows": {name: _row(name, report) for name, report in reports.items()},
        "against": against,
        "splits": _over_splits([_values(reports), *further]),
        "verdict": verdict(reports, against),
    }


def verdict(reports: dict[str, Report], against: dict[str, Any]) -> dict[str, Any]:
    """Is ours the best of those that see only the prompt, by dAIQ (PerfGain where costs are unknown) or by APGR? If not, by whom and how far."""
    measure = "gain_over_zero" if reports[OURS].is_costed else "perf_gain"
    found: dict[str, Any] = {"measures": [measure, "apgr"], "best_in": [], "behind": {}}
    for name in (measure, "apgr"):
        values = {
            rival: reports[rival].figures[name].value or 0.0
            for rival in (OURS, *(rival for rival in RIVALS if rival in reports))
        }
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
            routers[GATED] = guarded(routers[OURS], default, MARGIN)
    return routers, seconds


def _all(routers: dict[str, Router], test: Outcomes) -> dict[str, Router]:
    answered = test.rows(np.flatnonzero(~np.isnan(test.quality).any(axis=1)))
    return {**routers, ORACLE: oracle(answered)}


def _split_figures(outcomes: Outcomes, split: int) -> dict[str, dict[str, float | None]]:
    train, test = divided(outcomes, split)
    routers, _ = _fitted(train)
    return _values({name: evaluate(router, test, draws=0) for name, router in _all(routers, test).items()})


def _values(reports: dict[str, Report]) -> dict[str, dict[str, float | None]]:
    return {name: {key: one.value for key, one in report.figures.items()} for name, report in reports.items()}


def _over_splits(runs: list[dict[str, dict[str, float | None]]]) -> dict[str, Any]:
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


def _described(report: Report) -> dict[str, Any]:
    singles = sorted(report.singles, key=lambda one: -(one.quality.value or 0.0))
    return {
        "is_costed": report.is_costed,
        "best_single": singles[0].model,
        "best_single_quality": singles[0].quality.value,
        "best_single_usd_per_1k": 1_000 * (singles[0].cost_usd.value or 0.0) if singles[0].cost_usd else None,
        "random_quality": report.random_quality.value,
        "oracle_quality": report.oracle_quality.value,
        "strong": report.strong,
        "weak": report.weak,
    }


def _row(name: str, report: Report) -> dict[str, Any]:
    figures = _plain(report.figures)
    return {key: one for key, one in figures.items() if not (key == "ece" and name in (*PREDICTS_NOTHING, GATED))}


def _plain(figures: Any) -> dict[str, Any]:
    return {name: one.as_json() for name, one in figures.items()}
