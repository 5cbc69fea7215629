"""From predictions to choices to points: argmax(predicted quality − λ · predicted cost), measured on what the answers truly were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Floats

Choices = NDArray[np.int64]
EVEN_STEPS, DENSE_STEPS = 40, 140
MOST_PROMPTS = 2_000


@dataclass(frozen=True, slots=True)
class Curve:
    """L points of one router: λ (L,), its choices (L, n), mean cost in USD and mean quality of B draws, (B, L)."""

    preferences: Floats
    choices: Choices
    cost: Floats
    quality: Floats


def preferences(quality: Floats, cost_usd: Floats) -> Floats:
    """λ in quality per USD, rising, from cost hardly counting to nothing else counting; a single 0 where predicted costs are all alike.

    Dense where choices change: quantiles of the λ at which two models of a prompt are equally good; and even steps of log λ.
    """
    spread = cost_usd.max(axis=1) - cost_usd.min(axis=1)
    spread = spread[spread > 0]
    if not spread.size:
        return np.zeros(1)
    unit = 1 / float(np.median(spread))
    even = np.geomspace(1e-3, 1e2, EVEN_STEPS) * unit
    turns = _turning_points(quality, cost_usd)
    dense = np.quantile(turns, np.linspace(0, 1, DENSE_STEPS)) if turns.size else even
    return np.unique(np.concatenate([[1e-7 * unit], even, dense, [1e4 * unit, 1e9 * unit]]))


def _turning_points(quality: Floats, cost_usd: Floats) -> Floats:
    """Every λ > 0 at which a dearer and better model comes to be worth the same as another, over evenly taken prompts."""
    step = -(-len(quality) // MOST_PROMPTS)
    quality, cost_usd = quality[::step], cost_usd[::step]
    found = []
    for one in range(1, quality.shape[1]):
        better = quality[:, one, None] - quality[:, :one]
        dearer = cost_usd[:, one, None] - cost_usd[:, :one]
        is_real = better * dearer > 0
        found.append(better[is_real] / dearer[is_real])
    return np.concatenate(found) if found else np.zeros(0)


def choose(quality: Floats, cost_usd: Floats, wanted: Floats) -> Choices:
    """The position of the model chosen for each λ and prompt, (L, n). Equal utilities: the first model."""
    return np.stack([np.argmax(quality - one * cost_usd, axis=1) for one in wanted.tolist()])


def measure(wanted: Floats, choices: Choices, quality: Floats, cost_usd: Floats, weights: Floats) -> Curve:
    """Mean true quality and cost, (n, m) each, of what was chosen, under the weights (B, n) of a bootstrap."""
    rows = np.arange(len(quality))
    return Curve(wanted, choices, weights @ cost_usd[rows, choices].T, weights @ quality[rows, choices].T)
