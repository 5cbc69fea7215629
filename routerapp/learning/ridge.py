"""Ridge regression along a path of strengths, many targets at once, each with its own missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STRENGTHS = (30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)


@dataclass(frozen=True, slots=True)
class Linear:
    """weights (d, k) and offsets (k,)."""

    weights: Array
    offsets: Array

    def of(self, features: Array) -> Array:
        """(n, k)."""
        return np.asarray(features @ self.weights + self.offsets, dtype=np.float64)


def fit_path(features: Array, targets: Array, strengths: Sequence[float] = STRENGTHS) -> list[Linear]:
    """One fit per strength of targets (n, k), NaN where unknown, on features (n, d). A target known nowhere is predicted as 0.

    Offsets are not shrunk. Hoerl and Kennard, "Ridge regression", 1970.
    """
    d, k = features.shape[1], targets.shape[1]
    fits = [Linear(np.zeros((d, k)), np.zeros(k)) for _ in strengths]
    known = ~np.isnan(targets)
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    for pattern in range(patterns.shape[1]):
        columns = np.flatnonzero(pattern_of.ravel() == pattern)
        rows = patterns[:, pattern]
        if not rows.any():
            continue
        x, y = features[rows], targets[np.ix_(rows, columns)]
        centre, level = x.mean(axis=0), y.mean(axis=0)
        # The centred Gram matrix without a centred copy of the features.
        gram = x.T @ x - len(x) * np.outer(centre, centre)
        values, directions = np.linalg.eigh(gram)
        along = directions.T @ (x.T @ (y - level))
        for fit, strength in zip(fits, strengths, strict=True):
            weights = directions @ (along / (np.maximum(values, 0.0) + strength)[:, None])
            fit.weights[:, columns] = weights
            fit.offsets[columns] = level - centre @ weights
    return fits


def fit(features: Array, targets: Array, strength: float) -> Linear:
    """One fit of one strength."""
    return fit_path(features, targets, (strength,))[0]
