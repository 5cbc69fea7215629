"""A small learner for traffic without text: difficulty of the cluster, level of the model and a shrunk rest, refitted in batches.

It takes what comes back from use (late, noisy, partly hostile), screens votes, forgets with a half-life, and starts a model anew when
its success is found to have fallen. The predictor proper reads prompts; this one shows what the loop around it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from routerapp.learning.drift import Finding, success_drift
from routerapp.learning.evidence import DAY_MS, SOURCES, Floats, Integers, Pieces
from routerapp.learning.votes import screen

_NAMES = tuple(SOURCES)
LABEL, RATING = _NAMES.index("label"), _NAMES.index("rating")
_LEVEL_ROWS, _CLUSTER_ROWS, _REST_ROWS = 10.0, 20.0, 40.0
_ROUNDS = 4
# Votes of the last so many rows are screened at each refit; voters once left out stay out.
_SCREENED_ROWS = 3_000
_LEAST_WATCHED = 30


@dataclass(frozen=True, slots=True)
class Feedback:
    """n rows, oldest answer first. cluster, model, source, voter (−1: none), answered_day: (n,) integers and floats; value: (n,) 0 to 1;
    expected: (n,) what was predicted of that answer when it was given.
    """

    cluster: Integers
    model: Integers
    source: Integers
    voter: Integers
    value: Floats
    expected: Floats
    answered_day: Floats

    def __len__(self) -> int:
        return len(self.value)

    def and_then(self, other: Feedback) -> Feedback:
        names = self.__slots__
        return Feedback(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def rows(self, index: Integers) -> Feedback:
        return Feedback(*(getattr(self, name)[index] for name in self.__slots__))


@dataclass
class BatchLearner:
    """clusters, models: how many. predicted, sd: (clusters, models) expected quality after the last
    refit and its standard error. findings: of drift, with the day."""

    clusters: int
    models: int
    half_life_days: float = 60.0
    watches_drift: bool = True
    predicted: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    sd: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    findings: list[tuple[float, Finding]] = field(default_factory=list)
    left_out: set[int] = field(default_factory=set)
    rows: Feedback | None = None
    factor: Floats = field(default_factory=lambda: np.zeros(0))
    since_day: dict[int, float] = field(default_factory=dict)
    watched_from: dict[int, float] = field(default_factory=dict)

    def take(self, feedback: Feedback) -> None:
        self.rows = feedback if self.rows is None else self.rows.and_then(feedback)
        trust = np.array([trust.weight for trust in SOURCES.values()])
        self.factor = np.append(self.factor, trust[feedback.source])

    def refit(self, day: float) -> Floats:
        """Predicted quality, (clusters, models), from all rows so far. Raises ValueError before the first rows."""
        if self.rows is None:
            raise ValueError("There is nothing to learn from yet.")
        self._screen()
        if self.watches_drift:
            self._watch(day)
        rows = self.rows
        since = np.array([self.since_day.get(model, -np.inf) for model in range(self.models)])
        weight = self.factor * (rows.answered_day >= since[rows.model])
        weight *= np.exp2(-np.maximum(day - rows.answered_day, 0) / self.half_life_days)
        self.predicted, self.sd = fitted(rows, weight, self.clusters, self.models)
        return self.predicted

    def _screen(self) -> None:
        """Recent votes count as the screening says; all votes of a voter who is left out count nothing, old ones too."""
        assert self.rows is not None
        index = np.arange(max(0, len(self.rows) - _SCREENED_ROWS), len(self.rows))
        index = index[~np.isin(self.rows.voter[index], list(self.left_out))]
        recent = self.rows.rows(index)
        screened = screen(_as_pieces(recent, self.clusters, self.models))
        trust = np.array([trust.weight for trust in SOURCES.values()])
        self.factor[index] = trust[recent.source] * screened.factor
        self.left_out |= {int(one.voter) for one in screened.quarantined if one.voter.isdigit()}
        self.factor[np.isin(self.rows.voter, list(self.left_out))] = 0.0

    def _watch(self, day: float) -> None:
        """After an alarm the model is learned from where it began to fall, and watched from now on: what was expected is renewed."""
        assert self.rows is not None
        for model in range(self.models):
            counted = (self.rows.model == model) & (self.rows.source == RATING) & (self.factor > 0)
            counted &= self.rows.answered_day >= self.watched_from.get(model, -np.inf)
            watched = self.rows.rows(np.flatnonzero(counted))
            if len(watched) < _LEAST_WATCHED:
                continue
            order = np.argsort(watched.answered_day, kind="stable")
            finding = success_drift(str(model), watched.value[order], watched.expected[order])
            if finding is not None:
                self.findings.append((day, finding))
                self.since_day[model] = float(watched.answered_day[order][finding.from_place])
                self.watched_from[model] = day


def fitted(rows: Feedback, weight: Floats, clusters: int, models: int) -> tuple[Floats, Floats]:
    """(clusters, models) twice: difficulty + level + rest by backfitting shrunk means (Breiman, Friedman 1985), and its standard error.

    The error is that of the level and of the shrunk rest, for answers with the spread of the whole; difficulty is shared by all models.
    """
    cell, cells = rows.cluster * models + rows.model, clusters * models
    n = np.bincount(cell, weight, minlength=cells).reshape(clusters, models)
    total = np.bincount(cell, weight * rows.value, minlength=cells).reshape(clusters, models)
    whole = float(total.sum() / n.sum())
    level, difficulty = np.zeros(models), np.zeros(clusters)
    for _ in range(_ROUNDS):
        level = (total - n * (whole + difficulty[:, None])).sum(axis=0) / (n.sum(axis=0) + _LEVEL_ROWS)
        difficulty = (total - n * (whole + level[None, :])).sum(axis=1) / (n.sum(axis=1) + _CLUSTER_ROWS)
    base = whole + level[None, :] + difficulty[:, None]
    found = np.clip(base + (total - n * base) / (n + _REST_ROWS), 0, 1)
    spread = whole * (1 - whole)
    variance = spread / (n.sum(axis=0) + _LEVEL_ROWS)[None, :] + spread * n / (n + _REST_ROWS) ** 2
    return found, np.sqrt(variance)


def _as_pieces(rows: Feedback, clusters: int, models: int) -> Pieces:
    voters = max(0, int(rows.voter.max(initial=-1))) + 1
    at_ms = (rows.answered_day * DAY_MS).astype(np.int64)
    ones = np.ones(len(rows))
    return Pieces(
        tuple(str(model) for model in range(models)),
        tuple(str(cluster) for cluster in range(clusters)),
        tuple(str(voter) for voter in range(voters)),
        rows.model,
        rows.cluster,
        rows.source,
        rows.voter,
        rows.value,
        ones,
        ones,
        at_ms,
        at_ms,
    )
