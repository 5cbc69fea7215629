"""When an alert opens and closes: pure, from one value at a time. Reads nothing, writes nothing, knows no kind of rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """NOTHING: fine and was fine. HOLDS: still over. CALM: open, but under its threshold for less than a window."""

    NOTHING = "nothing"
    OPENS = "opens"
    HOLDS = "holds"
    CALM = "calm"
    CLOSES = "closes"


@dataclass(frozen=True, slots=True)
class Reading:
    """value None: nothing to judge, which is calm. subject: of whom, where a rule watches several. detail: the numbers behind it."""

    subject: str
    value: float | None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenSince:
    """An incident that is open; calm_since: since when its value is under the threshold, None while it is not."""

    calm_since: datetime | None = None


def judge(value: float | None, threshold: float, incident: OpenSince | None, now: datetime, window: timedelta) -> Step:
    """It opens as soon as the threshold is reached, and closes only after a whole window without a value that reaches it."""
    if value is not None and value >= threshold:
        return Step.OPENS if incident is None else Step.HOLDS
    if incident is None:
        return Step.NOTHING
    if incident.calm_since is not None and now - incident.calm_since >= window:
        return Step.CLOSES
    return Step.CALM
