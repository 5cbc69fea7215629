"""What can be evaluated: anything that predicts quality and cost of each model for each prompt, before the call.

The simplest ones are here: always one model, a coin, and the oracle that sees the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from routerapp.engine.strategies.learned import MARGIN
from routerapp.learning.outcomes import Floats, Outcomes

# No regard for cost makes up for it.
FAR_ABOVE = 1e6
# Predicted quality and predicted cost in USD, (n, m) each, for the prompts and models of these outcomes.
Router = Callable[[Outcomes], tuple[Floats, Floats]]
# Makes a router from graded outcomes and a seed.
Fit = Callable[[Outcomes, int], Router]


def blinded(outcomes: Outcomes) -> Outcomes:
    """The same prompts without what is known only after the call: quality, cost and output tokens are NaN."""
    unknown = np.full_like(outcomes.quality, np.nan)
    return replace(outcomes, quality=unknown, cost_usd=unknown, output_tokens=unknown)


def means(values: Floats, missing: float = 0.0) -> Floats:
    """Mean of each column over what is known, (m,); `missing` for a column where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(values.shape[1], missing), where=count > 0))


def known_costs(costs: Floats) -> Floats:
    """Mean cost of each model, (m,); a model whose cost was never known counts as the dearest one."""
    found = means(costs, np.nan)
    return np.where(np.isnan(found), np.nanmax(found) if (~np.isnan(found)).any() else 0.0, found)


def constant(quality: Floats, cost_usd: Floats) -> Router:
    """The same prediction for every prompt; quality and cost_usd are (m,)."""

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        return np.tile(quality, (len(outcomes), 1)), np.tile(cost_usd, (len(outcomes), 1))

    return route


def fit_levels(outcomes: Outcomes, seed: int) -> Router:
    """Each model's mean over the graded prompts: never looks at the prompt. At no regard for cost it is the best single model."""
    return constant(means(outcomes.quality), known_costs(outcomes.cost_usd))


def fit_best_single(outcomes: Outcomes, seed: int) -> Router:
    """Always the model with the best mean quality."""
    best = np.zeros(len(outcomes.models))
    best[int(means(outcomes.quality).argmax())] = 1.0
    return constant(best, np.zeros(len(best)))


def fit_cheapest(outcomes: Outcomes, seed: int) -> Router:
    """Always the model with the least mean cost; the one with the least quality where no cost is known."""
    costs = outcomes.cost_usd if (~np.isnan(outcomes.cost_usd)).any() else outcomes.quality
    least = np.zeros(len(outcomes.models))
    least[int(known_costs(costs).argmin())] = 1.0
    return constant(least, np.zeros(len(least)))


def fit_random(outcomes: Outcomes, seed: int) -> Router:
    """A model by chance, each as likely, whatever the prompt."""

    def route(asked: Outcomes) -> tuple[Floats, Floats]:
        drawn = np.random.Generator(np.random.PCG64(seed)).random((len(asked), len(asked.models)))
        return drawn, np.zeros_like(drawn)

    return route


def oracle(outcomes: Outcomes) -> Router:
    """Sees what every answer was worth and cost: the bound that no router can pass. Only for the very prompts given here."""

    def route(asked: Outcomes) -> tuple[Floats, Floats]:
        if asked.prompt_ids != outcomes.prompt_ids or asked.models != outcomes.models:
            raise ValueError("An oracle answers only for the outcomes it was made from.")
        return outcomes.quality, np.nan_to_num(outcomes.cost_usd)

    return route


def recorded(prompt_ids: Sequence[str], quality: Floats, cost_usd: Floats) -> Router:
    """Predictions made earlier, row by row for these prompts. Raises ValueError for a prompt that has none."""
    place = {prompt_id: at for at, prompt_id in enumerate(prompt_ids)}

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        missing = [prompt_id for prompt_id in outcomes.prompt_ids if prompt_id not in place]
        if missing:
            raise ValueError(f"{len(missing)} prompts have no prediction; the first is {missing[0]!r}.")
        at = [place[prompt_id] for prompt_id in outcomes.prompt_ids]
        return quality[at], cost_usd[at]

    return route


def without(router: Router, model: str) -> Router:
    """The same router before this model was there: never chooses it."""

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        quality, cost_usd = router(outcomes)
        column = outcomes.models.index(model)
        quality, cost_usd = quality.copy(), cost_usd.copy()
        # Below every other and dearer than every other, so no regard for cost brings it back.
        quality[:, column] = quality.min() - 1.0
        cost_usd[:, column] = cost_usd.max()
        return quality, cost_usd

    return route


def guarded(
    router: Router,
    default: str,
    margin: float = MARGIN,
    certainty: Callable[[Outcomes], Floats] | None = None,
) -> Router:
    """The do-no-harm gate as the strategy `learned` has it: leaves the default model only where another's gain, times the prompt's
    certainty, is more than margin (0 to 1). certainty gives (n,), 0 to 1, 0: the default stays; None: 1 for all.

    What the gate holds back is dearer choices' promise, so the default gets the margin as a head start; cost is untouched.
    """

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        quality, cost_usd = router(outcomes)
        lifted, column = quality.copy(), outcomes.models.index(default)
        sure = np.ones(len(outcomes)) if certainty is None else certainty(outcomes)
        lifted[:, column] += np.where(sure > 0.0, margin / np.where(sure > 0.0, sure, 1.0), FAR_ABOVE)
        return lifted, cost_usd

    return route
