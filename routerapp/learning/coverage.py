"""Some prompts out of many, so that every kind of them is there: for whoever has to pay for each answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Floats

Places = NDArray[np.int64]

# At most so many kinds, and at least so many prompts asked of each on average: a lone outlier is one prompt, not the sample.
MOST_CLUSTERS, PROMPTS_EACH = 64, 4
# Distances are compared after rounding, so that the last bit of a sum never chooses.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """at: places of the chosen prompts, in order. members: per cluster how many prompts were offered; taken: how many of them were chosen."""

    at: tuple[int, ...]
    members: tuple[int, ...]
    taken: tuple[int, ...]


def cover(points: Floats, count: int, seed: int) -> Sample:
    """points: (n, d), one per prompt; count: how many to choose. The same input gives the same choice.

    Seeds of clusters are drawn far from each other (k-means++: Arthur & Vassilvitskii 2007, section 2.2); each cluster then gives one
    prompt and otherwise its share of all (largest remainder), drawn inside it in the same way, so that near copies come last.
    Raises ValueError for a count below 1 or points that are no table.
    """
    if count < 1:
        raise ValueError(f"At least 1 prompt is chosen, not {count}.")
    if points.ndim != 2:
        raise ValueError(f"Points are a table (n, d), not of {points.ndim} dimensions.")
    table = np.asarray(points, np.float64)
    if count >= len(table):
        return Sample(tuple(range(len(table))), (len(table),), (len(table),))
    generator = np.random.Generator(np.random.PCG64(seed))
    centres = _spread(table, int(np.clip(count // PROMPTS_EACH, 1, MOST_CLUSTERS)), generator)
    cluster = np.stack([_from(table, table[centre]) for centre in centres]).argmin(axis=0)
    members = np.bincount(cluster, minlength=len(centres))
    taken = shares(members, count)
    chosen: list[int] = []
    for number, quota in enumerate(taken.tolist()):
        inside = np.flatnonzero(cluster == number)
        chosen += inside[_spread(table[inside], quota, generator)].tolist()
    return Sample(tuple(sorted(chosen)), tuple(members.tolist()), tuple(taken.tolist()))


def shares(members: Places, count: int) -> Places:
    """(c,) how many each of c clusters gives: one, then in proportion to its members, never more than it has. count lies between c and their sum."""
    taken = np.minimum(np.ones_like(members), members)
    while (left := count - int(taken.sum())) > 0:
        room = members - taken
        wanted = left * room / room.sum()
        more = np.minimum(np.floor(wanted).astype(np.int64), room)
        if not more.sum():
            # Ties go to the cluster that was found first.
            order = np.argsort(-np.round(wanted, _DIGITS), kind="stable")[:left]
            more[order] = np.minimum(1, room[order])
        taken = taken + more
    return taken


def _spread(points: Floats, count: int, generator: np.random.Generator) -> Places:
    """(≤ count,) places drawn one after the other, each with the square of its distance to what was drawn before as its weight."""
    if count >= len(points):
        return np.arange(len(points))
    drawn = [int(generator.integers(len(points)))]
    nearest = _from(points, points[drawn[0]])
    is_left = np.ones(len(points), bool)
    is_left[drawn[0]] = False
    while len(drawn) < count:
        # Among copies of what is there already, any will do.
        weights = nearest if nearest.any() else is_left.astype(np.float64)
        ends = np.cumsum(weights)
        place = int(np.searchsorted(ends, generator.random() * ends[-1], side="right"))
        place = min(place, int(np.flatnonzero(weights)[-1]))
        drawn.append(place)
        is_left[place] = False
        nearest = np.minimum(nearest, _from(points, points[place]))
    return np.asarray(drawn, np.int64)


def _from(points: Floats, centre: Floats) -> Floats:
    """(n,) squared distances, rounded."""
    return np.asarray(np.round(((points - centre) ** 2).sum(axis=1), _DIGITS))
