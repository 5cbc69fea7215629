"""Multinomial logistic regression, shrunk, found by limited-memory BFGS (Liu and Nocedal, 1989)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.labels import softmax

Array = NDArray[np.float64]

REMEMBERED = 10
STEPS = 100
SMALL_ENOUGH = 1e-4
MOST_HALVINGS = 25
SUFFICIENT = 1e-4
SMALLEST_DIRECTION = 1e-6


@dataclass(frozen=True, slots=True)
class Examples:
    """features (n, d); scores (n, t): what is known of each class before; member (n,) the place of the true one, weight (n,) how much it counts."""

    features: Array
    scores: Array
    member: NDArray[np.int64]
    weight: Array

    def rows(self, at: NDArray[np.int64] | NDArray[np.bool_]) -> Examples:
        return Examples(self.features[at], self.scores[at], self.member[at], self.weight[at])


def fit_logistic(examples: Examples) -> Array:
    """Weights (d, t) that are added to the scores: of least weighted log loss plus half the sum of their squares.

    Raises ValueError without examples.
    """
    n = len(examples.member)
    if not n:
        raise ValueError("No example: at least one is needed.")
    shape = (examples.features.shape[1], examples.scores.shape[1])
    true = np.zeros((n, shape[1]))
    true[np.arange(n), examples.member] = 1.0

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        posterior = softmax(examples.scores + examples.features @ weights)
        hit = np.maximum(posterior[np.arange(n), examples.member], 1e-12)
        total = -float(examples.weight @ np.log(hit)) + 0.5 * float((flat * flat).sum())
        slope = examples.features.T @ ((posterior - true) * examples.weight[:, None]) + weights
        return total, slope.ravel()

    return least(loss, np.zeros(shape[0] * shape[1])).reshape(shape)


def whitened(features: NDArray[np.float32], strength: Array) -> tuple[Array, Array]:
    """(short (n, k), back (d, k)): weights w fitted on `short` with strength 1 are weights `back @ w` on features with these strengths.

    k is at most n. By the representer theorem (Kimeldorf and Wahba, 1971) nothing is lost: the best weights lie among the features.
    """
    loose = features / np.sqrt(strength).astype(np.float32)
    values, directions = np.linalg.eigh((loose @ loose.T).astype(np.float64))
    kept = values > max(float(values.max()), 1e-12) * SMALLEST_DIRECTION
    roots = np.sqrt(values[kept])
    back = loose.T.astype(np.float64) @ (directions[:, kept] / roots) / np.sqrt(strength)[:, None]
    return directions[:, kept] * roots, np.asarray(back)


def least(loss: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """Where a smooth convex function with its slope is least, to within 1e-4 of its scale or after 100 steps."""
    at, (value, slope) = start, loss(start)
    moved: list[tuple[Array, Array]] = []
    for _ in range(STEPS):
        if np.abs(slope).max() <= SMALL_ENOUGH * max(1.0, abs(value)):
            break
        direction = _direction(slope, moved)
        step, down = 1.0 if moved else 1.0 / max(1.0, float(np.abs(slope).sum())), float(slope @ direction)
        for _ in range(MOST_HALVINGS):
            there = at + step * direction
            value_there, slope_there = loss(there)
            if value_there <= value + SUFFICIENT * step * down:
                break
            step *= 0.5
        else:
            break
        moved = [*moved[-REMEMBERED + 1 :], (there - at, slope_there - slope)]
        at, value, slope = there, value_there, slope_there
    return at


def _direction(slope: Array, moved: list[tuple[Array, Array]]) -> Array:
    """The two-loop recursion."""
    along = -slope
    kept = [(step, turn, 1.0 / max(float(step @ turn), 1e-12)) for step, turn in moved]
    shares = []
    for step, turn, inverse in reversed(kept):
        share = inverse * float(step @ along)
        shares.append(share)
        along = along - share * turn
    if kept:
        step, turn, inverse = kept[-1]
        along = along * (1.0 / (inverse * max(float(turn @ turn), 1e-12)))
    for (step, turn, inverse), share in zip(kept, reversed(shares), strict=True):
        along = along + step * (share - inverse * float(turn @ along))
    return along
