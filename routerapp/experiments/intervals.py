"""Intervals for one arm and for the difference between two: proportions and means. Pure; every interval says what it rests on.

With fewer than LEAST_UNITS units in an arm nothing is claimed: the normal approximations below would promise more than they hold.
"""

from __future__ import annotations

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
    """n, sum and sum of squares of a measured quantity; adds up across shards."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float:
        """Unbiased; 0 below two samples. Rounding may make it tiny and negative: then it is 0."""
        if self.n < 2:
            return 0.0
        return max(0.0, (self.squares - self.total * self.total / self.n) / (self.n - 1))


def z_of(confidence: float = CONFIDENCE) -> float:
    """Two-sided normal quantile."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def proportion(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson score interval (Wilson 1927): holds for small n and near 0 and 1, so it is given from the first unit on."""
    if n == 0:
        return Interval(None, None, None, 0)
    z = z_of(confidence)
    share = successes / n
    denominator = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / denominator
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / denominator
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), n)


def mean(moments: Moments, confidence: float = CONFIDENCE) -> Interval:
    """Mean with a normal interval, from LEAST_UNITS samples on."""
    if moments.n < LEAST_UNITS:
        return Interval(moments.mean, None, None, moments.n)
    value = moments.total / moments.n
    half = z_of(confidence) * sqrt(moments.variance / moments.n)
    return Interval(value, value - half, value + half, moments.n)


def proportion_difference(
    treated: tuple[int, int], control: tuple[int, int], confidence: float = CONFIDENCE
) -> Interval:
    """treated − control of (successes, n), by Newcombe's hybrid score method (1998, method 10)."""
    one, other = proportion(*treated, confidence), proportion(*control, confidence)
    n = min(one.n, other.n)
    if one.value is None or other.value is None:
        return Interval(None, None, None, n)
    value = one.value - other.value
    if n < LEAST_UNITS or one.low is None or one.high is None or other.low is None or other.high is None:
        return Interval(value, None, None, n)
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value, low, high, n)


def mean_difference(treated: Moments, control: Moments, confidence: float = CONFIDENCE) -> Interval:
    """treated − control of two means with unequal variances (Welch), normal quantile, from LEAST_UNITS samples each."""
    n = min(treated.n, control.n)
    if treated.mean is None or control.mean is None:
        return Interval(None, None, None, n)
    value = treated.mean - control.mean
    if n < LEAST_UNITS:
        return Interval(value, None, None, n)
    half = z_of(confidence) * sqrt(treated.variance / treated.n + control.variance / control.n)
    return Interval(value, value - half, value + half, n)
