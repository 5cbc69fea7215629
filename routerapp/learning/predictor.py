"""What each model's answer to one prompt will be worth and cost: a few sums over plain arrays, in a fixed order, rounded to four digits.

No BLAS here: its order of summation differs between machines, and a choice must not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from routerapp.engine.strategies.predicted import MIN_FAMILIARITY
from routerapp.engine.types import ModelPrediction, Predictions
from routerapp.learning.features import VECTOR
from routerapp.learning.fitted import Fitted
from routerapp.learning.labels import softmax
from routerapp.learning.reading import PromptReading, Readings
from routerapp.learning.topics import place

Array = NDArray[np.float64]

DIGITS = 4
COST_DIGITS = 4
MOST_TASKS = 3
LEAST_FAMILIARITY = 0.2
MOST_TOKENS = 1e6


class OtherReading(ValueError):
    """The prompt was read by another version than the one the predictor was trained on."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One prompt: quality, sd, tokens, cost_usd (m,), tokens and cost NaN where unknown; posterior (t,); cluster -1 for an empty prompt."""

    quality: Array
    sd: Array
    tokens: Array
    cost_usd: Array
    ease: float
    posterior: Array
    cluster: int
    familiarity: float

    @property
    def certainty(self) -> float:
        """What the gate of `learned` multiplies gains by, 0 to 1; 0 where the prompt is too strange to go by predictions at all."""
        if self.familiarity < MIN_FAMILIARITY:
            return 0.0
        return self.familiarity * round(float(self.posterior.max(initial=0.0)), DIGITS)


class Predictor:
    """A fitted predictor, ready to speak. address: the sha256 of its artefact, empty before it has one. Safe to share between threads."""

    def __init__(self, fitted: Fitted, address: str = "") -> None:
        self.fitted = fitted
        self.address = address
        self._rows = fitted.topics.rows()
        self._bits = fitted.topics.directions.view(np.int16)
        m = len(fitted.models)
        ends = np.cumsum([0, m, 1, m, m, len(fitted.labels), len(fitted.cluster_sizes)]).tolist()
        self._parts = [slice(first, last) for first, last in pairwise(ends)]
        self._topics = fitted.topics.directions.shape[1] - m
        self._reading = str(fitted.about.get("reading", ""))

    @property
    def models(self) -> tuple[str, ...]:
        return self.fitted.models

    def predict(self, reading: PromptReading) -> Predictions:
        """For the engine. Raises OtherReading."""
        seen = self.foresee(reading)
        fitted = self.fitted
        quality, sd, tokens = seen.quality.tolist(), seen.sd.tolist(), seen.tokens.tolist()
        models = {
            model: ModelPrediction(quality[at], sd[at], None if math.isnan(tokens[at]) else tokens[at])
            for at, model in enumerate(fitted.models)
        }
        near = (
            dict(zip(fitted.models, np.round(fitted.cluster_quality[seen.cluster], DIGITS).tolist(), strict=True))
            if seen.cluster >= 0
            else {}
        )
        return Predictions(
            predictor=self.address,
            models=models,
            familiarity=seen.familiarity,
            difficulty=seen.ease,
            tasks=self._likeliest(seen.posterior),
            cluster=seen.cluster if seen.cluster >= 0 else None,
            cluster_quality=near,
        )

    def predict_many(self, readings: Readings) -> tuple[Array, Array]:
        """(quality (n, m), cost in USD (n, m), NaN where unknown): number for number what single predictions say. Raises OtherReading."""
        quality = np.zeros((len(readings), len(self.models)))
        cost = np.zeros_like(quality)
        for at in range(len(readings)):
            seen = self.foresee(readings.one(at))
            quality[at], cost[at] = seen.quality, seen.cost_usd
        return quality, cost

    def foresee(self, reading: PromptReading) -> Foreseen:
        """All that is known of one prompt before it is sent. Raises OtherReading."""
        fitted = self.fitted
        if reading.version != self._reading:
            raise OtherReading(
                f"The prompt was read by version {reading.version!r}; this predictor was trained on {self._reading!r}."
            )
        plain = fitted.scale.plain(np.concatenate((reading.vector, reading.counts, reading.request)))
        placed = place(reading.buckets, self._rows, fitted.topics.rarity, self._bits)
        features = np.concatenate((plain, placed[: self._topics] * fitted.scale.topics_factor))
        terms = fitted.table * features.astype(np.float32)[:, None]
        sums = np.add.reduce(terms, axis=0).astype(np.float64) + fitted.offsets
        linear, ease, tokens, cost, scores, closeness = (sums[part] for part in self._parts)
        if reading.is_empty:
            return self._nothing_to_go_by(tokens, cost)
        cluster = int(closeness.argmax())
        familiarity = self._familiarity(features[VECTOR], float(closeness[cluster]))
        posterior = softmax(scores * fitted.sharpness) if len(scores) > 1 else np.ones(len(scores))
        relative = (
            linear
            + placed[self._topics :]
            + fitted.cluster_relative[cluster]
            + np.add.reduce(fitted.label_relative * posterior[:, None], axis=0)
        )
        quality = np.minimum(np.maximum(float(ease[0]) + fitted.level + relative, 0.0), 1.0)
        sd = fitted.noise / math.sqrt(float(fitted.cluster_sizes[cluster]) + 1.0) / max(familiarity, LEAST_FAMILIARITY)
        return Foreseen(
            np.round(quality, DIGITS),
            np.round(sd, DIGITS),
            np.round(_raised(tokens, fitted.token_factor), 1),
            _significant(_raised(cost, fitted.cost_factor)),
            round(min(max(float(ease[0]), 0.0), 1.0), DIGITS),
            posterior,
            cluster,
            round(familiarity, DIGITS),
        )

    def _nothing_to_go_by(self, tokens: Array, cost: Array) -> Foreseen:
        fitted = self.fitted
        ease = float(fitted.about.get("mean_quality", 0.5))
        quality = np.round(np.clip(ease + fitted.level, 0.0, 1.0), DIGITS)
        none, sd = np.zeros(len(fitted.labels)), np.asarray(np.round(fitted.noise, DIGITS), dtype=np.float64)
        of_tokens, of_cost = (
            np.asarray(np.round(_raised(tokens, fitted.token_factor), 1), dtype=np.float64),
            _significant(_raised(cost, fitted.cost_factor)),
        )
        return Foreseen(
            np.asarray(quality, dtype=np.float64), sd, of_tokens, of_cost, round(ease, DIGITS), none, -1, 0.0
        )

    def _familiarity(self, vector: Array, closeness: float) -> float:
        """1 within the distance of nine in ten training prompts to their cluster, 0 from twice as far beyond it as the farthest."""
        distance = float(np.add.reduce(vector * vector)) - 2.0 * closeness
        reach = self.fitted.unknown - self.fitted.familiar
        return min(max((self.fitted.unknown - distance) / reach, 0.0), 1.0)

    def _likeliest(self, posterior: Array) -> dict[str, float]:
        if not posterior.any():
            return {}
        order = np.argsort(-posterior, kind="stable")[:MOST_TASKS].tolist()
        return {self.fitted.labels[at]: round(float(posterior[at]), DIGITS) for at in order}


def _raised(logarithms: Array, factor: Array) -> Array:
    return np.asarray(np.minimum(np.exp(np.minimum(np.maximum(logarithms, -50.0), 50.0)) * factor, MOST_TOKENS))


def _significant(values: Array) -> Array:
    """Rounded to four significant digits, NaN kept."""
    with np.errstate(divide="ignore"):
        power = np.where(values > 0.0, 10.0 ** (COST_DIGITS - 1 - np.floor(np.log10(np.maximum(values, 1e-300)))), 1.0)
    return np.asarray(np.round(values * power) / power)
