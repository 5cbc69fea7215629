"""Shares of success in a table of models × subjects, each leaning on its row, its column and the whole as far as it is unsure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import log

import numpy as np

from routerapp.learning.evidence import Floats

# Standard deviations on the arcsine scale tried for models, subjects and what is left (0.1 there is about 0.1 of score at the middle).
_SPREADS = (0.02, 0.04, 0.07, 0.12, 0.2, 0.34)
_NEGLIGIBLE = 1e-3
_PRIOR_POWER = 1.5
_MIDDLE, _MIDDLE_SPREAD = np.pi / 4, 0.5
_Z = 1.959963984540054
_LEAST_SIZE = 1e-6


@dataclass(frozen=True, slots=True)
class Posterior:
    """Per cell (c,): posterior mean, 95 % bounds, and the part that comes from the levels (1: nothing observed)."""

    mean: Floats
    low: Floats
    high: Floats
    prior_share: Floats


@dataclass(frozen=True, slots=True)
class Fit:
    """Levels at given spreads: their joint posterior (mean, covariance), the variance of what is left, and the log marginal likelihood."""

    mean: Floats
    covariance: Floats
    rest: float
    likelihood: float


def posterior(share: Floats, size: Floats, rows: int, columns: int) -> Posterior:
    """share, size: (rows · columns,) observed shares and the effective number of 0/1 outcomes behind each (0: none).

    On the scale z = asin √((N·y + ¼)/(N + ½)) a share's variance is 1/(4N) whatever it is (Brown 2008, "In-season prediction of batting
    averages", eqs. 2.2 and 2.3). There: z = whole + model + subject + rest + noise, all normal, levels by Henderson's mixed-model
    equations (1975). The spreads are not picked but averaged over by their posterior: picking the likeliest makes intervals too short.
    Back: E[sin²θ] = (1 − cos 2m · e^(−2s²))/2, bounds sin²(m ± 1.96 s).
    """
    n = np.maximum(size, _LEAST_SIZE)
    z = np.arcsin(np.sqrt((n * np.clip(share, 0, 1) + 0.25) / (n + 0.5)))
    noise = 1 / (4 * n)
    design = _design(rows, columns)
    fits = [_fit(z, noise, design, spreads, rows, columns) for spreads in product(_SPREADS, repeat=3)]
    weights = _weights([fit.likelihood for fit in fits])
    mean, square, kept = np.zeros(len(z)), np.zeros(len(z)), np.zeros(len(z))
    for fit, weight in zip(fits, weights.tolist(), strict=True):
        if weight > 0:
            own_mean, variance, own_kept = _cells(z, noise, design, fit)
            mean += weight * own_mean
            square += weight * (variance + own_mean**2)
            kept += weight * own_kept
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    low, high = np.clip(mean - _Z * spread, 0, np.pi / 2), np.clip(mean + _Z * spread, 0, np.pi / 2)
    back = (1 - np.cos(2 * mean) * np.exp(-2 * spread**2)) / 2
    low, high = np.sin(low) ** 2, np.sin(high) ** 2
    return Posterior(np.clip(back, low, high), low, high, np.where(size > 0, 1 - kept, 1.0))


def _weights(likelihoods: list[float]) -> Floats:
    """Posterior of each triple of spreads. Their prior grows with the root of each: between a flat one (Gelman 2006, "Prior distributions
    for variance parameters", section 5) and one that keeps them off zero (Chung et al. 2013, section 3). On a scale of logs that is
    the power 1½. Of the three it came closest to what intervals say, for small and large tables.
    """
    prior = np.array([_PRIOR_POWER * sum(log(spread) for spread in spreads) for spreads in product(_SPREADS, repeat=3)])
    found = np.array(likelihoods) + prior
    found = np.exp(found - found.max())
    found[found < _NEGLIGIBLE] = 0
    return np.asarray(found / found.sum())


def _cells(z: Floats, noise: Floats, design: Floats, fit: Fit) -> tuple[Floats, Floats, Floats]:
    """Each cell's mean and variance given the spreads, and how much of the mean is its own observation."""
    kept = fit.rest / (fit.rest + noise)
    levels = np.sum((design @ fit.covariance) * design, axis=1)
    return kept * z + (1 - kept) * (design @ fit.mean), kept * noise + (1 - kept) ** 2 * levels, kept


def _design(rows: int, columns: int) -> Floats:
    """(cells, 1 + rows + columns) indicators."""
    cells = np.arange(rows * columns)
    found = np.zeros((rows * columns, 1 + rows + columns))
    found[:, 0] = 1
    found[cells, 1 + cells // columns] = 1
    found[cells, 1 + rows + cells % columns] = 1
    return found


def _fit(z: Floats, noise: Floats, design: Floats, spreads: tuple[float, ...], rows: int, columns: int) -> Fit:
    prior = np.concatenate([[_MIDDLE_SPREAD**-2], np.full(rows, spreads[0] ** -2), np.full(columns, spreads[1] ** -2)])
    centred = z - _MIDDLE
    weight = 1 / (spreads[2] ** 2 + noise)
    precision = (design * weight[:, None]).T @ design + np.diag(prior)
    covariance: Floats = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    pulled = design.T @ (weight * centred)
    mean = covariance @ pulled
    quadratic = float(np.sum(weight * centred**2) - pulled @ mean)
    determinant = float(np.linalg.slogdet(precision)[1] - np.sum(np.log(prior)) - np.sum(np.log(weight)))
    mean[0] += _MIDDLE
    return Fit(mean, covariance, spreads[2] ** 2, -0.5 * (quadratic + determinant))
