"""Which task a prompt belongs to, of the tasks of a training set: linear discriminant analysis with a calibrated temperature.

Fisher, 1936; the shared covariance is shrunk towards a multiple of the identity (Friedman, 1989); temperature after Guo et al., arXiv:1706.04599.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Outcomes

Array = NDArray[np.float64]

LEAST_PROMPTS = 8
MOST_LABELS = 256
SHRINKAGES = (0.1, 0.5)
TEMPERATURES = tuple(float(value) for value in np.geomspace(0.05, 1.5, 18))


@dataclass(frozen=True, slots=True)
class Labelled:
    """names: the labels; member: (n,) each prompt's place among them, -1 where it has none or one with fewer than 8 prompts."""

    names: tuple[str, ...]
    member: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Discriminant:
    """Scores are features @ weights + offsets; the posterior is the softmax of scores times sharpness."""

    weights: Array
    offsets: Array
    sharpness: float = 1.0

    def posterior(self, features: Array) -> Array:
        """(n, t)."""
        return softmax((features @ self.weights + self.offsets) * self.sharpness)


def labels_of(outcomes: Outcomes) -> Labelled:
    """The finest labels of each prompt: its task, with its category where a task has several."""
    categories: dict[str, set[str]] = defaultdict(set)
    for task, category in zip(outcomes.tasks, outcomes.categories, strict=True):
        categories[task].add(category)
    full = [
        f"{task}/{category}" if len(categories[task]) > 1 and category else task
        for task, category in zip(outcomes.tasks, outcomes.categories, strict=True)
    ]
    counted = Counter(name for name in full if name)
    names = sorted(name for name, count in counted.most_common(MOST_LABELS) if count >= LEAST_PROMPTS)
    place = {name: at for at, name in enumerate(names)}
    return Labelled(tuple(names), np.array([place.get(name, -1) for name in full], np.int64))


def softmax(scores: Array) -> Array:
    """Along the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def fit_discriminant(features: Array, member: NDArray[np.int64], count: int, shrinkage: float) -> Discriminant:
    """Of the prompts with a label; shrinkage 0 to 1 is the share of the identity in the covariance. Labels without prompts score very low."""
    x, y = features[member >= 0], member[member >= 0]
    sizes = np.bincount(y, minlength=count).astype(np.float64)
    chosen = np.zeros((count, len(y)))
    chosen[y, np.arange(len(y))] = 1.0
    centres = (chosen @ x) / np.maximum(sizes, 1.0)[:, None]
    within = (x.T @ x - centres.T @ (centres * sizes[:, None])) / len(y)
    mean_spread = float(np.trace(within)) / len(within)
    covariance = (1.0 - shrinkage) * within + (shrinkage * mean_spread + 1e-9) * np.eye(len(within))
    weights = np.linalg.solve(covariance, centres.T)
    prior = np.log((sizes + 0.5) / (len(y) + 0.5 * count))
    offsets = np.where(sizes > 0, prior - 0.5 * (centres * weights.T).sum(axis=1), -1e3)
    return Discriminant(np.asarray(weights, dtype=np.float64), np.asarray(offsets, dtype=np.float64))


def log_loss(scores: Array, member: NDArray[np.int64]) -> float:
    """Mean negative log posterior of the true label, of the prompts that have one."""
    labelled = np.flatnonzero(member >= 0)
    posterior = softmax(scores[labelled])
    return float(-np.log(np.maximum(posterior[np.arange(len(labelled)), member[labelled]], 1e-12)).mean())


def best_sharpness(scores: Array, member: NDArray[np.int64]) -> tuple[float, float]:
    """(sharpness, log loss) with which scores of prompts outside training fit best."""
    losses = [(log_loss(scores * value, member), value) for value in TEMPERATURES]
    loss, value = min(losses)
    return value, loss
