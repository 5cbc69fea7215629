"""A predictor as a router that can be evaluated beside any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import Readings, read_prompts
from routerapp.learning.routers import Router


def predicted(predictor: Predictor, read: Callable[[Sequence[str]], Readings] = read_prompts) -> Router:
    """What the predictor expects of these models for these prompts. Raises KeyError for a model that it does not know.

    A model whose cost it does not know counts as dear as the dearest one for that prompt; where it knows no cost, only quality counts.
    """

    def route(outcomes: Outcomes) -> tuple[Floats, Floats]:
        if missing := [model for model in outcomes.models if model not in predictor.models]:
            raise KeyError(missing[0])
        columns = [predictor.models.index(model) for model in outcomes.models]
        quality, cost_usd = predictor.predict_many(read(outcomes.prompts))
        return quality[:, columns], _filled(cost_usd[:, columns])

    return route


def _filled(cost_usd: Floats) -> Floats:
    unknown = np.isnan(cost_usd)
    dearest = np.where(unknown, 0.0, cost_usd).max(axis=1, keepdims=True)
    return np.where(unknown, dearest, cost_usd)
