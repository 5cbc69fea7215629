"""The routers that ours must beat, on the same word vectors: nearest neighbours, k-means, linear, logistic, and the task known beforehand.

Each is fitted as its source does, per model on raw outcomes; `vectors` gives (n, d) unit vectors of prompts. Costs are predicted by the
same method where that is natural (neighbours, clusters, tasks), else by each model's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.routers import Fit, Router, known_costs, means

Vectors = Callable[[Sequence[str]], Floats]

NEIGHBOURS = 80
CLUSTERS = 64
ROUNDS = 25
SHRINKAGE = 10.0
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
CHUNK = 1024


def knn(vectors: Vectors, neighbours: int = NEIGHBOURS) -> Fit:
    """Mean outcome of the most similar training prompts by cosine. "When Simple kNN Beats Complex Learned Routers" (arXiv:2505.12601)."""

    def fit(outcomes: Outcomes, seed: int) -> Router:
        known = vectors(outcomes.prompts)
        quality, cost_usd = _filled(outcomes)
        nearest = min(neighbours, len(outcomes))

        def route(asked: Outcomes) -> tuple[Floats, Floats]:
            near = _nearest(vectors(asked.prompts), known, nearest)
            return quality[near].mean(axis=1), cost_usd[near].mean(axis=1)

        return route

    return fit


def kmeans(vectors: Vectors, clusters: int = CLUSTERS) -> Fit:
    """Means of the nearest cluster, shrunk to the overall mean. Avengers: k-means over embeddings, a model per cluster (arXiv:2505.19797)."""

    def fit(outcomes: Outcomes, seed: int) -> Router:
        known = vectors(outcomes.prompts)
        centres, member = lloyd(known, min(clusters, max(1, len(outcomes) // 20)), seed)
        quality, cost_usd = _shrunk(outcomes, member, len(centres))

        def route(asked: Outcomes) -> tuple[Floats, Floats]:
            at = _closest(vectors(asked.prompts), centres)
            return quality[at], cost_usd[at]

        return route

    return fit


def fit_task_known(outcomes: Outcomes, seed: int) -> Router:
    """Means of the prompt's true label (data set, task, category), shrunk: what knowing the kind of prompt exactly would give.

    It reads labels that no router has in real traffic; LLMRouterBench's "dataset oracle" (arXiv:2601.07206).
    """
    labels = sorted(set(_labels(outcomes)))
    place = {label: at for at, label in enumerate(labels)}
    member = np.array([place[label] for label in _labels(outcomes)])
    quality, cost_usd = _shrunk(outcomes, member, len(labels))
    quality = np.vstack([quality, means(outcomes.quality)])
    cost_usd = np.vstack([cost_usd, known_costs(outcomes.cost_usd)])

    def route(asked: Outcomes) -> tuple[Floats, Floats]:
        at = [place.get(label, len(labels)) for label in _labels(asked)]
        return quality[at], cost_usd[at]

    return route


def linear(vectors: Vectors) -> Fit:
    """Ridge regression per model; the penalty with the least leave-one-out error over all models (closed form; Golub et al. 1979)."""

    def fit(outcomes: Outcomes, seed: int) -> Router:
        known = vectors(outcomes.prompts)
        centre = known.mean(axis=0)
        quality, _ = _filled(outcomes)
        level = quality.mean(axis=0)
        weights = ridge(known - centre, quality - level)
        costs = known_costs(outcomes.cost_usd)

        def route(asked: Outcomes) -> tuple[Floats, Floats]:
            predicted = level + (vectors(asked.prompts) - centre) @ weights
            return predicted, np.tile(costs, (len(asked), 1))

        return route

    return fit


def logistic(vectors: Vectors, penalty: float = 3.0, rounds: int = 12) -> Fit:
    """Logistic regression per model, by Newton's method (iteratively reweighted least squares); marks between 0 and 1 count in part."""

    def fit(outcomes: Outcomes, seed: int) -> Router:
        known = _with_one(vectors(outcomes.prompts))
        quality, _ = _filled(outcomes)
        weights = np.stack([_newton(known, column, penalty, rounds) for column in quality.T], axis=1)
        costs = known_costs(outcomes.cost_usd)

        def route(asked: Outcomes) -> tuple[Floats, Floats]:
            return _sigmoid(_with_one(vectors(asked.prompts)) @ weights), np.tile(costs, (len(asked), 1))

        return route

    return fit


def ridge(x: Floats, y: Floats) -> Floats:
    """Weights (d, m) for centred x (n, d) and y (n, m), with the penalty of RIDGES that has the least leave-one-out error."""
    left, values, right = np.linalg.svd(x, full_matrices=False)
    projected = left.T @ y
    best, least = np.zeros((x.shape[1], y.shape[1])), np.inf
    for penalty in RIDGES:
        kept = values**2 / (values**2 + penalty)
        leverage = (left**2 @ kept)[:, None]
        error = float((((y - left @ (kept[:, None] * projected)) / (1 - leverage)) ** 2).mean())
        if error < least:
            least, best = error, right.T @ ((values / (values**2 + penalty))[:, None] * projected)
    return np.asarray(best)


def lloyd(points: Floats, clusters: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Centres (k, d) and each point's cluster (n,): Lloyd's rounds from k-means++ (Arthur & Vassilvitskii 2007)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    centres = _spread(points, clusters, generator)
    member = _closest(points, centres)
    for _ in range(ROUNDS):
        centres = _centres(points, member, centres)
        again = _closest(points, centres)
        if (again == member).all():
            break
        member = again
    return centres, member


def _spread(points: Floats, clusters: int, generator: np.random.Generator) -> Floats:
    centres = [points[int(generator.integers(len(points)))]]
    distance = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(clusters - 1):
        total = float(distance.sum())
        share = distance / total if total > 0 else np.full(len(points), 1 / len(points))
        centres.append(points[int(generator.choice(len(points), p=share))])
        distance = np.minimum(distance, ((points - centres[-1]) ** 2).sum(axis=1))
    return np.stack(centres)


def _centres(points: Floats, member: NDArray[np.int64], before: Floats) -> Floats:
    sums = np.zeros_like(before)
    np.add.at(sums, member, points)
    count = np.bincount(member, minlength=len(before))[:, None]
    return np.where(count > 0, sums / np.maximum(count, 1), before)


def _closest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    return np.asarray(np.argmin((centres**2).sum(axis=1) - 2 * points @ centres.T, axis=1))


def _nearest(asked: Floats, known: Floats, number: int) -> NDArray[np.int64]:
    found = [
        np.argpartition(-(asked[at : at + CHUNK] @ known.T), number - 1, axis=1)[:, :number]
        for at in range(0, len(asked), CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros((0, number), dtype=np.int64)


def _filled(outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Quality and cost with each model's mean where one is not known."""
    quality, cost_usd = outcomes.quality, outcomes.cost_usd
    return (
        np.where(np.isnan(quality), means(quality), quality),
        np.where(np.isnan(cost_usd), known_costs(cost_usd), cost_usd),
    )


def _shrunk(outcomes: Outcomes, member: NDArray[np.int64], groups: int) -> tuple[Floats, Floats]:
    """Means of each group and model, (groups, m), drawn towards the overall mean as if by SHRINKAGE more prompts."""
    found = []
    for values, overall in (
        (outcomes.quality, means(outcomes.quality)),
        (outcomes.cost_usd, known_costs(outcomes.cost_usd)),
    ):
        known = ~np.isnan(values)
        sums, count = np.zeros((groups, values.shape[1])), np.zeros((groups, values.shape[1]))
        np.add.at(sums, member, np.where(known, values, 0.0))
        np.add.at(count, member, known)
        found.append((sums + SHRINKAGE * overall) / (count + SHRINKAGE))
    return found[0], found[1]


def _labels(outcomes: Outcomes) -> list[tuple[str, str, str]]:
    return list(zip(outcomes.datasets, outcomes.tasks, outcomes.categories, strict=True))


def _with_one(vectors: Floats) -> Floats:
    return np.hstack([vectors, np.ones((len(vectors), 1))])


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def _newton(x: Floats, y: Floats, penalty: float, rounds: int) -> Floats:
    weights = np.zeros(x.shape[1])
    held = penalty * np.eye(x.shape[1])
    held[-1, -1] = 1e-6
    for _ in range(rounds):
        chance = _sigmoid(x @ weights)
        slope = x.T @ (y - chance) - held @ weights
        step = np.linalg.solve((x * np.maximum(chance * (1 - chance), 1e-6)[:, None]).T @ x + held, slope)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights
