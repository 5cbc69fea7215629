"""Intervals that stay valid however often one looks: for deciding when to stop, where a fixed-horizon interval would mislead.

A normal-mixture confidence sequence: with probability `confidence` the truth lies inside at all times at once (Robbins 1970; Howard,
Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021; asymptotic form: Waudby-Smith et al.
2024). It is wider than the interval of a single look, and that is its price.
"""

from __future__ import annotations

from math import log, sqrt

from routerapp.experiments.intervals import CONFIDENCE, LEAST_UNITS, Interval, Moments, effective_units

# The sequence is tightest around this many units per arm; fixed, so that it cannot be tuned after the fact.
TIGHTEST_AT = 1_000


def always_valid_mean_difference(
    treated: Moments, control: Moments, confidence: float = CONFIDENCE, tightest_at: int = TIGHTEST_AT
) -> Interval:
    """treated − control of two means, valid at every look."""
    variance = treated.mean_variance + control.mean_variance
    return _sequence(treated, control, variance, confidence, tightest_at)


def always_valid_share_difference(
    treated: Moments, control: Moments, confidence: float = CONFIDENCE, tightest_at: int = TIGHTEST_AT
) -> Interval:
    """treated − control of two shares of 0/1 outcomes, valid at every look. Where all succeeded it still has a width."""
    variance = _share_variance(treated) + _share_variance(control)
    return _sequence(treated, control, variance, confidence, tightest_at)


def _share_variance(moments: Moments) -> float:
    """With one success and one failure added (Agresti, Caffo 2000): all good so far does not mean always good."""
    n = effective_units(moments) + 2
    p = ((moments.mean or 0.0) * (n - 2) + 1) / n
    return p * (1 - p) / n


def _sequence(treated: Moments, control: Moments, variance: float, confidence: float, tightest_at: int) -> Interval:
    units = min(treated.units, control.units)
    if treated.mean is None or control.mean is None:
        return Interval(None, None, None, units)
    value = treated.mean - control.mean
    if units < LEAST_UNITS:
        return Interval(value, None, None, units)
    half = mixture_factor(units, 1 - confidence, tightest_at) * sqrt(variance)
    return Interval(value, value - half, value + half, units)


def mixture_factor(n: int, alpha: float, tightest_at: int) -> float:
    """What takes the place of the normal quantile after n units: sqrt((nρ²+1)/(nρ²) · log((nρ²+1)/α²)), with ρ² for tightest_at."""
    rho_squared = (2 * log(1 / alpha) + log(1 + 2 * log(1 / alpha))) / tightest_at
    spread = n * rho_squared
    return sqrt((spread + 1) / spread * log((spread + 1) / (alpha * alpha)))
