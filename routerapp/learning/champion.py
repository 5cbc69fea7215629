"""Champion–challenger: a new predictor or policy takes over only if two independent looks both say better, with confidence.

One look is a held-back slice that both answer for, prompt by prompt; the other is what live traffic says of both. Else: the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.off_policy import STANDARD, DecisionLog, Draws, Refusal, compare
from routerapp.learning.resampling import Floats, Interval, bca_interval, resampled_sums, sums_by_unit

LEAST_PROMPTS = 200

PROMOTE = "promote"
TOO_FEW_PROMPTS = "too_few_prompts"
HELD_BACK_WORSE = "held_back_worse"
HELD_BACK_UNSURE = "held_back_unsure"
TRAFFIC_REFUSED = "traffic_refused"
TRAFFIC_WORSE = "traffic_worse"
TRAFFIC_UNSURE = "traffic_unsure"


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What each would have got on prompts neither was trained on: (n,) value of the chosen model's answer (quality − λ · cost).

    groups: (n,) prompts of one group are the same question and are drawn together.
    """

    challenger: Floats
    champion: Floats
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.challenger.shape != self.champion.shape or self.challenger.ndim != 1:
            raise ValueError(f"Both have one value per prompt, not {self.challenger.shape} and {self.champion.shape}.")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Logged decisions, and the probability per model with which each of the two would have chosen there: (n, m)."""

    log: DecisionLog
    challenger: Floats
    champion: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason: PROMOTE, or why not. held_back, traffic: challenger − champion with interval; None where none could be given."""

    reason: str
    held_back: Interval | None = None
    traffic: Interval | None = None
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_promoted(self) -> bool:
        return self.reason == PROMOTE


def judge(held_back: HeldBack, traffic: Traffic, margin: float = 0.0, draws: Draws = STANDARD) -> Verdict:
    """PROMOTE only if both intervals of challenger − champion lie above `margin`.

    Each is a one-sided test at half of 1 − confidence; both must pass (an intersection–union test, Berger 1982), so the chance of
    promoting what is not better is at most that of one of them: 2.5 % at 95 %. Shown is always all that could be worked out.
    """
    on_traffic, refusal = compare(traffic.log, traffic.challenger, traffic.champion, draws)
    n = len(held_back.challenger) if held_back.groups is None else len(np.unique(held_back.groups))
    if n < LEAST_PROMPTS:
        return Verdict(TOO_FEW_PROMPTS, None, on_traffic, {"prompts": n, "least": LEAST_PROMPTS})
    on_slice = difference(held_back, draws)
    reason = _reason(on_slice, margin, HELD_BACK_WORSE, HELD_BACK_UNSURE)
    if reason is None:
        reason = TRAFFIC_REFUSED if on_traffic is None else _reason(on_traffic, margin, TRAFFIC_WORSE, TRAFFIC_UNSURE)
    return Verdict(reason or PROMOTE, on_slice, on_traffic, _detail(reason, refusal))


def difference(held_back: HeldBack, draws: Draws = STANDARD) -> Interval:
    """Mean of challenger − champion over prompts, paired, groups drawn together, BCa (Efron 1987)."""
    away = held_back.challenger - held_back.champion
    columns = sums_by_unit(np.column_stack([np.ones(len(away)), away]), held_back.groups)
    resampled = resampled_sums(columns, draws.count, np.random.Generator(np.random.PCG64(draws.seed)))
    return bca_interval(lambda sums: np.asarray(sums[..., 1] / sums[..., 0]), columns, resampled, draws.confidence)


def _reason(found: Interval, margin: float, worse: str, unsure: str) -> str | None:
    if found.low > margin:
        return None
    return worse if found.high < margin else unsure


def _detail(reason: str | None, refusal: Refusal | None) -> Mapping[str, float]:
    return dict(refusal.detail) if reason == TRAFFIC_REFUSED and refusal is not None else {}
