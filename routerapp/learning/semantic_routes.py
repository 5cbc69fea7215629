"""Semantic routes: how near a prompt is to the examples of each, and thresholds fitted to the examples alone.

Similarity is the cosine of two static word vectors: of the same words, not of deep meaning. No example is kept, only its vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIGITS = 4
LEAST_THRESHOLD = 0.3
UNFITTED = 0.6


@dataclass(frozen=True, slots=True)
class RouteFit:
    """threshold: cosine from which on a prompt belongs to the route. recall: share of its own examples that then do, each left out once.

    false_share: share of the other routes' examples that would come here.
    """

    threshold: float
    recall: float
    false_share: float


def similarities(vector: Vectors, examples: Mapping[str, Vectors]) -> dict[str, float]:
    """route → cosine to its nearest example, -1 to 1, four digits. vector (256,) and examples (n, 256) of length 1, or zeros: then 0.

    Sums in a fixed order: equal on every machine.
    """
    return {name: _nearest(vector, rows) for name, rows in examples.items() if len(rows)}


def fit_thresholds(examples: Mapping[str, Vectors]) -> dict[str, RouteFit]:
    """For each route the threshold with the most of its own examples in and of the others' out (Youden's J, 1950); ties to the higher one.

    An example is held against the other ones of its route, never against itself. A route with one example, or without others to tell it
    from, keeps the usual threshold where that says more. Raises ValueError without any route.
    """
    if not examples:
        raise ValueError("No route: at least one, with examples.")
    found: dict[str, RouteFit] = {}
    for name, rows in examples.items():
        own = np.array(
            [_nearest(rows[at], np.delete(rows, at, axis=0)) for at in range(len(rows))] if len(rows) > 1 else []
        )
        foreign = np.array([_nearest(row, rows) for other, those in examples.items() if other != name for row in those])
        found[name] = _fit(own, foreign)
    return found


def share_routed_right(examples: Mapping[str, Vectors], thresholds: Mapping[str, float]) -> float:
    """Share of all examples, each left out once, that come to their own route; abstaining counts as wrong. NaN without any to judge by."""
    right: list[bool] = []
    for name, rows in examples.items():
        for at in range(len(rows)) if len(rows) > 1 else ():
            left = {**examples, name: np.delete(rows, at, axis=0)}
            near = {route: value for route, value in similarities(rows[at], left).items() if value >= thresholds[route]}
            right.append(bool(near) and min(near, key=lambda route: (-near[route], route)) == name)
    return float(np.mean(right)) if right else float("nan")


def _nearest(vector: Vectors, rows: Vectors) -> float:
    products = np.add.reduce(rows.astype(np.float64) * vector.astype(np.float64), axis=1)
    return round(float(products.max()), DIGITS)


def _fit(own: NDArray[np.float64], foreign: NDArray[np.float64]) -> RouteFit:
    marks: Sequence[float] = sorted({LEAST_THRESHOLD, UNFITTED, *(float(one) for one in own if one > LEAST_THRESHOLD)})

    def gain(mark: float) -> tuple[float, float]:
        recall = float((own >= mark).mean()) if len(own) else float(mark == UNFITTED)
        return recall - (float((foreign >= mark).mean()) if len(foreign) else 0.0), mark

    best = max(marks, key=gain) if len(foreign) else UNFITTED
    return RouteFit(
        round(best, DIGITS),
        float((own >= best).mean()) if len(own) else float("nan"),
        float((foreign >= best).mean()) if len(foreign) else 0.0,
    )
