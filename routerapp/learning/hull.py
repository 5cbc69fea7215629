"""The best that can be had for each cost: the concave, non-decreasing hull of points in the cost-quality plane.

Works on a batch of point sets at once (one row a bootstrap draw), so that intervals cost little more than the figure itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Floats

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hull:
    """B hulls: cost and quality of their corners, (B, P) each, from left to right; after the last corner it is repeated."""

    cost: Floats
    quality: Floats

    def area(self, low: Floats, high: Floats) -> Floats:
        """Area under each hull from low to high, (B,); flat right of the last corner, nothing left of the first one."""
        left, right = self.cost[:, :-1], self.cost[:, 1:]
        begin, end = np.maximum(left, low[:, None]), np.minimum(right, high[:, None])
        width = np.maximum(end - begin, 0.0)
        rise = np.diff(self.quality, axis=1)
        slope = np.divide(rise, right - left, out=np.zeros_like(rise), where=right > left)
        middle = self.quality[:, :-1] + slope * ((begin + end) / 2 - left)
        flat = np.maximum(high - np.maximum(self.cost[:, -1], low), 0.0) * self.quality[:, -1]
        return np.asarray((width * middle).sum(axis=1) + flat)

    def cost_at(self, wanted: Floats) -> Floats:
        """The least cost at which each hull reaches the quality wanted, (B,); NaN where it never does. Linear between corners."""
        reached = self.quality >= wanted[:, None] - 1e-12
        rows = np.arange(len(wanted))
        after = reached.argmax(axis=1)
        before = np.maximum(after - 1, 0)
        rise = self.quality[rows, after] - self.quality[rows, before]
        share = np.divide(wanted - self.quality[rows, before], rise, out=np.ones_like(rise), where=rise > 0)
        cost = self.cost[rows, before] + np.clip(share, 0.0, 1.0) * (self.cost[rows, after] - self.cost[rows, before])
        return np.where(reached.any(axis=1), cost, np.nan)

    def corners(self, row: int = 0) -> list[tuple[float, float]]:
        """(cost, quality) of one hull, each corner once."""
        pairs = zip(self.cost[row].tolist(), self.quality[row].tolist(), strict=True)
        return list(dict.fromkeys(pairs))


def hull_of(cost: Floats, quality: Floats) -> Hull:
    """The hulls of B sets of P points, (B, P) each: Andrew's monotone chain, one step of all sets at a time.

    Source: Hu et al., RouterBench (arXiv:2403.12031), section 3: "non-decreasing convex hull".
    """
    order = np.lexsort((quality, cost), axis=1)
    cost = np.take_along_axis(cost, order, axis=1)
    quality = np.maximum.accumulate(np.take_along_axis(quality, order, axis=1), axis=1)
    rows = np.arange(len(cost))
    kept = np.zeros(cost.shape, dtype=np.int64)
    top = np.zeros(len(cost), dtype=np.int64)
    for at in range(1, cost.shape[1]):
        open_rows = rows
        while open_rows.size:
            open_rows = open_rows[_is_under(cost, quality, kept, top, open_rows, at)]
            top[open_rows] -= 1
            open_rows = open_rows[top[open_rows] >= 0]
        top += 1
        kept[rows, top] = at
    kept = np.take_along_axis(kept, np.minimum(np.arange(cost.shape[1]), top[:, None]), axis=1)
    return Hull(np.take_along_axis(cost, kept, axis=1), np.take_along_axis(quality, kept, axis=1))


def _is_under(cost: Floats, quality: Floats, kept: Places, top: Places, rows: Places, at: int) -> NDArray[np.bool_]:
    """For each of these rows: does its last corner lie on or under the line from the one before it to the point `at`?"""
    last = kept[rows, top[rows]]
    before = kept[rows, np.maximum(top[rows] - 1, 0)]
    run, rise = cost[rows, last] - cost[rows, before], quality[rows, last] - quality[rows, before]
    next_run, next_rise = cost[rows, at] - cost[rows, last], quality[rows, at] - quality[rows, last]
    return np.asarray(np.where(top[rows] == 0, next_run <= 0, run * next_rise >= rise * next_run))
