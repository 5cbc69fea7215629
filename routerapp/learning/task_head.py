"""What kind of work a prompt is, and how hard, by trained heads over its reading and the transparent signals: plain sums in a fixed order.

The heads abstain: of the task below its class's threshold, of the difficulty where nothing like the prompt was seen in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import signals, surface, vectors
from routerapp.learning.labels import softmax
from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.reading import PromptReading

Array = NDArray[np.float64]

DIGITS = 4
READ = vectors.SIZE + surface.SIZE
PLAIN = READ + signals.SIZE
FARTHEST = 4.0
MOST_SHOWN = 3
LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True)
class FittedTasks:
    """t classes, r n-grams, c clusters.

    centre, factor (325,): scale of vector, counts and signals. table (325, t + 1) float32, offsets (t + 1,): scores of the classes, and
    last the expected share of failures. kept (r,) int32 sorted buckets, ngrams (r, t + 1) float32: a prompt's present ones are averaged over
    the root of their number. sharpness: of the softmax. thresholds (t,): least posterior with which a class is said. clusters (c, 256)
    float32 of length 1, familiar: the cosine to the nearest from which on difficulty is said.
    """

    classes: tuple[str, ...]
    centre: NDArray[np.float32]
    factor: NDArray[np.float32]
    table: NDArray[np.float32]
    offsets: Array
    kept: NDArray[np.int32]
    ngrams: NDArray[np.float32]
    thresholds: Array
    clusters: NDArray[np.float32]
    sharpness: float
    familiar: float
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskSaid:
    """task: empty where the head abstains; confidence: the likeliest class's posterior; posterior: the three likeliest.

    complexity: expected share of models that fail, None where it abstains.
    """

    task: str
    confidence: float
    posterior: Mapping[str, float]
    complexity: float | None


class TaskHead:
    """Ready to speak. address: sha256 of its artefact. Safe to share between threads."""

    def __init__(self, fitted: FittedTasks, address: str = "") -> None:
        self.fitted = fitted
        self.address = address
        self._rows = rows_of(fitted.kept)

    def say(self, reading: PromptReading, seen: NDArray[np.float32]) -> TaskSaid:
        """seen: the transparent signals of the same prompt, (25,). An empty prompt gets no answer."""
        fitted = self.fitted
        if reading.is_empty:
            return TaskSaid("", 0.0, {}, None)
        scores = self.scores(reading, seen)
        posterior = softmax(scores[:-1] * fitted.sharpness)
        order = np.argsort(-posterior, kind="stable")[:MOST_SHOWN].tolist()
        best = order[0]
        confidence = round(float(posterior[best]), DIGITS)
        hard = None
        if self.is_familiar(reading):
            hard = round(min(max(float(scores[-1]), 0.0), 1.0), DIGITS)
        return TaskSaid(
            fitted.classes[best] if confidence >= fitted.thresholds[best] else "",
            confidence,
            {fitted.classes[at]: round(float(posterior[at]), DIGITS) for at in order},
            hard,
        )

    def scores(self, reading: PromptReading, seen: NDArray[np.float32]) -> Array:
        """(t + 1,): of the classes before the softmax, and of difficulty."""
        fitted = self.fitted
        plain = scaled(np.concatenate((reading.vector, reading.counts, seen)), fitted.centre, fitted.factor)
        sums = np.add.reduce(fitted.table * plain[:, None], axis=0).astype(np.float64) + fitted.offsets
        at = self._rows[reading.buckets]
        at = at[at >= 0]
        if len(at):
            sums += np.add.reduce(fitted.ngrams[at], axis=0).astype(np.float64) / np.sqrt(float(len(at)))
        return np.asarray(sums, dtype=np.float64)

    def is_familiar(self, reading: PromptReading) -> bool:
        """Near a cluster of graded prompts, and of n-grams that half at least were seen in training: other languages are not."""
        near = np.add.reduce(self.fitted.clusters * reading.vector, axis=1)
        known = int((self._rows[reading.buckets] >= 0).sum())
        return (
            bool(len(near))
            and known >= LEAST_KNOWN * len(reading.buckets)
            and round(float(near.max()), DIGITS) >= self.fitted.familiar
        )


def scaled(
    numbers: NDArray[np.float32], centre: NDArray[np.float32], factor: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Vector, counts and signals of one prompt (325,) or many (n, 325)."""
    moved = (numbers - centre) * factor
    return np.asarray(np.minimum(np.maximum(moved, -FARTHEST), FARTHEST), dtype=np.float32)


def rows_of(kept: NDArray[np.int32]) -> NDArray[np.int32]:
    """(2^17,) the row of each bucket, -1 where it has none."""
    rows = np.full(BUCKETS, -1, np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    return rows
