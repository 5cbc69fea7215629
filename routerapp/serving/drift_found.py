"""What the newest look at drift found, as the job leaves it and alert rules read it. Loads no arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from routerapp.models import Job, JobState

DETECT = "detect_drift"
WEEK, TRAINING = "week", "training"
# What an older look found says nothing of now.
NOT_OLDER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class MovedKinds:
    """against: week or training. name: the class that changed most, from share before to after. moved: share that lies elsewhere, 0 to 1.

    since_ms: when it likely began; requests: counted since.
    """

    against: str
    dimension: str
    name: str
    before: float
    after: float
    moved: float
    stability: float
    since_ms: int
    requests: int
    predictor: str = ""


@dataclass(frozen=True, slots=True)
class WorseModel:
    """measure: attempts (share that went well) or scores (mean judgement, against what was expected of the same answers)."""

    model: str
    measure: str
    before: float
    after: float
    since_ms: int
    answers: int


@dataclass(frozen=True, slots=True)
class DriftFound:
    kinds: tuple[MovedKinds, ...] = ()
    models: tuple[WorseModel, ...] = ()


def as_result(kinds: Sequence[MovedKinds], models: Sequence[WorseModel]) -> dict[str, Any]:
    """For the job's row."""
    return {"kinds": [asdict(one) for one in kinds], "models": [asdict(one) for one in models]}


def newest_drift(now: datetime) -> DriftFound:
    """Of the last look that came to an end; nothing where that is too long ago."""
    done = Job.objects.filter(kind=DETECT, state=JobState.DONE, finished_at__gte=now - NOT_OLDER, finished_at__lte=now)
    result = done.order_by("-finished_at").values_list("result", flat=True).first()
    if not result:
        return DriftFound()
    return DriftFound(
        tuple(MovedKinds(**one) for one in result["kinds"]), tuple(WorseModel(**one) for one in result["models"])
    )
