"""Our router as the benchmark trains it: the product's own training and predictor, with and without the do-no-harm gate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.predicted import predicted
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import PromptReading, Readings, read_prompt, together
from routerapp.learning.routers import Router, guarded, means
from routerapp.learning.training import train

_read: dict[str, PromptReading] = {}


def readings(prompts: Sequence[str]) -> Readings:
    """Each prompt is read once for all trainings of a run."""
    for prompt in prompts:
        if prompt not in _read:
            _read[prompt] = read_prompt(prompt)
    return together([_read[prompt] for prompt in prompts])


def vectors(prompts: Sequence[str]) -> Floats:
    """The same word vectors for the baselines, (n, 256)."""
    return np.asarray(readings(prompts).vectors, dtype=np.float64)


def fit_ours(outcomes: Outcomes, seed: int) -> Router:
    """The quality and cost that a predictor trained on these outcomes foresees."""
    return predicted(_trained(outcomes, seed), readings)


def fit_guarded(outcomes: Outcomes, seed: int) -> Router:
    """The same behind the gate of the `learned` strategy, the default being the best single model of these outcomes.

    The default is left only for a gain that, times the prompt's certainty, is above the margin.
    """
    predictor = _trained(outcomes, seed)
    default = int(means(outcomes.quality).argmax())

    def certainty(asked: Outcomes) -> Floats:
        return np.array([predictor.foresee(_read[prompt]).certainty for prompt in asked.prompts])

    return guarded(predicted(predictor, readings), outcomes.models[default], certainty=certainty)


def _trained(outcomes: Outcomes, seed: int) -> Predictor:
    return Predictor(train(outcomes, readings(outcomes.prompts), seed))
