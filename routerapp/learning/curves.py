"""From predictions to choices to points: argmax(predicted quality − λ · predicted cost), measured on what the answers truly were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Floats

Choices = NDArray[np.int64]
STEPS = 121


@dataclass(frozen=True, slots=True)
class Curve:
    """L points of one router: λ (L,), its choices (L, n), mean cost in USD and mean quality of B draws, (B, L)."""

    preferences: Floats
    choices: Choices
    cost: Floats
    quality: Floats


def preferences(cost_usd: Floats, steps: int = STEPS) -> Floats:
    """λ in quality per USD, from cost hardly counting to nothing else counting; a single 0 where all predicted costs are alike.

    Even steps of log λ, in units of one over the spread of predicted cost between a prompt's models.
    """
    spread = cost_usd.max(axis=1) - cost_usd.min(axis=1)
    spread = spread[spread > 0]
    if not spread.size:
        return np.zeros(1)
    return np.asarray(np.concatenate([[1e-7], np.geomspace(1e-3, 1e4, steps - 2), [1e9]]) / np.median(spread))


def choose(quality: Floats, cost_usd: Floats, wanted: Floats) -> Choices:
    """The position of the model chosen for each λ and prompt, (L, n). Equal utilities: the first model."""
    return np.stack([np.argmax(quality - one * cost_usd, axis=1) for one in wanted.tolist()])


def measure(wanted: Floats, choices: Choices, quality: Floats, cost_usd: Floats, weights: Floats) -> Curve:
    """Mean true quality and cost, (n, m) each, of what was chosen, under the weights (B, n) of a bootstrap."""
    rows = np.arange(len(quality))
    return Curve(wanted, choices, weights @ cost_usd[rows, choices].T, weights @ quality[rows, choices].T)
