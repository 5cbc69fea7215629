"""Sample-ratio check: did the arms get the shares they were meant to get? If not, no comparison between them can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

# Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments" (KDD 2019): a strict level, because it is looked at daily.
ALARM_BELOW = 0.001
LEAST_EXPECTED = 5.0
_STEPS = 1_000
_CLOSE = 1e-12


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """p_value is None while an arm expects fewer than LEAST_EXPECTED units."""

    expected: tuple[float, ...]
    observed: tuple[int, ...]
    p_value: float | None

    @property
    def is_mismatch(self) -> bool:
        return self.p_value is not None and self.p_value < ALARM_BELOW


def check_sample_ratio(observed: Sequence[int], weights: Sequence[float]) -> SampleRatio:
    """Pearson's chi-squared test of counts against weights. Raises ValueError for negative counts or no weight."""
    if len(observed) != len(weights) or not weights or sum(weights) <= 0:
        raise ValueError("Every arm needs a weight, and one must be above zero.")
    if min(observed) < 0 or min(weights) < 0:
        raise ValueError("Counts and weights are not negative.")
    total = sum(observed)
    expected = tuple(total * weight / sum(weights) for weight in weights)
    if any(count and not share for count, share in zip(observed, expected, strict=True)):
        return SampleRatio(expected, tuple(observed), 0.0)
    counted = [(count, share) for count, share in zip(observed, expected, strict=True) if share]
    if len(counted) < 2 or min(share for _, share in counted) < LEAST_EXPECTED:
        return SampleRatio(expected, tuple(observed), None)
    statistic = sum((count - share) ** 2 / share for count, share in counted)
    return SampleRatio(expected, tuple(observed), chi_squared_tail(statistic, len(counted) - 1))


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """P(X >= statistic): the upper regularised incomplete gamma function Q(k/2, x/2) (Numerical Recipes, 6.2)."""
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    factor = exp(a * log(x) - x - lgamma(a))
    return 1.0 - factor * _lower_series(a, x) if x < a + 1 else factor * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for step in range(1, _STEPS):
        term *= x / (a + step)
        total += term
        if term < total * _CLOSE:
            break
    return total


def _upper_fraction(a: float, x: float) -> float:
    """Lentz's method."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for step in range(1, _STEPS):
        numerator = -step * (step - a)
        b += 2
        d = 1 / _not_zero(numerator * d + b, tiny)
        c = _not_zero(b + numerator / c, tiny)
        change = d * c
        value *= change
        if abs(change - 1) < _CLOSE:
            break
    return value


def _not_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value
