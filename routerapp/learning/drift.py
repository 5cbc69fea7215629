"""Has traffic changed, and has a model's success? Sequential tests with a stated rate of false alarms, however often one looks.

Findings are data for an alert: what changed, since when, by how much. Nothing here decides what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.evidence import Floats, Integers

# One false alarm at most, on average, in so many windows of inputs, or graded answers of one model.
WINDOWS_BETWEEN_FALSE_ALARMS = 1_000.0
ANSWERS_BETWEEN_FALSE_ALARMS = 100_000.0
# Change of mean success that is not worth an alarm.
TOLERANCE = 0.03
_BETS = (0.1, 0.2, 0.4, 0.7)
_ALTERNATIVE_WEIGHT = 50.0
_SMOOTHING = 0.5
_STRENGTH = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """kind: inputs or success. subject: what of. from_place: window or answer at which the change likely began; to_place: where found.

    before, after: share or mean success; size: PSI of inputs, difference of success. evidence: the detector, alarm at `needed`.
    """

    kind: str
    subject: str
    from_place: int
    to_place: int
    before: float
    after: float
    size: float
    evidence: float
    needed: float


@dataclass(frozen=True, slots=True)
class Detector:
    """Shiryaev–Roberts sum of e-values, as logs: R(t) = (R(t−1) + 1) · e(t). Alarm at R ≥ N: on average at most one in N steps without a
    change (Shin, Ramdas, Rinaldo, "E-detectors", New England Journal of Statistics in Data Science 2023, theorem 2.4).
    """

    log_sum: Floats
    begin: Integers

    @staticmethod
    def of(log_values: Floats) -> Detector:
        """log_values: (t,) logs of e-values. begin: (t,) the likeliest start of a change, seen from each step (CUSUM's reset)."""
        total = np.cumsum(log_values)
        before = total - log_values
        log_sum = total + np.logaddexp.accumulate(-before) if len(total) else total
        least = np.minimum.accumulate(before) if len(before) else before
        begin = np.maximum.accumulate(np.where(before <= least, np.arange(len(before)), 0))
        return Detector(log_sum, begin.astype(np.int64))

    def alarm(self, mean_time: float) -> int | None:
        """The first step at which it speaks, or None."""
        over = np.flatnonzero(self.log_sum >= log(mean_time))
        return int(over[0]) if len(over) else None


def population_stability(reference: Floats, window: Floats) -> float:
    """PSI of two histograms of counts (k,): Σ (q − p) · ln(q/p), each with ½ added. Under 0.1 is called small, over 0.25 large
    (Siddiqi 2006, "Credit risk scorecards", chapter 9); it has no error rate, so alarms do not rest on it.
    """
    p = (reference + _SMOOTHING) / (reference + _SMOOTHING).sum()
    q = (window + _SMOOTHING) / (window + _SMOOTHING).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def moved_share(reference: Floats, window: Floats) -> float:
    """Which part of the window's counts (k,) lies elsewhere than the reference's: half the sum of the differences of shares, 0 to 1
    (total variation). Of few counts over many classes it is above zero by chance alone, so alarms do not rest on it."""
    p, q = reference / max(1.0, float(reference.sum())), window / max(1.0, float(window.sum()))
    return float(np.abs(p - q).sum() / 2)


def expected_of_past(success: Floats, subject: Integers, is_past: NDArray[np.bool_]) -> Floats:
    """(t,) what a model's own past lets one expect of each answer: the mean of its subject then, as if _STRENGTH more answers were its
    overall mean, less two standard errors of that, because the past is a sample too. success: (t,) 0 to 1. Raises ValueError without a past.
    """
    known = success[is_past]
    if not len(known):
        raise ValueError("Without a past nothing can be expected.")
    overall, spread = float(known.mean()), float(known.std()) / sqrt(len(known))
    sums = np.bincount(subject[is_past], weights=known, minlength=int(subject.max()) + 1)
    counts = np.bincount(subject[is_past], minlength=int(subject.max()) + 1)
    means = (sums + _STRENGTH * overall) / (counts + _STRENGTH)
    return np.asarray(np.clip(means[subject] - 2.0 * spread, 0.0, 1.0))


def input_drift(
    names: Sequence[str], reference: Floats, windows: Floats, mean_time: float = WINDOWS_BETWEEN_FALSE_ALARMS
) -> Finding | None:
    """First change of inputs, or None. reference: (k,) counts of classes or clusters; windows: (t, k) counts of each period since.

    Per window the e-value is the ratio of two Dirichlet-multinomial likelihoods: shares near the reference but free to move, over
    shares as the reference (with its own uncertainty) has them (Lindon, Malek 2022, "Anytime-valid inference for multinomial count
    data", section 3). Raises ValueError for shapes that do not fit.
    """
    if windows.ndim != 2 or windows.shape[1] != len(reference) or len(names) != len(reference):
        raise ValueError(
            f"{len(names)} names, a reference of {reference.shape} and windows of {windows.shape} do not fit."
        )
    known = reference + _SMOOTHING
    free = known / known.sum() * min(_ALTERNATIVE_WEIGHT, known.sum() / 2)
    values = np.array([_log_marginal(window, free) - _log_marginal(window, known) for window in windows])
    detector = Detector.of(values)
    at = detector.alarm(mean_time)
    if at is None:
        return None
    # A class never seen before makes even a window as ever a little likelier: that is no beginning.
    begin = next((place for place in range(int(detector.begin[at]), at) if values[place] > log(2.0)), at)
    since = windows[begin : at + 1].sum(axis=0)
    before, after = known / known.sum(), since / max(1.0, since.sum())
    most = int(np.argmax(np.abs(after - before)))
    return Finding(
        "inputs",
        names[most],
        begin,
        at,
        round(float(before[most]), 4),
        round(float(after[most]), 4),
        round(population_stability(reference, since), 4),
        _shown(float(detector.log_sum[at])),
        mean_time,
    )


def success_drift(
    model: str,
    success: Floats,
    expected: Floats,
    tolerance: float = TOLERANCE,
    mean_time: float = ANSWERS_BETWEEN_FALSE_ALARMS,
) -> Finding | None:
    """First fall of a model's success under what was expected of the same answers, or None. success, expected: (t,) 0 to 1, in order.

    Beside what was expected, because a change in the mix of prompts is no change of the model. E-value of an answer: 1 + λ(expected −
    tolerance − success), a bet whose mean is at most 1 while the model is no worse than that (Waudby-Smith, Ramdas 2024, "Estimating
    means of bounded random variables by betting", section 4); several λ are mixed, each by its own detector with its share of alarms.
    """
    if success.shape != expected.shape:
        raise ValueError(f"success has shape {success.shape}, expected {expected.shape}.")
    away = expected - tolerance - success
    detectors = [Detector.of(np.log1p(bet * away)) for bet in _BETS]
    log_sum = np.logaddexp.reduce([one.log_sum for one in detectors], axis=0) - log(len(_BETS))
    over = np.flatnonzero(log_sum >= log(mean_time))
    if not len(over):
        return None
    at = int(over[0])
    likeliest = max(detectors, key=lambda one: float(one.log_sum[at]))
    begin = int(likeliest.begin[at])
    before, after = float(expected[begin : at + 1].mean()), float(success[begin : at + 1].mean())
    size = round(after - before, 4)
    evidence = _shown(float(log_sum[at]))
    return Finding("success", model, begin, at, round(before, 4), round(after, 4), size, evidence, mean_time)


def success_drifts(
    observed: Mapping[str, tuple[Floats, Floats]],
    tolerance: float = TOLERANCE,
    mean_time: float = ANSWERS_BETWEEN_FALSE_ALARMS,
) -> list[Finding]:
    """Of each model's (success, expected): those that fell, by name. The rate of false alarms is shared out over the models."""
    each = mean_time * max(1, len(observed))
    found = (success_drift(model, *observed[model], tolerance=tolerance, mean_time=each) for model in sorted(observed))
    return [finding for finding in found if finding is not None]


def _log_marginal(counts: Floats, weights: Floats) -> float:
    """Log of the Dirichlet-multinomial likelihood, without the multinomial coefficient, which cancels."""
    pairs = zip(counts.tolist(), weights.tolist(), strict=True)
    whole, n = float(weights.sum()), float(counts.sum())
    return lgamma(whole) - lgamma(whole + n) + sum(lgamma(weight + count) - lgamma(weight) for count, weight in pairs)


def _shown(log_sum: float) -> float:
    return round(exp(min(log_sum, 60.0)), 1)
