"""The scheduled refit as the Evaluation page shows it: how it is set, when next, what became of the last one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse

from routerapp.serving import refit_schedule as refit

# outcome -> (word, tone)
_OUTCOMES = {
    refit.NOTHING_IN_FORCE: ("nothing to refit", ""),
    refit.NO_RECIPE: ("nothing to refit", "warn"),
    refit.TOO_LITTLE_NEW: ("too little new", ""),
    refit.REFUSED: ("refused", "bad"),
    refit.TRAINING: ("training", "info"),
    refit.FAILED: ("failed", "bad"),
    refit.SAME: ("nothing new learned", ""),
    refit.PROMOTED: ("promoted", "ok"),
    refit.WAITS: ("ended", ""),
}


@dataclass(frozen=True, slots=True)
class RefitLines:
    """finding, words, at, url, label: of the last run; empty before the first. url: the predictor it made, or its training."""

    every: str
    promotes: bool
    next_at: dt.datetime | None
    at: dt.datetime | None = None
    finding: str = ""
    tone: str = ""
    words: str = ""
    url: str = ""
    label: str = ""


def refit_lines(now: dt.datetime) -> RefitLines:
    state = refit.read_refit(now)
    schedule, last = state.schedule, state.last
    if last is None:
        return RefitLines(schedule.every, schedule.promotes, state.next_at)
    finding, tone = _OUTCOMES.get(last.outcome, (last.outcome, ""))
    if last.outcome == refit.WAITS and refit.waiting_challenger() is not None:
        finding, tone = "a challenger waits", "warn"
    url, label = _made(last)
    return RefitLines(schedule.every, schedule.promotes, state.next_at, last.at, finding, tone, last.words, url, label)


def _made(last: refit.LastRefit) -> tuple[str, str]:
    name, _, version = last.predictor.rpartition("@")
    if version.isdigit():
        return reverse("dashboard:predictor-detail", args=[name, int(version)]), last.predictor
    if last.job:
        return reverse("dashboard:evaluation-job", args=[last.job]), "Its training"
    return "", ""
