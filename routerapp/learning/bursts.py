"""Bursts: more strangers than chance allows voting on one model within one hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.evidence import Integers

HOUR_MS = 3_600_000
# Per hour and model; a year of 15 models has 131,400 of them, so one false burst in ten such years.
ALARM_BELOW = 1e-6
LEAST_VOTERS = 10
_TERMS = 1_000


@dataclass(frozen=True, slots=True)
class Burst:
    """rows: places of the strangers' votes; usual: strangers an hour brings this model; voters: how many this one brought."""

    model: int
    from_ms: int
    voters: int
    usual: float
    rows: Integers


def bursts(at_ms: Integers, voter: Integers, model: Integers, counted: NDArray[np.bool_]) -> list[Burst]:
    """All votes of a stranger fall into one hour. The usual number is the mean over hours, this one left out; Poisson's tail decides."""
    rows = np.flatnonzero(counted)
    if not len(rows):
        return []
    hour = at_ms[rows] // HOUR_MS
    _, who = np.unique(voter[rows], return_inverse=True)
    first, last = np.full(int(who.max()) + 1, 2**62), np.full(int(who.max()) + 1, -(2**62))
    np.minimum.at(first, who, hour)
    np.maximum.at(last, who, hour)
    stranger = first[who] == last[who]
    rows, hour, who = rows[stranger], hour[stranger], who[stranger]
    hours = int(at_ms[counted].max() // HOUR_MS - at_ms[counted].min() // HOUR_MS) + 1
    seen = np.unique(np.stack([model[rows], hour, who], axis=1), axis=0)
    slots, numbers = np.unique(seen[:, :2], axis=0, return_counts=True)
    of_model = np.bincount(seen[:, 0])
    found = []
    for (column, at), number in zip(slots.tolist(), numbers.tolist(), strict=True):
        usual = (int(of_model[column]) - number + 1) / max(1, hours - 1)
        if number >= LEAST_VOTERS and poisson_tail(number, usual) < ALARM_BELOW:
            own = rows[(model[rows] == column) & (hour == at)]
            found.append(Burst(column, at * HOUR_MS, number, usual, own))
    return found


def poisson_tail(count: int, mean: float) -> float:
    """P(X >= count) for a Poisson number with this mean: the series of its terms from `count` on."""
    if count <= 0:
        return 1.0
    term = exp(count * log(mean) - mean - lgamma(count + 1)) if mean > 0 else 0.0
    total = 0.0
    for step in range(1, _TERMS):
        total += term
        term *= mean / (count + step)
        if term < total * 1e-12:
            break
    return min(1.0, total)
