"""A model that joins a trained pool with few graded prompts: the pool's ease plus the newcomer's margin, and a cautious share of the
pool's own directions.

Its own regression on 50 prompts misleads; how it compares with models that are known well does not. From about 1,000 graded prompts on it
is trained like the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.fitted import Fitted
from routerapp.learning.predictor import Foreseen, Predictor
from routerapp.learning.reading import PromptReading, Readings
from routerapp.learning.topics import STORED_TIMES

Array = NDArray[np.float64]

ENOUGH = 1_000
# Of each share, times m²: whoever is like a few of m models takes about 1/m of each. Chosen on one division of public pools, looked at
# again on another (docs/routing-quality.md).
SPREAD_OF_SHARES = 2.0
LEAST_VARIANCE = 0.01


@dataclass(frozen=True, slots=True)
class Graded:
    """What is known of the newcomer on n prompts: quality (n,); cost_usd and tokens (n,), NaN where unknown; of the pool: (n, m), NaN too."""

    quality: Array
    pool_quality: Array
    cost_usd: Array
    tokens: Array


@dataclass(frozen=True, slots=True)
class _Place:
    """The newcomer among the pool: its level, its share of each model's relative part (m,), and of ease around its mean."""

    level: float
    shares: Array
    of_ease: float
    noise: float


def newcomers(quality: Array) -> NDArray[np.int64]:
    """Which columns (n, m) have too few outcomes to be trained like the others: under 1,000 and under half of the best known model's."""
    known = (~np.isnan(quality)).sum(axis=0)
    return np.flatnonzero(known < min(ENOUGH, known.max() / 2))


def join(fitted: Fitted, readings: Readings, model: str, graded: Graded) -> Fitted:
    """The pool with this model as its last. Raises ValueError without a graded prompt, or for a model that is in the pool already."""
    if not len(readings) or len(readings) != len(graded.quality):
        raise ValueError(
            f"{len(graded.quality)} graded answers to {len(readings)} prompts: one answer each, and one at least, is needed."
        )
    if model in fitted.models:
        raise ValueError(f"{model!r} is in the pool already.")
    predictor = Predictor(fitted)
    seen = [predictor.foresee(reading) for reading in _singly(readings)]
    place = _placed(fitted, seen, graded)
    tokens, token_factor = _compared(fitted.token_factor, np.stack([one.tokens for one in seen]), graded.tokens + 1.0)
    cost, cost_factor = _compared(fitted.cost_factor, np.stack([one.cost_usd for one in seen]), graded.cost_usd)
    return _widened(fitted, model, place, (tokens, token_factor), (cost, cost_factor))


def in_order(fitted: Fitted, models: Sequence[str]) -> Fitted:
    """The same predictor with its models in this order."""
    return taken(fitted, [fitted.models.index(model) for model in models], models)


def taken(fitted: Fitted, places: Sequence[int], names: Sequence[str]) -> Fitted:
    """The models at these places under these names; one may stand twice."""
    at = list(places)
    k = fitted.topics.directions.shape[1] - len(fitted.models)
    parts = _parts(fitted, fitted.table.astype(np.float64))
    offsets = [part[0] for part in _parts(fitted, fitted.offsets[None, :])]
    for part in (0, 2, 3):
        parts[part], offsets[part] = parts[part][:, at], offsets[part][at]
    directions = np.concatenate((fitted.topics.directions[:, :k], fitted.topics.directions[:, k:][:, at]), axis=1)
    return replace(
        fitted,
        models=tuple(names),
        topics=replace(fitted.topics, directions=directions),
        table=np.concatenate(parts, axis=1).astype(np.float32),
        offsets=np.concatenate(offsets),
        **{name: getattr(fitted, name)[:, at] for name in ("label_relative", "cluster_relative", "cluster_quality")},
        **{name: getattr(fitted, name)[at] for name in ("level", "noise", "token_factor", "cost_factor")},
    )


def _placed(fitted: Fitted, seen: list[Foreseen], graded: Graded) -> _Place:
    """Ridge of the margin on what the pool is expected to do, with a prior around 0 (Hoerl and Kennard, 1970)."""
    mean_ease = float(fitted.about.get("mean_quality", 0.5))
    known = ~np.isnan(graded.pool_quality)
    foreseen_ease = np.array([one.ease for one in seen])
    counted = known.sum(axis=1)
    shown = np.where(known, graded.pool_quality - fitted.level, 0.0).sum(axis=1) / np.maximum(counted, 1)
    margin = graded.quality - np.where(counted > 0, shown, foreseen_ease)
    relative = np.stack([one.quality for one in seen]) - foreseen_ease[:, None] - fitted.level
    directions = np.concatenate((relative, foreseen_ease[:, None] - mean_ease), axis=1)
    centre = directions.mean(axis=0)
    noise = max(float(margin.var()), LEAST_VARIANCE)
    pull = noise * len(fitted.models) ** 2 / SPREAD_OF_SHARES
    gram = (directions - centre).T @ (directions - centre) + pull * np.eye(directions.shape[1])
    shares = np.linalg.solve(gram, (directions - centre).T @ (margin - margin.mean()))
    level = float(margin.mean() - centre @ shares)
    return _Place(level, shares[:-1], float(shares[-1]), float(np.sqrt(noise + noise / len(margin))))


def _compared(factor: Array, expected: Array, known: Array) -> tuple[float, float]:
    """(what to add to the mean of the pool's logarithms, factor) for tokens or cost; NaN factor where nothing is known of it."""
    usable = ~np.isnan(known) & (known > 0.0)
    peers = np.flatnonzero(~np.isnan(factor))
    if not usable.any():
        return 0.0, float("nan")
    if not len(peers):
        return float(np.log(known[usable]).mean()), 1.0
    logs = np.log(np.maximum(expected[usable][:, peers], 1e-12) / factor[peers]).mean(axis=1)
    return 0.0, float(known[usable].sum() / np.exp(logs).sum())


def _widened(
    fitted: Fitted, model: str, place: _Place, tokens: tuple[float, float], cost: tuple[float, float]
) -> Fitted:
    m = len(fitted.models)
    mean_ease = float(fitted.about.get("mean_quality", 0.5))
    parts = _parts(fitted, fitted.table.astype(np.float64))
    offsets = [part[0] for part in _parts(fitted, fitted.offsets[None, :])]
    parts[0] = np.column_stack((parts[0], parts[0] @ place.shares + place.of_ease * parts[1][:, 0]))
    offsets[0] = np.append(offsets[0], offsets[0] @ place.shares + place.of_ease * (offsets[1][0] - mean_ease))
    for at, factor, added in ((2, fitted.token_factor, tokens[0]), (3, fitted.cost_factor, cost[0])):
        peers = np.flatnonzero(~np.isnan(factor))
        mean = np.zeros(m) if not len(peers) else np.isin(np.arange(m), peers) / len(peers)
        parts[at] = np.column_stack((parts[at], parts[at] @ mean))
        offsets[at] = np.append(offsets[at], offsets[at] @ mean + added)
    halves = fitted.topics.directions[:, -m:].astype(np.float32) / np.float32(STORED_TIMES)
    return replace(
        fitted,
        models=(*fitted.models, model),
        topics=fitted.topics.beside((halves @ place.shares.astype(np.float32))[:, None]),
        table=np.concatenate(parts, axis=1).astype(np.float32),
        offsets=np.concatenate(offsets),
        level=np.append(fitted.level, place.level),
        label_relative=_with_share(fitted.label_relative, place.shares),
        cluster_relative=_with_share(fitted.cluster_relative, place.shares),
        cluster_quality=np.column_stack((fitted.cluster_quality, _cluster_quality(fitted, place))),
        noise=np.append(fitted.noise, place.noise),
        token_factor=np.append(fitted.token_factor, tokens[1]),
        cost_factor=np.append(fitted.cost_factor, cost[1]),
    )


def _cluster_quality(fitted: Fitted, place: _Place) -> Array:
    ease = (fitted.cluster_quality - fitted.level).mean(axis=1)
    return np.asarray(np.clip(ease + place.level + fitted.cluster_relative @ place.shares, 0.0, 1.0))


def _with_share(values: Array, shares: Array) -> Array:
    return np.column_stack((values, values @ shares))


def _parts(fitted: Fitted, wide: Array) -> list[Array]:
    m = len(fitted.models)
    ends = np.cumsum([0, m, 1, m, m, len(fitted.labels), len(fitted.cluster_sizes)]).tolist()
    return [wide[:, first:last] for first, last in pairwise(ends)]


def _singly(readings: Readings) -> list[PromptReading]:
    return [readings.one(at) for at in range(len(readings))]
