"""What an experiment published: the versions of its policy that started it, changed its shares and stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from routerapp.models import Experiment, PolicyVersion
from routerapp.serving.experiment_documents import split_of
from routerapp.serving.experiments import draft_of

# The demo's experiment is older than its version; nothing else is.
SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Step:
    """what: started, shares changed, arms changed or stopped."""

    version: PolicyVersion
    what: str


@dataclass(frozen=True, slots=True)
class Course:
    """steps: oldest first. strategy: the split as it stands, or stood last; None when no document names it."""

    steps: tuple[Step, ...]
    strategy: Mapping[str, Any] | None


def course_of(experiment: Experiment) -> Course:
    steps: list[Step] = []
    before: Mapping[str, Any] | None = None
    last: Mapping[str, Any] | None = None
    if experiment.started_at is not None:
        rows = experiment.policy.versions.select_related("published_by").order_by("number")
        for version in rows.filter(published_at__gte=experiment.started_at - SLACK):
            found = split_of(version.document, experiment.slug)
            now = found[1] if found else None
            what = _what(before, now)
            if what:
                steps.append(Step(version, what))
            before, last = now, now or last
        return Course(tuple(steps), last)
    draft = draft_of(experiment)
    found = split_of(draft.document, experiment.slug) if draft else None
    return Course((), found[1] if found else None)


def _what(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if before is None:
        return "started" if now else ""
    if now is None:
        return "stopped"
    if _shares(before) != _shares(now):
        return "shares changed"
    return "arms changed" if before != now else ""


def _shares(strategy: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [(arm.get("name"), arm.get("weight", 1)) for arm in strategy.get("arms") or ()]
