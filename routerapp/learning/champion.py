"""Champion–challenger: a new predictor takes over only if what can be looked at says better, with confidence.

One look is a slice held back from every training, the other what live traffic says of both (off_policy). The decision is made here and
nowhere else; who asks gathers the two looks.
"""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.learning.off_policy import Refusal
from routerapp.learning.resampling import Interval

# Fewer held-back prompts than this are no slice.
LEAST_PROMPTS = 100

PROMOTE = "promote"
HELD_BACK_ALONE = "held_back_alone"
HELD_BACK_REFUSED = "held_back_refused"
HELD_BACK_WORSE = "held_back_worse"
HELD_BACK_UNSURE = "held_back_unsure"
TRAFFIC_WORSE = "traffic_worse"
TRAFFIC_UNSURE = "traffic_unsure"


@dataclass(frozen=True, slots=True)
class Look:
    """challenger − champion with its interval, or why there is no such number."""

    difference: Interval | None
    refusal: Refusal | None = None

    def __post_init__(self) -> None:
        if (self.difference is None) == (self.refusal is None):
            raise ValueError("A look has a difference or a refusal, one of them.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason: PROMOTE (both looks are convinced), HELD_BACK_ALONE (traffic cannot tell, the slice is convinced), or why not."""

    reason: str

    @property
    def may_promote(self) -> bool:
        return self.reason in (PROMOTE, HELD_BACK_ALONE)

    @property
    def is_sure(self) -> bool:
        """Both halves said better: enough to act without a person."""
        return self.reason == PROMOTE


def judge(held_back: Look, traffic: Look, margin: float = 0.0) -> Verdict:
    """PROMOTE only if both intervals of challenger − champion lie above `margin`.

    Each is a one-sided test at half of 1 − confidence; both must pass (an intersection–union test, Berger 1982), so the chance of
    promoting what is not better is at most that of one of them: 2.5 % at 95 %. Where traffic refuses, the slice alone decides, and the
    verdict says so; a slice that refuses decides nothing.
    """
    if held_back.difference is None:
        return Verdict(HELD_BACK_REFUSED)
    reason = _against(held_back.difference, margin, HELD_BACK_WORSE, HELD_BACK_UNSURE)
    if reason is None and traffic.difference is None:
        reason = HELD_BACK_ALONE
    elif reason is None and traffic.difference is not None:
        reason = _against(traffic.difference, margin, TRAFFIC_WORSE, TRAFFIC_UNSURE)
    return Verdict(reason or PROMOTE)


def _against(found: Interval, margin: float, worse: str, unsure: str) -> str | None:
    if found.low > margin:
        return None
    return worse if found.high < margin else unsure
