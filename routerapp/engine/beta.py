"""Beta distributions as tables: quantiles for seeded draws, and the exact chance of each draw being the highest.

A draw and its probability come from the same table (a distribution function, linear between its knots), so the recorded probability is
that of the draw itself, not of an ideal that it approximates.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from math import exp, inf, log, sqrt

Shape = tuple[float, float]
KNOTS = 49
REACH = 6.0
MOST_CELLS = 400
DIGITS = 9
# Gauss–Legendre of two points: exact for cubics, the cells are small.
_NODES = (0.5 - sqrt(3.0) / 6.0, 0.5 + sqrt(3.0) / 6.0)


@lru_cache(maxsize=4_096)
def table(shape: Shape) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(knots, distribution at the knots) of a Beta distribution; both parameters are at least 1: from mean − 6 to mean + 6 sd."""
    a, b = max(1.0, shape[0]), max(1.0, shape[1])
    mean = a / (a + b)
    sd = sqrt(a * b / ((a + b) * (a + b) * (a + b + 1.0)))
    low, high = max(0.0, mean - REACH * sd), min(1.0, mean + REACH * sd)
    step = (high - low) / (KNOTS - 1)
    knots = [low + step * place for place in range(KNOTS)]
    peak = _log_density((a - 1.0) / (a + b - 2.0) if a + b > 2.0 else 0.5, a, b)
    sums = [0.0]
    for left in knots[:-1]:
        # Simpson's rule in each cell.
        at = [exp(_log_density(left + part * step, a, b) - peak) for part in (0.0, 0.5, 1.0)]
        sums.append(sums[-1] + at[0] + 4.0 * at[1] + at[2])
    total = sums[-1]
    return tuple(knots), tuple(part / total for part in sums)


def quantile(shape: Shape, point: float) -> float:
    """Where the distribution reaches point, 0 to 1."""
    knots, sums = table(shape)
    place = min(max(bisect_right(sums, point), 1), KNOTS - 1)
    below, above = sums[place - 1], sums[place]
    share = (point - below) / (above - below) if above > below else 0.0
    return knots[place - 1] + share * (knots[place] - knots[place - 1])


@lru_cache(maxsize=512)
def chances_of_highest(shapes: tuple[Shape, ...]) -> tuple[float, ...]:
    """Of independent draws, the probability of each being the highest; they sum to 1. Cost: at most 400 cells times the number of draws.

    ∫ f_i(x) · Π_{j≠i} F_j(x) dx (Russo et al. 2018, A Tutorial on Thompson Sampling, section 3), cell by cell between all knots.
    """
    marks = sorted({knot for shape in shapes for knot in table(shape)[0]})
    if len(marks) > MOST_CELLS + 1:
        stride = (len(marks) - 1) / MOST_CELLS
        marks = [marks[round(stride * place)] for place in range(MOST_CELLS + 1)]
    columns = [_along(shape, marks) for shape in shapes]
    found = [0.0] * len(shapes)
    for cell in range(len(marks) - 1):
        for node in _NODES:
            at = [column[cell] + node * (column[cell + 1] - column[cell]) for column in columns]
            for place, (column, others) in enumerate(zip(columns, _products_without(at), strict=True)):
                found[place] += 0.5 * (column[cell + 1] - column[cell]) * others
    total = sum(found)
    return tuple(round(part / total, DIGITS) for part in found)


def _products_without(values: list[float]) -> list[float]:
    """For each place the product of all others."""
    products = [1.0] * len(values)
    before = 1.0
    for place, value in enumerate(values):
        products[place] = before
        before *= value
    after = 1.0
    for place in range(len(values) - 1, -1, -1):
        products[place] *= after
        after *= values[place]
    return products


def _along(shape: Shape, marks: list[float]) -> list[float]:
    """The distribution function at each of the sorted marks."""
    knots, sums = table(shape)
    found: list[float] = []
    place = 1
    for mark in marks:
        if mark <= knots[0]:
            found.append(0.0)
        elif mark >= knots[-1]:
            found.append(1.0)
        else:
            while knots[place] < mark:
                place += 1
            share = (mark - knots[place - 1]) / (knots[place] - knots[place - 1])
            found.append(sums[place - 1] + share * (sums[place] - sums[place - 1]))
    return found


def _log_density(x: float, a: float, b: float) -> float:
    """Up to a constant; a and b are at least 1."""
    if (x <= 0.0 and a > 1.0) or (x >= 1.0 and b > 1.0):
        return -inf
    return (0.0 if a == 1.0 else (a - 1.0) * log(x)) + (0.0 if b == 1.0 else (b - 1.0) * log(1.0 - x))
