"""Compares the arms of one experiment: each metric of each arm with its interval, each arm against the control, and whether it may be read.

Numbers in, numbers out: who counts them is the store, who words them is the dashboard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routerapp.experiments.intervals import (
    Interval,
    Moments,
    mean,
    mean_difference,
    share,
    share_difference,
)
from routerapp.experiments.sample_ratio import SampleRatio, check_sample_ratio
from routerapp.experiments.sequential import always_valid_mean_difference, always_valid_share_difference

SUCCESS = "success"
COST_USD = "cost_usd"
LATENCY_MS = "latency_ms"
FEEDBACK = "feedback"
NO_SAMPLES = Moments()
METRICS = (SUCCESS, COST_USD, LATENCY_MS, FEEDBACK)
# Which way is better: success and feedback up, cost and latency down.
IS_MORE_BETTER: Mapping[str, bool] = {SUCCESS: True, FEEDBACK: True, COST_USD: False, LATENCY_MS: False}


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What one arm saw. assigned: requests the hash gave to it; exposed: those in which one of its models was asked; units: distinct units.

    success is over requests that say something about the answer (not cancelled, not refused); feedback is 0 to 1.
    """

    name: str
    weight: float
    assigned: int = 0
    exposed: int = 0
    units: int = 0
    unpriced: int = 0
    success: Moments = NO_SAMPLES
    cost_usd: Moments = NO_SAMPLES
    latency_ms: Moments = NO_SAMPLES
    feedback: Moments = NO_SAMPLES


@dataclass(frozen=True, slots=True)
class Lift:
    """One arm's difference to the control in one metric: at this look, and valid at every look."""

    metric: str
    difference: Interval
    always_valid: Interval

    @property
    def verdict(self) -> str:
        """better, worse, or undecided as long as the always-valid interval holds zero."""
        low = self.always_valid.low
        if low is None or not self.always_valid.excludes_zero:
            return "undecided"
        return "better" if (low > 0) == IS_MORE_BETTER[self.metric] else "worse"


@dataclass(frozen=True, slots=True)
class ArmReport:
    counts: ArmCounts
    metrics: Mapping[str, Interval]
    lifts: Mapping[str, Lift]


@dataclass(frozen=True, slots=True)
class Comparison:
    """arms in the order given; the first is the control. sample_ratio is None when units do not carry a share (one arm)."""

    arms: tuple[ArmReport, ...]
    sample_ratio: SampleRatio | None

    @property
    def is_trustworthy(self) -> bool:
        return self.sample_ratio is None or not self.sample_ratio.is_mismatch


def compare(arms: Sequence[ArmCounts]) -> Comparison:
    """The first arm is the control; raises ValueError without arms."""
    if not arms:
        raise ValueError("An experiment has arms.")
    control = arms[0]
    reports = tuple(
        ArmReport(arm, _metrics(arm), {} if arm is control else {name: _lift(name, arm, control) for name in METRICS})
        for arm in arms
    )
    ratio = None
    if len(arms) > 1 and any(arm.weight for arm in arms):
        ratio = check_sample_ratio([arm.units for arm in arms], [arm.weight for arm in arms])
    return Comparison(reports, ratio)


def _metrics(arm: ArmCounts) -> dict[str, Interval]:
    return {
        SUCCESS: share(arm.success),
        COST_USD: mean(arm.cost_usd),
        LATENCY_MS: mean(arm.latency_ms),
        FEEDBACK: mean(arm.feedback),
    }


def _lift(metric: str, arm: ArmCounts, control: ArmCounts) -> Lift:
    treated, base = getattr(arm, metric), getattr(control, metric)
    if metric == SUCCESS:
        return Lift(metric, share_difference(treated, base), always_valid_share_difference(treated, base))
    return Lift(metric, mean_difference(treated, base), always_valid_mean_difference(treated, base))
