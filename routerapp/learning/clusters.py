"""Prompts that lie near each other, and how far from all of them a prompt may lie before it counts as unfamiliar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 64
PROMPTS_EACH = 40
ROUNDS = 15


def find_centres(points: Array, seed: int) -> Array:
    """(c, d) centres by k-means: one per 40 points, 64 at most. Lloyd, 1982; an empty cluster keeps its centre."""
    count = int(np.clip(len(points) // PROMPTS_EACH, 1, MOST))
    generator = np.random.Generator(np.random.PCG64(seed))
    centres = points[np.sort(generator.choice(len(points), count, replace=False))].copy()
    for _ in range(ROUNDS):
        nearest = distances(points, centres).argmin(axis=1)
        chosen = np.zeros((count, len(points)))
        chosen[nearest, np.arange(len(points))] = 1.0
        sizes = chosen.sum(axis=1)
        filled = sizes > 0
        centres[filled] = (chosen @ points)[filled] / sizes[filled, None]
    return centres


def distances(points: Array, centres: Array) -> Array:
    """(n, c) squared distances."""
    squared = (points * points).sum(axis=1)[:, None] + (centres * centres).sum(axis=1) - 2.0 * points @ centres.T
    return np.asarray(np.maximum(squared, 0.0))


def means(values: Array, member: NDArray[np.int64], count: int, strength: float) -> Array:
    """(count, m): mean of values (n, m; NaN unknown) over the members of each class, as if `strength` more of them were 0."""
    out = np.zeros((count, values.shape[1]))
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column]) & (member >= 0)
        sums = np.bincount(member[known], weights=values[known, column], minlength=count)
        out[:, column] = sums / (np.bincount(member[known], minlength=count) + strength)
    return out


def familiarity_bounds(nearest: Array) -> tuple[float, float]:
    """(near, far) from the squared distances of training prompts to their nearest centre: familiar up to near, unknown from far on."""
    near, most = float(np.quantile(nearest, 0.9)), float(np.quantile(nearest, 0.999))
    return near, max(2.0 * most - near, near + 1e-6)
