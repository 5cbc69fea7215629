"""Whether the predictor in force is trained again of its own accord, and what became of the last time. Loads no arrays; the job is refit's.

Kept in InstallationState.settings beside the other settings; what the last run left is the product's own bookkeeping.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from routerapp.models import InstallationState, Job, JobState, PredictorState, PredictorVersion
from routerapp.serving import audit
from routerapp.serving.changes import noting
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store import jobs
from routerapp.store.predictors import without_artefacts

REFIT = "refit_predictor"
SETTING, LAST = "refit", "refit_last"
OFF, WEEKLY = "off", "weekly"
EVERY = (OFF, WEEKLY)
WEEK = timedelta(days=7)

# Outcomes of a run.
NOTHING_IN_FORCE, NO_RECIPE, TOO_LITTLE_NEW = "nothing_in_force", "no_recipe", "too_little_new"
REFUSED, TRAINING, FAILED = "refused", "training", "failed"
_ENDED = {JobState.FAILED.value: "failed", JobState.CANCELLED.value: "was stopped"}
SAME, PROMOTED, WAITS = "same", "promoted", "waits"


@dataclass(frozen=True, slots=True)
class Schedule:
    """every: off or weekly. promotes: a refit that passes both halves of the champion gate is put in force without a person."""

    every: str = OFF
    promotes: bool = False


@dataclass(frozen=True, slots=True)
class LastRefit:
    """outcome: one of the words above. predictor: name@version it made, empty without one. job: of its training, 0 without one."""

    at: datetime
    outcome: str
    words: str
    predictor: str = ""
    job: int = 0


@dataclass(frozen=True, slots=True)
class RefitState:
    """next_at: None while it is off. last: None before the first run."""

    schedule: Schedule
    next_at: datetime | None
    last: LastRefit | None


def read_refit(now: datetime) -> RefitState:
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    schedule, last = Schedule(**stored.get(SETTING, {})), _last(stored.get(LAST))
    due = max(now, last.at + WEEK) if last else now
    return RefitState(schedule, None if schedule.every == OFF else due, last)


def set_refit_schedule(every: str, promotes: bool, *, by: Actor) -> Schedule:
    """Changes no decision by itself: what is refitted is a candidate like any other."""
    with noting(by, "schedule_refit", "installation") as change:
        if every not in EVERY:
            raise invalid("every", "unknown_value", f"One of: {', '.join(EVERY)}.")
        if not isinstance(promotes, bool):
            raise invalid("promotes", "not_a_boolean", "This is true or false.")
        state = audit.lock_installation()
        change.before = state.settings.get(SETTING, {"every": OFF, "promotes": False})
        change.after = {"every": every, "promotes": promotes}
        state.settings = {**state.settings, SETTING: change.after}
        state.save(update_fields=["settings"])
    return Schedule(every, promotes)


def ask_for_refit(*, by: Actor) -> Job:
    """One now, whatever the schedule says; whether it may be promoted without a person, the schedule says."""
    require(by, "train_predictor")
    with transaction.atomic():
        job = jobs.enqueue(REFIT, {"is_asked": True, "by": by.name}, REFIT, "long")
        audit.record(by, REFIT, f"job:{job.pk}")
    return job


def note_refit(now: datetime, outcome: str, words: str, predictor: str = "", job: int = 0) -> str:
    """Keeps what became of a run; the words again."""
    with transaction.atomic():
        state = audit.lock_installation()
        last = {"at": now.astimezone(UTC).isoformat(), "outcome": outcome, "words": words[:2_000]}
        state.settings = {**state.settings, LAST: {**last, "predictor": predictor, "job": job}}
        state.save(update_fields=["settings"])
    return words


def waiting_challenger() -> PredictorVersion | None:
    """What the last refit made, while it waits for a person: still a candidate, and not yet set aside."""
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    last = stored.get(LAST) or {}
    if last.get("outcome") != WAITS:
        return None
    name, _, version = str(last.get("predictor", "")).rpartition("@")
    if not version.isdigit():
        return None
    rows = without_artefacts().filter(name=name, version=int(version), state=PredictorState.CANDIDATE)
    return rows.first()


def _last(stored: dict[str, Any] | None) -> LastRefit | None:
    if not stored:
        return None
    last = LastRefit(**{**stored, "at": datetime.fromisoformat(stored["at"])})
    if last.outcome != TRAINING:
        return last
    job = Job.objects.filter(pk=last.job, state__in=tuple(_ENDED)).values_list("state", "message").first()
    if job is None:
        return last
    return LastRefit(last.at, FAILED, f"The training {_ENDED[job[0]]}: {job[1]}", "", last.job)
