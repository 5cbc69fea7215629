"""Bootstrap intervals of statistics that are functions of sums over independent units (means, ratios, their differences).

Drawing once serves every statistic of the same rows, so that their intervals rest on the same draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

DRAWS = 1_000
CONFIDENCE = 0.95
# Entries of one block of counts: it stays in the processor's cache, and the memory of a bootstrap small whatever the number of rows.
_BLOCK = 50_000
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def sums_by_unit(columns: Floats, units: NDArray[np.int64] | None) -> Floats:
    """(n, k) rows to one row of sums per unit, (u, k); the rows themselves where no units are given."""
    if units is None:
        return columns
    _, place = np.unique(units, return_inverse=True)
    found = np.zeros((int(place.max()) + 1, columns.shape[1]))
    np.add.at(found, place, columns)
    return found


def resampled_sums(columns: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """(draws, k): column sums of `draws` samples of n rows taken with replacement (Efron 1979)."""
    n = len(columns)
    block = max(1, min(draws, _BLOCK // n))
    found = np.empty((draws, columns.shape[1]))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        drawn = rng.integers(0, n, size=(size, n), dtype=np.int64) + (np.arange(size, dtype=np.int64) * n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        found[start : start + size] = counts.astype(np.float64) @ columns
    return found


def percentile_interval(
    statistic: Statistic, columns: Floats, resampled: Floats, confidence: float = CONFIDENCE
) -> Interval:
    """The plain percentile interval (Efron 1979). statistic: sums (..., k) -> (...)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(statistic(resampled), [tail, 1 - tail])
    return Interval(float(statistic(columns.sum(axis=0))), float(low), float(high))


def bca_interval(statistic: Statistic, columns: Floats, resampled: Floats, confidence: float = CONFIDENCE) -> Interval:
    """Bias-corrected and accelerated interval (Efron, "Better bootstrap confidence intervals", JASA 1987, section 4 and (6.6)).

    The acceleration comes from leaving out one row at a time. statistic: sums (..., k) -> (...).
    """
    total = columns.sum(axis=0)
    value, drawn = float(statistic(total)), np.sort(statistic(resampled))
    below = float(np.mean(drawn < value) + np.mean(drawn == value) / 2)
    bias = _NORMAL.inv_cdf(min(max(below, 1 / (len(drawn) + 1)), len(drawn) / (len(drawn) + 1)))
    acceleration = _acceleration(statistic(total - columns))
    tails = [_adjusted(bias, acceleration, tail) for tail in ((1 - confidence) / 2, (1 + confidence) / 2)]
    low, high = np.quantile(drawn, tails)
    return Interval(value, float(low), float(high))


def _acceleration(left_out: Floats) -> float:
    away = left_out.mean() - left_out
    spread = float(np.sum(away**2)) ** 1.5
    return float(np.sum(away**3)) / (6 * spread) if spread > 0 else 0.0


def _adjusted(bias: float, acceleration: float, tail: float) -> float:
    moved = bias + _NORMAL.inv_cdf(tail)
    return _NORMAL.cdf(bias + moved / max(1e-9, 1 - acceleration * moved))
