"""How good each candidate was, as far as its answers are graded: a mean with its interval, and what is missing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Q, Sum

from routerapp.experiments.intervals import proportion
from routerapp.models import AnswerState, Calibration, CalibrationAnswer


@dataclass(frozen=True, slots=True)
class Level:
    """value, low, high: mean grade with its 95 % interval; None without a grade. cut: answers that the limit cut off."""

    deployment: str
    language_model: str
    value: float | None
    low: float | None
    high: float | None
    graded: int
    waiting: int
    skipped: int
    missing: int
    cut: int
    mean_cost_nusd: int | None


def levels_of(row: Calibration) -> list[Level]:
    """Best first. Wilson's interval (1927) on the mean: for marks between 0 and 1 it is never too short."""
    counts = {state: Count("pk", filter=Q(state=state)) for state in AnswerState.values}
    found = (
        CalibrationAnswer.objects.filter(prompt__calibration=row)
        .values("deployment", "language_model")
        .annotate(
            mean=Avg("grade", filter=Q(state=AnswerState.GRADED)),
            cut=Count("pk", filter=Q(is_cut=True)),
            costed=Count("cost_nusd"),
            cost=Sum("cost_nusd"),
            **{f"n_{state}": count for state, count in counts.items()},
        )
        .order_by()
    )
    return sorted(
        [_level(dict(one)) for one in found],
        key=lambda level: (-(level.value if level.value is not None else -1), level.deployment),
    )


def problems_of(row: Calibration, most: int = 5) -> list[tuple[str, str, int]]:
    """(deployment, why there is no mark, how often), the most frequent first."""
    rows = CalibrationAnswer.objects.filter(prompt__calibration=row).exclude(problem="")
    found = rows.values_list("deployment", "problem").annotate(n=Count("pk")).order_by("-n", "deployment", "problem")
    return [(deployment, problem, number) for deployment, problem, number in found[:most]]


def _level(found: dict[str, Any]) -> Level:
    graded = found["n_graded"]
    interval = proportion((found["mean"] or 0.0) * graded, graded)
    return Level(
        found["deployment"],
        found["language_model"],
        interval.value,
        interval.low,
        interval.high,
        graded,
        found["n_answered"],
        found["n_skipped"],
        found["n_missing"],
        found["cut"],
        round(found["cost"] / found["costed"]) if found["costed"] else None,
    )
