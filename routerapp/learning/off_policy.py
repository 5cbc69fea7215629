"""What a policy would have been worth on traffic that another policy decided: from logged choices with exact probabilities.

Every figure comes with its interval, how many independent rows it amounts to, and the model-based figure beside it. Where the log
cannot answer, the report says why instead of giving a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.resampling import (
    CONFIDENCE,
    DRAWS,
    Floats,
    Interval,
    Statistic,
    bca_interval,
    resampled_sums,
    sums_by_unit,
)

LEAST_EFFECTIVE = 500.0
_SUM_TOLERANCE = 1e-6

NO_ROWS = "no_rows"
PROPENSITY_MISSING = "propensity_missing"
NO_SUPPORT = "no_support"
TOO_FEW_EFFECTIVE = "too_few_effective"


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """n decisions over m models. chosen: (n,) column of the model that answered; probability: (n, m) with which the logging policy
    chose each model then, 0 where it could not; reward: (n,), NaN where none came back.

    predicted: (n, m) expected reward from a model that has not seen these rows, or None. units: (n,) rows of one unit (user,
    conversation) are alike and are drawn together; None: every row is its own.
    """

    chosen: NDArray[np.int64]
    probability: Floats
    reward: Floats
    predicted: Floats | None = None
    units: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.probability.ndim != 2:
            raise ValueError(f"probability is (rows, models), not {self.probability.shape}.")
        n, m = self.probability.shape
        for name, length in (("chosen", self.chosen), ("reward", self.reward), ("units", self.units)):
            if length is not None and length.shape != (n,):
                raise ValueError(f"{name} has shape {length.shape}; the log has {n} rows.")
        if self.predicted is not None and self.predicted.shape != (n, m):
            raise ValueError(f"predicted has shape {self.predicted.shape}; the log is {(n, m)}.")
        if n and not (int(self.chosen.min()) >= 0 and int(self.chosen.max()) < m):
            raise ValueError(f"chosen names a column outside 0 to {m - 1}.")

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, kept: NDArray[np.bool_]) -> DecisionLog:
        return DecisionLog(
            self.chosen[kept],
            self.probability[kept],
            self.reward[kept],
            None if self.predicted is None else self.predicted[kept],
            None if self.units is None else self.units[kept],
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no number is given: a code and the figures it rests on."""

    code: str
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OffPolicyReport:
    """ips, self_normalised, doubly_robust: None where refused (the last also without predictions). direct: what the predictions alone say.

    logged: mean reward of the rows as decided. effective: Kish's effective sample size of the
    weights, in units where there are any. clipped: share of the rows
    whose weight was cut; ungraded: rows left out because no reward came back.
    """

    rows: int
    ungraded: int
    effective: float = 0.0
    largest_weight: float = 0.0
    clipped: float = 0.0
    logged: Interval | None = None
    ips: Interval | None = None
    self_normalised: Interval | None = None
    doubly_robust: Interval | None = None
    direct: Interval | None = None
    refusal: Refusal | None = None

    @property
    def best(self) -> Interval | None:
        """The estimate to decide by: doubly robust where there are predictions, else self-normalised; None where refused."""
        return self.doubly_robust or self.self_normalised


@dataclass(frozen=True, slots=True)
class Draws:
    """How intervals are made: resamples, their seed, their level, and the clip of weights (None: the square root of the rows)."""

    count: int = DRAWS
    seed: int = 0
    confidence: float = CONFIDENCE
    clip: float | None = None


STANDARD = Draws()


def evaluate(
    log: DecisionLog, target: Floats, draws: Draws = STANDARD, least_effective: float = LEAST_EFFECTIVE
) -> OffPolicyReport:
    """Value of `target`, (n, m) its probability per model, by three estimators with BCa bootstrap intervals.

    IPS: mean of w·r (Horvitz, Thompson 1952), w = target/logged. Self-normalised: Σw·r / Σw (Hájek 1971; Swaminathan, Joachims 2015).
    Doubly robust: mean of Σ target·q + w·(r − q) (Dudík, Langford, Li 2011, eq. 3). Weights are cut at √n (Ionides 2008, section 2).
    Effective rows: (Σw)²/Σw² (Kish 1965). Raises ValueError for shapes that do not fit or a target that does not add up to 1.
    """
    _check_target(log, target)
    graded = ~np.isnan(log.reward)
    rows, ungraded = log.rows(graded), int(np.sum(~graded))
    refusal = why_not(rows, target[graded])
    if refusal is not None:
        return OffPolicyReport(len(rows), ungraded, direct=_direct(log, target, draws), refusal=refusal)
    weights = Weights.of(rows, target[graded], draws.clip)
    if weights.effective < least_effective:
        refusal = Refusal(TOO_FEW_EFFECTIVE, {"effective": round(weights.effective, 1), "least": least_effective})
    return _report(rows, target[graded], weights, draws, ungraded, refusal)


def compare(
    log: DecisionLog,
    challenger: Floats,
    champion: Floats,
    draws: Draws = STANDARD,
    least_effective: float = LEAST_EFFECTIVE,
) -> tuple[Interval | None, Refusal | None]:
    """Value of challenger − value of champion on the same rows (both (n, m)), doubly robust where there are predictions, else IPS.

    The difference is taken row by row, so what both do alike cancels. Refused if either alone would be.
    """
    graded = ~np.isnan(log.reward)
    rows = log.rows(graded)
    terms = []
    for target in (challenger, champion):
        _check_target(log, target)
        refusal = why_not(rows, target[graded])
        if refusal is not None:
            return None, refusal
        weights = Weights.of(rows, target[graded], draws.clip)
        if weights.effective < least_effective:
            detail = {"effective": round(weights.effective, 1), "least": least_effective}
            return None, Refusal(TOO_FEW_EFFECTIVE, detail)
        terms.append(_doubly_robust_terms(rows, target[graded], weights))
    columns = sums_by_unit(np.column_stack([np.ones(len(rows)), terms[0] - terms[1]]), rows.units)
    resampled = resampled_sums(columns, draws.count, np.random.Generator(np.random.PCG64(draws.seed)))
    return bca_interval(_ratio(1, 0), columns, resampled, draws.confidence), None


def supported(log: DecisionLog, targets: Sequence[Floats]) -> NDArray[np.bool_]:
    """(n,): where none of the targets, each (n, m), would take a model that the log could not. It hangs on what was known before the
    choice alone, so a value over these rows is unbiased for such requests, and says nothing of the others."""
    outside = [np.sum(np.where(log.probability <= 0, target, 0.0), axis=1) for target in targets]
    return np.asarray(np.max(outside, axis=0) <= _SUM_TOLERANCE)


def why_not(log: DecisionLog, target: Floats) -> Refusal | None:
    """Why this log (graded rows only) cannot answer for this target, before weights are looked at; None if it can."""
    if not len(log):
        return Refusal(NO_ROWS)
    own = log.probability[np.arange(len(log)), log.chosen]
    missing = np.isnan(log.probability).any(axis=1) | (own <= 0) | (own > 1 + _SUM_TOLERANCE)
    if missing.any():
        return Refusal(PROPENSITY_MISSING, {"rows": float(missing.sum()), "of": float(len(log))})
    outside = np.sum(np.where(log.probability <= 0, target, 0.0), axis=1)
    if (outside > _SUM_TOLERANCE).any():
        detail = {"rows": float((outside > _SUM_TOLERANCE).sum()), "share": round(float(outside.mean()), 6)}
        return Refusal(NO_SUPPORT, detail)
    return None


@dataclass(frozen=True, slots=True)
class Weights:
    """Importance weights of the chosen models, cut at `clip`; effective: Kish's size; clipped: share of rows that were cut."""

    values: Floats
    effective: float
    largest: float
    clipped: float

    @staticmethod
    def of(log: DecisionLog, target: Floats, clip: float | None) -> Weights:
        at = np.arange(len(log))
        raw = target[at, log.chosen] / log.probability[at, log.chosen]
        limit = sqrt(len(log)) if clip is None else clip
        cut = np.minimum(raw, limit)
        totals = sums_by_unit(cut[:, None], log.units)
        squares = float(np.sum(totals**2))
        effective = float(np.sum(totals)) ** 2 / squares if squares > 0 else 0.0
        return Weights(cut, effective, float(raw.max()), float(np.mean(raw > limit)))


def _check_target(log: DecisionLog, target: Floats) -> None:
    if target.shape != log.probability.shape:
        raise ValueError(f"The target has shape {target.shape}; the log is {log.probability.shape}.")
    if (len(target) and (np.abs(target.sum(axis=1) - 1) > _SUM_TOLERANCE).any()) or (target < 0).any():
        raise ValueError("The target's probabilities are not negative and add up to 1 in every row.")


def _doubly_robust_terms(log: DecisionLog, target: Floats, weights: Weights) -> Floats:
    if log.predicted is None:
        return np.asarray(weights.values * log.reward)
    own = log.predicted[np.arange(len(log)), log.chosen]
    return np.asarray(np.sum(target * log.predicted, axis=1) + weights.values * (log.reward - own))


def _report(
    log: DecisionLog, target: Floats, weights: Weights, draws: Draws, ungraded: int, refusal: Refusal | None
) -> OffPolicyReport:
    w, one = weights.values, np.ones(len(log))
    modelled = np.sum(target * log.predicted, axis=1) if log.predicted is not None else one
    robust = _doubly_robust_terms(log, target, weights)
    columns = sums_by_unit(np.column_stack([one, w, w * log.reward, robust, log.reward, modelled]), log.units)
    resampled = resampled_sums(columns, draws.count, np.random.Generator(np.random.PCG64(draws.seed)))

    def interval(above: int, below: int) -> Interval:
        return bca_interval(_ratio(above, below), columns, resampled, draws.confidence)

    may, has_model = refusal is None, log.predicted is not None
    return OffPolicyReport(
        rows=len(log),
        ungraded=ungraded,
        effective=weights.effective,
        largest_weight=weights.largest,
        clipped=weights.clipped,
        logged=interval(4, 0),
        ips=interval(2, 0) if may else None,
        self_normalised=interval(2, 1) if may else None,
        doubly_robust=interval(3, 0) if may and has_model else None,
        direct=interval(5, 0) if has_model else None,
        refusal=refusal,
    )


def _direct(log: DecisionLog, target: Floats, draws: Draws) -> Interval | None:
    """The model-based figure: mean of Σ target·q. Its interval is of the prompts drawn only; the model's own bias is not in it."""
    if log.predicted is None or not len(log):
        return None
    columns = np.column_stack([np.ones(len(log)), np.sum(target * log.predicted, axis=1)])
    resampled = resampled_sums(columns, draws.count, np.random.Generator(np.random.PCG64(draws.seed)))
    return bca_interval(_ratio(1, 0), columns, resampled, draws.confidence)


def _ratio(above: int, below: int) -> Statistic:
    def ratio(sums: Floats) -> Floats:
        return np.asarray(sums[..., above] / np.where(sums[..., below] == 0, np.nan, sums[..., below]))

    return ratio
