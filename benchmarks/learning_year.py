"""The simulated year on real outcomes: two pools, two kinds of trouble, several seeds; regret, recovery, and the default as a floor."""

from __future__ import annotations

import numpy as np

from benchmarks.learning_outcomes import answers
from routerapp.learning.recovery import DEFAULT_WINDOW, POLICIES, Account, account, inputs_found
from routerapp.learning.year import Plan, Year, simulate

PLANS = {
    "mmlu-pro, the default gets worse": ("mmlu-pro", Plan(new=0, usd=150.0)),
    "mmlu-pro, another gets worse": ("mmlu-pro", Plan(new=0, usd=150.0, worse=2)),
    "reasoning-gym, the default gets worse": ("reasoning-gym", Plan(new=2, usd=50.0, price=4.0)),
    "reasoning-gym, another gets worse": ("reasoning-gym", Plan(new=2, usd=50.0, price=4.0, worse=3)),
}
SHOWN = {
    "oracle": "best model of each prompt",
    "informed": "best model of each category, known beforehand",
    "router": "the router",
    "static": "predictor trained once",
    "best_single": "best single model of hindsight",
    "default": "the default",
}


def year(seeds: int) -> dict[str, str]:
    figures = {}
    for name, (pool, plan) in PLANS.items():
        data = answers(pool)
        years = [simulate(data.quality, data.cost_usd, data.category, plan, seed) for seed in range(seeds)]
        figures |= {f"{name}: {label}": value for label, value in _told(years, plan).items()}
    return figures


def _told(years: list[Year], plan: Plan) -> dict[str, str]:
    found = [account(one) for one in years]
    figures = {f"utility, regret: {SHOWN[name]}": _utility(found, name) for name in SHOWN if name in POLICIES}
    for mark in years[0].marks:
        figures[f"requests until recovered: {mark}"] = _spread([one.recovered[mark] for one in found])
    worst = min(one.worst_to_default for one in found)
    figures[f"router − default, worst {DEFAULT_WINDOW:,} requests of all"] = f"{worst:+.4f} (margin {plan.margin})"
    left_out = sum(one.hostile_left_out for one in years), sum(one.hostile_voters for one in years)
    figures["hostile voters left out"] = (
        f"{left_out[0]} of {left_out[1]}; honest: {sum(y.honest_left_out for y in years)}"
    )
    explored = float(np.mean([1 - one.probability.max(axis=1).mean() for one in years]))
    figures["explored"] = f"{100 * explored:.1f} % of requests"
    drifts = [inputs_found(one, 5_000, 500) for one in years]
    begin = years[0].marks["the mix drifts"]
    figures["requests until the drift of inputs is found"] = _spread(
        [one and 5_500 + 500 * one.to_place - begin for one in drifts]
    )
    figures["alarms on a model's success"] = _alarms(years, plan)
    return figures


def _utility(found: list[Account], name: str) -> str:
    mean = np.mean([one.mean[name] for one in found])
    regret = np.array([one.regret.get(name, 0.0) for one in found])
    error = regret.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else 0.0
    return f"{mean:.4f}, {regret.mean():.4f} ± {1.96 * error:.4f}"


def _spread(values: list[int | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "never"
    never = len(values) - len(known)
    return f"median {known[len(known) // 2]:,}, most {known[-1]:,}" + (f", {never} years never" if never else "")


def _alarms(years: list[Year], plan: Plan) -> str:
    true = false = 0
    for one in years:
        worse = one.default_model if plan.worse is None else plan.worse
        for day, finding in one.findings:
            is_true = finding.subject == str(worse) and day >= 365 * plan.worse_at
            true, false = true + is_true, false + (not is_true)
    return f"{true} right, {false} false in {len(years)} years"
