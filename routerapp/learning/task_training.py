"""Fits the task head: shrunk logistic regression over reading, n-grams and signals; calibrated and given thresholds outside its folds.

With a base, weights are shrunk to the base's instead of to nothing: a few examples of a team's own move it, and cannot break it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import vectors
from routerapp.learning.folds import folds_of
from routerapp.learning.labels import best_sharpness, softmax
from routerapp.learning.logistic import Examples, fit_logistic, whitened
from routerapp.learning.reading import Readings
from routerapp.learning.task_head import PLAIN, READ, FittedTasks, rows_of, scaled

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

LEAST_PROMPTS = 3
LEAST_SPREAD = 1e-6
WANTED_ACCURACY = 0.85
LEAST_JUDGED = 100
THRESHOLDS = tuple(round(0.2 + 0.02 * step, 2) for step in range(36))
OFFSET_STRENGTH = 0.1


@dataclass(frozen=True, slots=True)
class TaskExamples:
    """n labelled prompts: readings, signals seen (n, 25), member (n,) the place of each one's class, weight (n,), groups (n,).

    is_judged (n,): whether calibration and thresholds look at it; templates of data sets are learned from, and say little about traffic.
    """

    readings: Readings
    seen: Floats
    member: NDArray[np.int64]
    weight: Array
    groups: tuple[str, ...]
    is_judged: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Strengths:
    """How much weights are shrunk: on vector and counts, on signals, on n-grams."""

    read: float = 3.0
    signals: float = 0.3
    ngrams: float = 0.3


@dataclass(frozen=True, slots=True)
class Fit:
    """fitted: the head; posterior (n, t): of each example by a head that has not seen its group."""

    fitted: FittedTasks
    posterior: Array


def fit_tasks(
    classes: Sequence[str],
    examples: TaskExamples,
    seed: int,
    strengths: Strengths | None = None,
    base: FittedTasks | None = None,
    wanted_accuracy: float = WANTED_ACCURACY,
) -> Fit:
    """A head for these classes; the base's difficulty and familiarity are kept. Raises ValueError without examples or with one class."""
    if len(classes) < 2 or len(classes) != len(set(classes)):
        raise ValueError("Task classes: at least two, each once.")
    given = strengths or Strengths()
    head = _start(tuple(classes), examples, base)
    features = _features(head, examples)
    before = np.concatenate((head.table, head.ngrams, head.offsets[None, :].astype(np.float32)))[:, :-1]
    short, back = whitened(features, _strength_of(given, len(head.kept)))
    table = Examples(short, (features @ before).astype(np.float64), examples.member, examples.weight)
    fold = folds_of(examples.groups, seed)
    scores = np.zeros((len(fold), len(classes)))
    for number in np.unique(fold):
        moved = fit_logistic(table.rows(fold != number))
        scores[fold == number] = table.scores[fold == number] + short[fold == number] @ moved
    judged = examples.is_judged
    if base is not None and judged.sum() < LEAST_JUDGED:
        # Too few to say how sure it may be: as sure as the base.
        sharpness, least = base.sharpness, float(np.median(base.thresholds))
    else:
        sharpness, _ = best_sharpness(scores[judged], examples.member[judged])
        least = fit_threshold(softmax(scores * sharpness)[judged], examples.member[judged], wanted_accuracy)
    posterior = softmax(scores * sharpness)
    weights = before + back @ fit_logistic(table)
    fitted = replace(
        head,
        table=_with_last(weights[:PLAIN], head.table),
        ngrams=_with_last(weights[PLAIN:-1], head.ngrams),
        offsets=np.concatenate((weights[-1], head.offsets[-1:])),
        thresholds=np.full(len(classes), least),
        sharpness=sharpness,
    )
    return Fit(fitted, posterior)


def fit_threshold(posterior: Array, member: NDArray[np.int64], wanted_accuracy: float) -> float:
    """The lowest least posterior with which answers are right that often; the highest looked at where none is."""
    right, said = posterior.argmax(axis=1) == member, posterior.max(axis=1)
    for mark in THRESHOLDS:
        answered = said >= mark
        if not answered.any() or right[answered].mean() >= wanted_accuracy:
            return mark
    return THRESHOLDS[-1]


def with_thresholds(fitted: FittedTasks, thresholds: Mapping[str, float]) -> FittedTasks:
    """Those of people's own for some classes. Raises ValueError for an unknown class or one outside 0 to 1."""
    found = fitted.thresholds.copy()
    for name, least in thresholds.items():
        if name not in fitted.classes:
            raise ValueError(f"{name!r} is no class of this head.")
        if not 0.0 <= least <= 1.0:
            raise ValueError(f"{name}: a threshold is a posterior from 0 to 1, not {least}.")
        found[fitted.classes.index(name)] = least
    return replace(fitted, thresholds=found)


def dense_ngrams(readings: Readings, kept: NDArray[np.int32]) -> Floats:
    """(n, r): 1 over the root of how many kept buckets the prompt has, where it has one."""
    found = np.zeros((len(readings), len(kept)), np.float32)
    at = rows_of(kept)[readings.buckets]
    prompts = np.repeat(np.arange(len(readings)), np.diff(readings.starts))
    found[prompts[at >= 0], at[at >= 0]] = 1.0
    return np.asarray(found / np.sqrt(np.maximum(found.sum(axis=1, keepdims=True), 1.0)), dtype=np.float32)


def plain_numbers(readings: Readings, seen: Floats) -> Floats:
    """(n, 325): vector, counts and signals as they are."""
    return np.concatenate((readings.vectors, readings.counts, seen), axis=1)


def fit_scale(plain: Floats) -> tuple[Floats, Floats]:
    """(centre, factor): the vector's numbers keep their proportions, all others get a spread of one half; what never changes counts nothing."""
    spread = plain.std(axis=0, dtype=np.float64)
    factor = np.where(spread > LEAST_SPREAD, 0.5 / np.maximum(spread, LEAST_SPREAD), 0.0)
    factor[: vectors.SIZE] = np.sqrt(vectors.SIZE / 6.0)
    return plain.mean(axis=0, dtype=np.float64).astype(np.float32), factor.astype(np.float32)


def _start(classes: tuple[str, ...], examples: TaskExamples, base: FittedTasks | None) -> FittedTasks:
    """The head before it has looked at an example: the base's weights of the classes it knows, noughts for all others."""
    counted = np.bincount(examples.readings.buckets, minlength=0)
    kept = np.flatnonzero(counted >= LEAST_PROMPTS).astype(np.int32)
    t = len(classes)
    if base is None:
        centre, factor = fit_scale(plain_numbers(examples.readings, examples.seen))
        return FittedTasks(
            classes, centre, factor, np.zeros((PLAIN, t + 1), np.float32), np.zeros(t + 1), kept,
            np.zeros((len(kept), t + 1), np.float32), np.zeros(t), np.zeros((0, vectors.SIZE), np.float32), 1.0, 2.0,
        )  # fmt: skip
    kept = np.union1d(kept, base.kept).astype(np.int32)
    columns = [base.classes.index(name) if name in base.classes else -1 for name in classes] + [len(base.classes)]
    ngrams = np.zeros((len(kept), t + 1), np.float32)
    ngrams[np.searchsorted(kept, base.kept)] = _taken(base.ngrams, columns)
    # A class of one's own starts as unlikely as the least likely one known.
    offsets = _taken(base.offsets[None, :], columns)[0]
    offsets[[at for at, column in enumerate(columns) if column < 0]] = base.offsets[:-1].min()
    return replace(
        base,
        classes=classes,
        table=_taken(base.table, columns).astype(np.float32),
        offsets=offsets,
        kept=kept,
        ngrams=ngrams,
        thresholds=np.zeros(t),
    )


def _taken(weights: Array | Floats, columns: Sequence[int]) -> Array:
    found = np.zeros((len(weights), len(columns)))
    for at, column in enumerate(columns):
        if column >= 0:
            found[:, at] = weights[:, column]
    return found


def _features(head: FittedTasks, examples: TaskExamples) -> Floats:
    plain = scaled(plain_numbers(examples.readings, examples.seen), head.centre, head.factor)
    ones = np.ones((len(plain), 1), np.float32)
    return np.concatenate((plain, dense_ngrams(examples.readings, head.kept), ones), axis=1)


def _strength_of(given: Strengths, ngrams: int) -> Array:
    blocks = ((given.read, READ), (given.signals, PLAIN - READ), (given.ngrams, ngrams), (OFFSET_STRENGTH, 1))
    return np.concatenate([np.full(size, value) for value, size in blocks])


def _with_last(weights: Array, before: Floats) -> Floats:
    return np.concatenate((weights.astype(np.float32), before[:, -1:]), axis=1)
