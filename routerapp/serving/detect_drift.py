"""The job that asks once an hour whether traffic has changed and whether a model does worse than it did. Alert rules read what it left.

Nothing here is on a request's path, and nothing is decided about what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.drift import (
    WINDOWS_BETWEEN_FALSE_ALARMS,
    Finding,
    expected_of_past,
    input_drift,
    moved_share,
    success_drifts,
)
from routerapp.learning.evidence import DAY_MS, TASK, Floats, Integers, Pieces, gather
from routerapp.learning.votes import screen
from routerapp.models import Job
from routerapp.serving.drift_found import TRAINING, WEEK, MovedKinds, WorseModel, as_result
from routerapp.serving.learned_router import cluster_sizes
from routerapp.store import jobs
from routerapp.store.config_document import unix_ms
from routerapp.store.feedback_pieces import label_values, recent_pieces
from routerapp.store.predictors import artefact_bytes, live_predictor
from routerapp.store.traffic_counts import CLUSTER, DailyCounts, attempts_of_days, kinds_of_days

NEW_DAYS = 7
OLD_DAYS_OF_KINDS = 7
OLD_DAYS_OF_SUCCESS = 28
# Fewer than these say nothing of a week, or of a model.
FEWEST_REQUESTS, FEWEST_TRAINED_ON = 200, 100
FEWEST_ATTEMPTS = 100
FEWEST_PAST, FEWEST_NEW = 50, 30


def detect_drift(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `detect_drift`: a sentence, and what changed, for the alert rules."""
    now_ms, live = unix_ms(now), live_predictor()
    kinds = kinds_of_days(now_ms, OLD_DAYS_OF_KINDS + NEW_DAYS, live.sha256 if live else "")
    jobs.report_progress(job, 0.4, "Requests of two weeks are counted.")
    moved = list(_week_against_week(kinds, now_ms))
    if live is not None and CLUSTER in kinds:
        moved += _against_training(kinds[CLUSTER], artefact_bytes(live.sha256) or b"", str(live), now_ms)
    jobs.report_progress(job, 0.7, "Kinds of requests are compared.")
    worse = [*_failing(attempts_of_days(now_ms, OLD_DAYS_OF_SUCCESS + NEW_DAYS), now_ms), *_judged_worse(now_ms)]
    words = f"{len(moved)} changes of what is asked, {len(worse)} of how models do."
    return words, as_result(moved, worse)


def _week_against_week(kinds: Mapping[str, DailyCounts], now_ms: int) -> Iterator[MovedKinds]:
    for dimension, daily in sorted(kinds.items()):
        old, new = daily.counts[:OLD_DAYS_OF_KINDS].sum(axis=0), daily.counts[OLD_DAYS_OF_KINDS:]
        # The rate of false alarms is shared out over what is looked at.
        if min(float(old.sum()), float(new.sum())) < FEWEST_REQUESTS:
            continue
        found = input_drift(daily.names, old, new, WINDOWS_BETWEEN_FALSE_ALARMS * len(kinds))
        if found is not None:
            yield _kinds_of(WEEK, dimension, found, old, new, now_ms)


def _against_training(daily: DailyCounts, artefact: bytes, predictor: str, now_ms: int) -> Iterator[MovedKinds]:
    """Clusters of the last week's prompts beside those of the prompts it was trained on."""
    sizes = cluster_sizes(artefact)
    names = tuple(str(at) for at in range(len(sizes)))
    place = [names.index(name) for name in daily.names if name in names]
    new = np.zeros((NEW_DAYS, len(sizes)))
    new[:, place] = daily.counts[OLD_DAYS_OF_KINDS:, [name in names for name in daily.names]]
    if float(new.sum()) < FEWEST_REQUESTS or float(sizes.sum()) < FEWEST_TRAINED_ON:
        return
    found = input_drift(names, sizes, new, WINDOWS_BETWEEN_FALSE_ALARMS)
    if found is not None:
        yield _kinds_of(TRAINING, CLUSTER, found, sizes, new, now_ms, predictor)


def _kinds_of(
    against: str, dimension: str, found: Finding, old: Floats, new: Floats, now_ms: int, predictor: str = ""
) -> MovedKinds:
    since = new[found.from_place :].sum(axis=0)
    return MovedKinds(
        against,
        dimension,
        found.subject,
        found.before,
        found.after,
        round(moved_share(old, since), 4),
        found.size,
        now_ms - (NEW_DAYS - found.from_place) * DAY_MS,
        int(since.sum()),
        predictor,
    )


def _failing(attempts: Mapping[str, Floats], now_ms: int) -> Iterator[WorseModel]:
    """Models whose share of attempts that went well is lower than in the four weeks before."""
    for model, counts in attempts.items():
        old, new = counts[:OLD_DAYS_OF_SUCCESS].sum(axis=0), counts[OLD_DAYS_OF_SUCCESS:]
        if min(float(old.sum()), float(new.sum())) < FEWEST_ATTEMPTS:
            continue
        found = input_drift(("ok", "failed"), old, new, WINDOWS_BETWEEN_FALSE_ALARMS * len(attempts))
        if found is None:
            continue
        since = new[found.from_place :].sum(axis=0)
        before, after = (float(sums[0] / max(1.0, sums.sum())) for sums in (old, since))
        if after < before:
            began = (now_ms // DAY_MS - NEW_DAYS + 1 + found.from_place) * DAY_MS
            yield WorseModel(model, "attempts", round(before, 4), round(after, 4), began, int(since.sum()))


def _judged_worse(now_ms: int) -> Iterator[WorseModel]:
    """Models whose answers of the last week were judged worse than their own of before, task by task. Votes left out elsewhere are left out."""
    pieces = gather(recent_pieces(now_ms, {}, label_values()), TASK)
    if not len(pieces):
        return
    counted = screen(pieces).factor > 0
    named = {model: _series(pieces, counted, at, now_ms) for at, model in enumerate(pieces.models)}
    series = {model: one for model, one in named.items() if one is not None}
    for found in success_drifts({model: one[:2] for model, one in series.items()}):
        answered_ms = series[found.subject][2][found.from_place :]
        yield WorseModel(found.subject, "scores", found.before, found.after, int(answered_ms[0]), len(answered_ms))


def _series(
    pieces: Pieces, counted: NDArray[np.bool_], model: int, now_ms: int
) -> tuple[Floats, Floats, Integers] | None:
    """(judgements of its newest answers, what was expected of them, when they were given), in order; None where too few are known."""
    at = np.flatnonzero(counted & (pieces.model == model))
    at = at[np.argsort(pieces.answered_ms[at], kind="stable")]
    value, answered_ms = pieces.value[at], pieces.answered_ms[at]
    is_past = answered_ms < now_ms - NEW_DAYS * DAY_MS
    if int(is_past.sum()) < FEWEST_PAST or int((~is_past).sum()) < FEWEST_NEW:
        return None
    expected = expected_of_past(value, pieces.subject[at], is_past)
    return value[~is_past], expected[~is_past], answered_ms[~is_past]
