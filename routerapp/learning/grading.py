"""What a router is judged by: prompts that every model of the pool answered, and what it predicted for them without seeing the answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.bootstrap import group_weights
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.routers import Router, blinded

DRAWS = 500


@dataclass(frozen=True, slots=True)
class Pair:
    """The models that APGR and CPT compare."""

    strong: str
    weak: str


@dataclass(frozen=True, slots=True)
class Graded:
    """Prompts that every model answered; weights (1 + draws, n). Where a cost is unknown, is_costed is false and costs are 0."""

    outcomes: Outcomes
    costs: Floats
    is_costed: bool
    weights: Floats
    pair: Pair


def grade(outcomes: Outcomes, draws: int, seed: int, pair: Pair | None = None) -> Graded:
    """The prompts to judge by, with the weights of the bootstrap. Raises ValueError where there are none."""
    kept = outcomes.rows(np.flatnonzero(~np.isnan(outcomes.quality).any(axis=1)))
    if not len(kept):
        raise ValueError(
            f"No prompt was answered by all {len(outcomes.models)} models of the pool; choose models that share prompts."
        )
    is_costed = not bool(np.isnan(kept.cost_usd).any()) and bool(np.ptp(kept.cost_usd.mean(axis=0)) > 0)
    costs = kept.cost_usd if is_costed else np.zeros_like(kept.quality)
    weights = group_weights(kept.groups, draws, seed)
    return Graded(kept, costs, is_costed, weights, pair or _pair(kept))


def predictions(router: Router, outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Predicted quality, rounded to four digits as in every decision, and predicted cost. Raises ValueError for a wrong shape or NaN."""
    quality, cost_usd = router(blinded(outcomes))
    for name, values in (("quality", quality), ("cost", cost_usd)):
        if values.shape != outcomes.quality.shape:
            raise ValueError(
                f"The predicted {name} is {values.shape}; {outcomes.quality.shape} (prompts, models) is needed."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"The predicted {name} has values that are no numbers.")
    return np.round(quality, 4), cost_usd


def _pair(outcomes: Outcomes) -> Pair:
    """The best single model and the least good one: the widest gap, so that a share of it means something."""
    quality = outcomes.quality.mean(axis=0)
    return Pair(outcomes.models[int(quality.argmax())], outcomes.models[int(quality.argmin())])
