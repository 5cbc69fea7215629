"""Intervals for one arm and for the difference between two: proportions and means. Pure; every interval says what it rests on.

With fewer than LEAST_UNITS units in an arm nothing is claimed: the normal approximations below would promise more than they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
LEAST_UNITS = 30


@dataclass(frozen=True, slots=True)
class Interval:
    """value with its bounds; low and high are None while there are too few units to say. n: what it rests on."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def is_known(self) -> bool:
        return self.low is not None and self.high is not None

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over units of a quantity measured n_i times in unit i with the total x_i. Adds up across shards.

    A unit is what was drawn into an arm; its requests are not independent of each other, so the spread is that between units: the delta
    method for ratio metrics (Deng, Knoblich, Lu, "Applying the Delta Method in Metric Analytics", KDD 2018). One request a unit makes
    it the ordinary sample mean.
    """

    units: int = 0
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    n_squares: float = 0.0
    products: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.units + other.units,
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.n_squares + other.n_squares,
            self.products + other.products,
        )

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None

    @property
    def mean_variance(self) -> float:
        """Variance of the mean; 0 below two units. Rounding may make it tiny and negative: then it is 0."""
        if self.units < 2 or not self.n:
            return 0.0
        mean = self.total / self.n
        spread = self.squares - 2 * mean * self.products + mean * mean * self.n_squares
        return max(0.0, spread / (self.units - 1) * self.units / (self.n * self.n))


def moments_of(units: Iterable[tuple[int, float]]) -> Moments:
    """From (n_i, x_i) of each unit."""
    count = n = 0
    total = squares = n_squares = products = 0.0
    for times, value in units:
        count += 1
        n += times
        total += value
        squares += value * value
        n_squares += times * times
        products += times * value
    return Moments(count, n, total, squares, n_squares, products)


def z_of(confidence: float = CONFIDENCE) -> float:
    """Two-sided normal quantile."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def proportion(successes: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Wilson score interval (Wilson 1927): holds for small n and near 0 and 1, so it is given from the first unit on."""
    if n <= 0:
        return Interval(None, None, None, 0)
    z = z_of(confidence)
    share = successes / n
    denominator = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / denominator
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / denominator
    # Rounded, so that all of n ends at 1 and none at 0, as the formula has it.
    return Interval(share, max(0.0, round(middle - half, 12)), min(1.0, round(middle + half, 12)), round(n))


def mean(moments: Moments, confidence: float = CONFIDENCE) -> Interval:
    """Mean with a normal interval, from LEAST_UNITS units on."""
    value = moments.mean
    if value is None or moments.units < LEAST_UNITS:
        return Interval(value, None, None, moments.units)
    half = z_of(confidence) * sqrt(moments.mean_variance)
    return Interval(value, value - half, value + half, moments.units)


def effective_units(moments: Moments) -> float:
    """How many independent 0/1 outcomes say as much as these n of `units` units: p(1 − p) / variance of the mean, at most n.

    Where the spread between units says nothing, because there are few of them or all outcomes are alike, each unit counts once.
    """
    value = moments.mean
    if value is None or moments.units == moments.n:
        return moments.n
    variance = moments.mean_variance
    found = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else float(moments.units)
    return min(found, float(moments.n if moments.units >= LEAST_UNITS else moments.units))


def share(moments: Moments, confidence: float = CONFIDENCE) -> Interval:
    """Mean of 0/1 outcomes: Wilson's interval on the effective number of units (Korn, Graubard 1998; Dean, Pagano 2015)."""
    found = _share(moments, confidence)
    return Interval(found.value, found.low, found.high, moments.units)


def share_difference(treated: Moments, control: Moments, confidence: float = CONFIDENCE) -> Interval:
    """treated − control of two shares of 0/1 outcomes: Newcombe's method on the effective numbers of units."""
    units = min(treated.units, control.units)
    found = _difference(_share(treated, confidence), _share(control, confidence))
    if units < LEAST_UNITS:
        return Interval(found.value, None, None, units)
    return Interval(found.value, found.low, found.high, units)


def proportion_difference(
    treated: tuple[int, int], control: tuple[int, int], confidence: float = CONFIDENCE
) -> Interval:
    """treated − control of (successes, n), by Newcombe's hybrid score method (1998, method 10)."""
    found = _difference(proportion(*treated, confidence), proportion(*control, confidence))
    return found if found.n >= LEAST_UNITS else Interval(found.value, None, None, found.n)


def _share(moments: Moments, confidence: float) -> Interval:
    effective = effective_units(moments)
    return proportion((moments.mean or 0.0) * effective, effective, confidence)


def _difference(one: Interval, other: Interval) -> Interval:
    n = min(one.n, other.n)
    if one.value is None or one.low is None or one.high is None:
        return Interval(None, None, None, n)
    if other.value is None or other.low is None or other.high is None:
        return Interval(None, None, None, n)
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value, low, high, n)


def mean_difference(treated: Moments, control: Moments, confidence: float = CONFIDENCE) -> Interval:
    """treated − control of two means with unequal variances (Welch), normal quantile, from LEAST_UNITS units each."""
    units = min(treated.units, control.units)
    if treated.mean is None or control.mean is None:
        return Interval(None, None, None, units)
    value = treated.mean - control.mean
    if units < LEAST_UNITS:
        return Interval(value, None, None, units)
    half = z_of(confidence) * sqrt(treated.mean_variance + control.mean_variance)
    return Interval(value, value - half, value + half, units)
