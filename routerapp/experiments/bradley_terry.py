"""Arena votes: which of two answers was better, as one strength per model with an interval (Bradley, Terry 1952).

The strength shown is the chance of winning against the average model of the pool, 0 to 1, so that it can be read without a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.experiments.intervals import CONFIDENCE, Interval, z_of

Floats = NDArray[np.float64]
# Each pair of models is thought to have drawn so many times before: it keeps a model that never lost at a finite strength.
PRIOR_DRAWS = 0.5
_ROUNDS = 50
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Duel:
    """One vote. score: 1 the first was better, 0 the second, 0.5 neither."""

    first: str
    second: str
    score: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError(f"{self.first!r} cannot be compared with itself.")
        if not 0 <= self.score <= 1 or not self.weight >= 0:
            raise ValueError(
                f"A vote scores 0 to 1 with a weight of 0 or more, not {self.score!r} and {self.weight!r}."
            )


@dataclass(frozen=True, slots=True)
class Strength:
    """win: chance against the pool's average model, with interval; n: its votes. effective: 0/1 outcomes that say as much."""

    model: str
    log_odds: float
    standard_error: float
    win: Interval
    effective: float


def strengths(duels: Sequence[Duel], confidence: float = CONFIDENCE) -> tuple[Strength, ...]:
    """One per model, strongest first. Log-odds sum to zero over the pool; a tie is half a win for each.

    Newton's method on the log-likelihood; the error is from the inverse of its information on contrasts that sum to zero (Hunter 2004,
    "MM algorithms for generalized Bradley–Terry models", sections 2 and 5). The interval is made on log-odds and carried over.
    """
    models = sorted({name for duel in duels for name in (duel.first, duel.second)})
    if not models:
        return ()
    wins = _wins(duels, models)
    log_odds, covariance = _fitted(wins)
    votes = wins.sum(axis=1) + wins.sum(axis=0) - PRIOR_DRAWS * (len(models) - 1)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    found = [
        _strength(model, float(log_odds[at]), float(errors[at]), float(votes[at]), confidence)
        for at, model in enumerate(models)
    ]
    return tuple(sorted(found, key=lambda one: (-one.log_odds, one.model)))


def _strength(model: str, log_odds: float, error: float, votes: float, confidence: float) -> Strength:
    reach = z_of(confidence) * error
    value, low, high = (float(1 / (1 + np.exp(-at))) for at in (log_odds, log_odds - reach, log_odds + reach))
    effective = 1 / (error**2 * value * (1 - value)) if error > 0 else votes
    return Strength(model, log_odds, error, Interval(value, low, high, round(votes)), effective)


def _wins(duels: Sequence[Duel], models: list[str]) -> Floats:
    """(m, m): how often the row beat the column, with the draws thought to have been before."""
    places = {model: at for at, model in enumerate(models)}
    wins = np.full((len(models), len(models)), PRIOR_DRAWS / 2)
    np.fill_diagonal(wins, 0)
    for duel in duels:
        first, second = places[duel.first], places[duel.second]
        wins[first, second] += duel.weight * duel.score
        wins[second, first] += duel.weight * (1 - duel.score)
    return wins


def _fitted(wins: Floats) -> tuple[Floats, Floats]:
    games, m = wins + wins.T, len(wins)
    log_odds = np.zeros(m)
    inverse: Floats = np.zeros((m, m))
    constant = np.full((m, m), 1 / m)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(log_odds[None, :] - log_odds[:, None]))
        information = -games * chance * (1 - chance)
        np.fill_diagonal(information, 0)
        np.fill_diagonal(information, -information.sum(axis=1))
        # The constant direction carries no information and is left out of the inverse, which is the sum-to-zero constraint. It is put in
        # and taken out again by name: a pseudo-inverse cannot tell it from the little information of one-sided votes.
        scale = float(np.trace(information)) / m
        inverse = np.asarray(np.linalg.inv(information + scale * constant) - constant / scale, dtype=np.float64)
        step = inverse @ (wins - games * chance).sum(axis=1)
        log_odds = log_odds + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < _CLOSE:
            break
    return log_odds, inverse
