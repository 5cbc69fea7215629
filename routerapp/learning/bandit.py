"""The bandit's state: what is known of each model's success per task, as the two parameters of a Beta distribution for the engine.

Cold start is a prior, not exploration: levels from a predictor trained on a few hundred graded prompts stand for so many answers. On
the routing benchmarks 300 of them were worth more than 2,000 to 8,000 steps of a bandit that began from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from routerapp.learning.capabilities import summarise
from routerapp.learning.evidence import HALF_LIFE_DAYS, Floats, Pieces, decay
from routerapp.learning.votes import VOTE_LIMITS, VoteLimits, screen

ANY_TASK = "*"
# What a prior may count for at most, in answers: then a model that changes is found out within as many.
MOST_PRIOR_ANSWERS = 100.0
# What all evidence of one task and model may count for: draws never freeze (a discount in place of forgetting by time alone).
MOST_ANSWERS = 1_000.0
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Level:
    """What a predictor expects of a model in a task: mean success 0 to 1, and the standard error of that mean."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not 0 <= self.mean <= 1 or not self.sd >= 0:
            raise ValueError(
                f"A level is a mean of 0 to 1 with a standard error of 0 or more, not {self.mean!r} ± {self.sd!r}."
            )

    @property
    def answers(self) -> float:
        """The Beta distribution of the same mean and spread amounts to m(1 − m)/sd² − 1 answers (Gelman et al. 2013, appendix A)."""
        if self.sd == 0:
            return MOST_PRIOR_ANSWERS
        return min(max(self.mean * (1 - self.mean) / self.sd**2 - 1, 0.0), MOST_PRIOR_ANSWERS)


def bandit_state(
    pieces: Pieces,
    now_ms: int,
    levels: Mapping[str, Level],
    half_life_days: float = HALF_LIFE_DAYS,
    limits: VoteLimits = VOTE_LIMITS,
) -> dict[str, tuple[float, float]]:
    """ "task|model" -> (alpha, beta), both at least 1, alpha + beta − 2 = answers that they stand for; sorted by key.

    pieces: about tasks. levels: "task|model", or "*|model" for any task. "*|model" in the result is the evidence of all tasks together.
    """
    factor = screen(pieces, limits).factor
    found = _counted(pieces, factor, now_ms, half_life_days)
    found |= _counted(_without_tasks(pieces), factor, now_ms, half_life_days)
    state = {}
    for key in sorted({*found, *levels}):
        level = levels.get(key) or levels.get(f"{ANY_TASK}|{key.split('|', 1)[1]}")
        share, answers = found.get(key, (0.0, 0.0))
        prior, mean = (level.answers, level.mean) if level else (0.0, 0.0)
        alpha, beta = 1 + prior * mean + answers * share, 1 + prior * (1 - mean) + answers * (1 - share)
        if alpha > 1 or beta > 1:
            state[key] = round(alpha, DIGITS), round(beta, DIGITS)
    return state


def _counted(pieces: Pieces, factor: Floats, now_ms: int, half_life_days: float) -> dict[str, tuple[float, float]]:
    """ "task|model" -> (share of success, answers it stands for), where something was observed."""
    seen = summarise(pieces, factor, decay(now_ms - pieces.answered_ms, half_life_days))
    keys = [f"{task}|{model}" for model in pieces.models for task in pieces.subjects]
    return {
        key: (float(mean), min(float(size), MOST_ANSWERS))
        for key, mean, size in zip(keys, seen.mean, seen.effective, strict=True)
        if size > 0
    }


def _without_tasks(pieces: Pieces) -> Pieces:
    return replace(pieces, subjects=(ANY_TASK,), subject=np.zeros_like(pieces.subject))
