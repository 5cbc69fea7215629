"""How much a few hundred graded prompts are worth: trained on some drawn at random, tested on all others."""

from __future__ import annotations

from typing import Any

import numpy as np

from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.routers import Fit


def mean_apgr(fit: Fit, outcomes: Outcomes, labels: int, draws: int) -> dict[str, Any]:
    """APGR after training on `labels` prompts drawn at random, tested on all others; over several draws."""
    values = []
    for seed in range(draws):
        generator = np.random.Generator(np.random.PCG64(1_000 + seed))
        order = generator.permutation(len(outcomes))
        train = outcomes.rows(order[:labels])
        seen = set(train.groups)
        rest = [row for row in np.sort(order[labels:]).tolist() if outcomes.groups[row] not in seen]
        report = evaluate(fit(train, seed), outcomes.rows(rest), draws=0)
        values.append({name: report.figures[name].value or 0.0 for name in ("apgr", "cpt50", "cpt80")})
    return {
        "labels": labels,
        "draws": draws,
        **{name: round(float(np.mean([one[name] for one in values])), 4) for name in ("apgr", "cpt50", "cpt80")},
        "apgr_sd": round(float(np.std([one["apgr"] for one in values], ddof=1)), 4) if draws > 1 else None,
        "apgr_each": [round(one["apgr"], 4) for one in values],
    }
