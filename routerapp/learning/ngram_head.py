"""A linear head on all n-grams: one weight per bucket and model, shrunk by stopping early.

Conjugate gradients on the least-squares problem (CGLS; Hestenes and Stiefel, 1952), whose iterates go from strong to weak shrinkage
(Hansen, "Rank-deficient and discrete ill-posed problems", 1998, 6.3). All folds and the fit on everything run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.sparse import Table
from routerapp.learning.stacking import squared_error

Array = NDArray[np.float64]

ITERATIONS = 10
PULLS = (1.0, 4.0)


@dataclass(frozen=True, slots=True)
class NgramHead:
    """weights (r, m) of the kept buckets and offsets (m,); pull and iterations: which fitted best; predicted: (n, m) outside the folds."""

    weights: NDArray[np.float32]
    offsets: Array
    pull: float
    iterations: int
    predicted: Array


def fit_ngrams(table: Table, targets: Array, fold: NDArray[np.int64]) -> NgramHead:
    """Of targets (n, m), NaN where unknown. table: prompts × kept buckets. Without n-grams worth looking at, a head of zeros."""
    n, m = targets.shape
    known = ~np.isnan(targets)
    # Columns: every model without fold 0, without fold 1, …, and last without none.
    numbers = np.unique(fold)
    used = np.concatenate([known & (fold != number)[:, None] for number in numbers] + [known], axis=1).astype(
        np.float32
    )
    sizes = np.maximum(used.sum(axis=0), 1.0)
    wanted = np.tile(np.where(known, targets, 0.0), len(numbers) + 1).astype(np.float32)
    means = (wanted * used).sum(axis=0) / sizes
    nothing = np.zeros((n, m))
    best = NgramHead(np.zeros((table.width, m), np.float32), np.zeros(m), 0.0, 0, nothing)
    error = squared_error(nothing, targets)
    turned = table.transposed()
    for pull in PULLS if table.width else ():
        previous = float("inf")
        for iteration, (weights, reached) in enumerate(
            _iterates(table, turned, (wanted - means) * used, used, pull), start=1
        ):
            offsets = means - (reached * used).sum(axis=0) / sizes
            predicted = nothing.copy()
            for at, number in enumerate(numbers):
                columns = slice(at * m, (at + 1) * m)
                predicted[fold == number] = (reached[:, columns] + offsets[columns])[fold == number]
            now = squared_error(predicted, targets)
            if now < error:
                best, error = (
                    NgramHead(weights[:, -m:].copy(), offsets[-m:].astype(np.float64), pull, iteration, predicted),
                    now,
                )
            if now >= previous:
                break
            previous = now
    return best


def _iterates(
    table: Table, turned: Table, wanted: NDArray[np.float32], used: NDArray[np.float32], pull: float
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """(weights (r, k), table @ weights (n, k)) after each iteration; rows outside `used` are never looked at."""
    sizes = np.maximum(used.sum(axis=0), 1.0)
    weights = np.zeros((table.width, wanted.shape[1]), np.float32)
    reached = np.zeros(wanted.shape, np.float32)
    rest = wanted.copy()
    slope = turned.times(rest)
    direction = slope.copy()
    steep = (slope * slope).sum(axis=0)
    for _ in range(ITERATIONS):
        along = table.times(direction)
        centred = (along - (along * used).sum(axis=0) / sizes) * used
        step = steep / np.maximum((centred * centred).sum(axis=0) + pull * (direction * direction).sum(axis=0), 1e-12)
        weights += step * direction
        reached += step * along
        rest -= step * centred
        yield weights, reached
        slope = turned.times(rest) - np.float32(pull) * weights
        steeper = (slope * slope).sum(axis=0)
        direction = slope + (steeper / np.maximum(steep, 1e-12)) * direction
        steep = steeper
