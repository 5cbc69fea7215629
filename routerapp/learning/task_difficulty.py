"""The last column of a task head: which share of models fails at a prompt, learned from graded prompts, and where it may be said.

Ridge regression on reading and signals, then the n-gram head on what is left; brought to scale outside its folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import ridge
from routerapp.learning.clusters import find_centres
from routerapp.learning.folds import folds_of
from routerapp.learning.ngram_head import fit_ngrams
from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.reading import Readings
from routerapp.learning.sparse import Table
from routerapp.learning.task_head import FittedTasks, scaled
from routerapp.learning.task_training import plain_numbers

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

STRENGTH = 300.0
MOST_NGRAMS = 6_144
LEAST_PROMPTS = 10
MOST_CLUSTERED = 4_000
FAMILIAR_SHARE = 0.9


def fit_difficulty(
    head: FittedTasks, readings: Readings, seen: Floats, failure: Array, groups: Sequence[str], seed: int
) -> tuple[FittedTasks, Array]:
    """The head with difficulty and familiarity; and the failure foreseen of each prompt outside its fold, (n,).

    seen (n, 25): signals; failure (n,): mean of 1 - quality over the models, 0 to 1. Raises ValueError for fewer than ten prompts.
    """
    if len(failure) < LEAST_PROMPTS:
        raise ValueError(f"Difficulty needs at least {LEAST_PROMPTS} graded prompts, not {len(failure)}.")
    fold = folds_of(groups, seed)
    plain = scaled(plain_numbers(readings, seen), head.centre, head.factor).astype(np.float64)
    target = failure[:, None]
    left_out = np.zeros_like(target)
    for number in np.unique(fold):
        inside = fold != number
        left_out[~inside] = ridge.fit(plain[inside], target[inside], STRENGTH).of(plain[~inside])
    line = ridge.fit(plain, target, STRENGTH)
    wide = _with_rows(head, _common(readings))
    table = Table.of(readings, wide.kept, np.ones(len(wide.kept), np.float32))
    rest = fit_ngrams(table, target - left_out, fold)
    foreseen = (left_out + rest.predicted)[:, 0]
    slope, offset = _calibrated(foreseen, failure)
    wide.table[:, -1] = slope * line.weights[:, 0]
    wide.ngrams[:, -1] = slope * rest.weights[:, 0]
    wide.offsets[-1] = slope * (line.offsets[0] + rest.offsets[0]) + offset
    clusters, familiar = _familiar(readings, seed)
    fitted = replace(wide, clusters=clusters, familiar=familiar)
    return fitted, np.clip(slope * foreseen + offset, 0.0, 1.0)


def _common(readings: Readings) -> NDArray[np.int32]:
    counted = np.bincount(readings.buckets, minlength=BUCKETS)
    order = np.argsort(-counted, kind="stable")[:MOST_NGRAMS]
    return np.sort(order[counted[order] >= LEAST_PROMPTS]).astype(np.int32)


def _with_rows(head: FittedTasks, more: NDArray[np.int32]) -> FittedTasks:
    """A copy whose arrays may be written to, with a row for these buckets too."""
    kept = np.union1d(head.kept, more).astype(np.int32)
    ngrams = np.zeros((len(kept), head.ngrams.shape[1]), np.float32)
    ngrams[np.searchsorted(kept, head.kept)] = head.ngrams
    return replace(head, kept=kept, ngrams=ngrams, table=head.table.copy(), offsets=head.offsets.copy())


def _calibrated(foreseen: Array, failure: Array) -> tuple[float, float]:
    """(slope, offset) of the line that fits best; never one that turns the order round."""
    spread = float(foreseen.var())
    slope = max(float(np.cov(foreseen, failure, bias=True)[0, 1]) / spread, 0.0) if spread > 0 else 0.0
    return slope, float(failure.mean() - slope * foreseen.mean())


def _familiar(readings: Readings, seed: int) -> tuple[Floats, float]:
    """Centres of the prompts' vectors, and the cosine to the nearest that nine in ten of them reach."""
    generator = np.random.Generator(np.random.PCG64(seed))
    most = min(MOST_CLUSTERED, len(readings))
    chosen = np.sort(generator.choice(len(readings), most, replace=False))
    centres = find_centres(readings.vectors[chosen].astype(np.float64), seed)
    centres /= np.maximum(np.sqrt((centres * centres).sum(axis=1, keepdims=True)), 1e-9)
    clusters = centres.astype(np.float32)
    nearest = (readings.vectors @ clusters.T).max(axis=1)
    return clusters, round(float(np.quantile(nearest, 1.0 - FAMILIAR_SHARE)), 4)
