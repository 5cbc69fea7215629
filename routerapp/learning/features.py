"""Readings on one scale: word vector, surface counts, counts of the request and topics side by side, as linear heads take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import surface, vectors
from routerapp.learning.reading import REQUEST_NAMES, Readings

Array = NDArray[np.float64]

VECTOR = slice(0, vectors.SIZE)
WORDS = slice(0, vectors.SIZE + surface.SIZE + len(REQUEST_NAMES))
COUNTS_WEIGHT = 0.5
FARTHEST = 4.0
LEAST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """centre, factor: (306,) of vector, counts and request; topics_factor: of all topics."""

    centre: NDArray[np.float32]
    factor: NDArray[np.float32]
    topics_factor: float

    def of(self, readings: Readings, topics: Array) -> Array:
        """(n, 306 + k) float64."""
        plain = np.concatenate((readings.vectors, readings.counts, readings.request), axis=1)
        return np.concatenate((self.plain(plain), topics * self.topics_factor), axis=1)

    def plain(self, numbers: NDArray[np.float32]) -> Array:
        """Vector, counts and request of one prompt (306,) or many (n, 306), scaled."""
        scaled = (numbers - self.centre).astype(np.float64) * self.factor
        return np.asarray(np.minimum(np.maximum(scaled, -FARTHEST), FARTHEST))


def fit_scale(readings: Readings, topics: Array) -> Scale:
    """Each count to a spread of 0.5; the vector's numbers keep their proportions, with a mean square of 1/6; topics spread as much as the vector.

    What is the same for all prompts (counts of requests in benchmarks) gets the factor 0 and is never looked at.
    """
    counted = np.concatenate((readings.counts, readings.request), axis=1).astype(np.float64)
    spread = counted.std(axis=0)
    factor = np.where(spread > LEAST_SPREAD, COUNTS_WEIGHT / np.maximum(spread, LEAST_SPREAD), 0.0)
    of_vector = np.sqrt(vectors.SIZE / 6.0)
    vector_spread = float(readings.vectors.astype(np.float64).var(axis=0).sum()) * of_vector**2
    topics_spread = float(topics.var(axis=0).sum())
    return Scale(
        np.concatenate((readings.vectors.mean(axis=0, dtype=np.float64), counted.mean(axis=0))).astype(np.float32),
        np.concatenate((np.full(vectors.SIZE, of_vector), factor)).astype(np.float32),
        float(np.sqrt(vector_spread / topics_spread)) if topics_spread > LEAST_SPREAD else 0.0,
    )
