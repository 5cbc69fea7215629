"""What each kind of job does, and the frame around it: claim, run, close, whatever happens.

A kind is one line in KINDS; its body is one call that returns a sentence for the job's row, or a Found with numbers besides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.engine.types import Price
from routerapp.models import AuditEvent, Job, JobState
from routerapp.serving import audit
from routerapp.serving.alerts.evaluate import SEND, evaluate_alerts
from routerapp.serving.alerts.outbox import send_alerts
from routerapp.serving.benchmarks import IMPORT, read_benchmark
from routerapp.serving.calibration.choose import CHOOSE, run_choice
from routerapp.serving.calibration.finish import FINISH, run_finish
from routerapp.serving.calibration.run import CALIBRATE, run_calibration
from routerapp.serving.drift_found import DETECT
from routerapp.serving.health_checks import check_deployments
from routerapp.serving.learning_jobs import EVALUATE, TRAIN
from routerapp.serving.refit import SCHEDULER, run_refit, settle_refit
from routerapp.serving.refit_schedule import REFIT
from routerapp.serving.reprice_history import run_apply, run_preview
from routerapp.serving.task_classes import FIT
from routerapp.store import jobs
from routerapp.store.compaction import compact_rollups
from routerapp.store.evidence import refresh_evidence
from routerapp.store.prices import refresh_prices
from routerapp.store.retention import forget

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What a job leaves behind for whoever asked for it."""

    message: str
    result: Mapping[str, Any]


Body = Callable[[Job, datetime], str | Found]


def run_job(job_id: int) -> None:
    """Runs the job if it is still queued; the row says how it ended."""
    job = jobs.claim(job_id)
    if job is None:
        return
    body = KINDS.get(job.kind)
    if body is None:
        jobs.finish(job, JobState.FAILED, f"There is no job kind {job.kind!r}.")
        return
    try:
        outcome = body(job, timezone.now())
    except jobs.JobCancelled as cancelled:
        jobs.finish(job, JobState.CANCELLED, str(cancelled))
    except Exception as error:
        log.exception("Job %s (%s) failed.", job.pk, job.kind)
        jobs.finish(job, JobState.FAILED, f"{type(error).__name__}: {error}")
    else:
        found = outcome if isinstance(outcome, Found) else Found(outcome, {})
        jobs.finish(job, JobState.DONE, found.message, found.result or None)


def _refresh_prices(job: Job, now: datetime) -> str:
    with transaction.atomic():
        changes = refresh_prices(now)
        for change in changes:
            audit.record(
                SCHEDULER,
                "price_refreshed",
                f"deployment:{change.deployment}",
                before=_rates(change.before),
                after=_rates(change.after),
            )
    return f"{len(changes)} prices changed."


def _rates(price: Price) -> dict[str, int | str | None]:
    return {
        "input_nusd_per_mtok": price.input_nusd_per_mtok,
        "output_nusd_per_mtok": price.output_nusd_per_mtok,
        "cached_input_nusd_per_mtok": price.cached_input_nusd_per_mtok,
        "cache_write_nusd_per_mtok": price.cache_write_nusd_per_mtok,
        "source": price.source,
    }


def _refresh_evidence(job: Job, now: datetime) -> str:
    sha = refresh_evidence()
    return f"Evidence {sha[:12]} is live." if sha else "Nothing new."


def _forget(job: Job, now: datetime) -> str:
    deleted = forget(now, partial(jobs.report_progress, job))
    return ", ".join(f"{n} {kind}" for kind, n in deleted.items())


def _compact_rollups(job: Job, now: datetime) -> str:
    deleted = compact_rollups(now, partial(jobs.report_progress, job))
    return f"{deleted} minute and hour sums dropped; coarser ones stay."


def _verify_audit(job: Job, now: datetime) -> Found:
    total = max(1, AuditEvent.objects.count())
    check = audit.check_chain(on_batch=lambda events: jobs.report_progress(job, min(events / total, 0.99)))
    message = "The chain is whole." if check.is_whole else check.reason
    return Found(message, {"is_whole": check.is_whole, **asdict(check)})


def _reprice_preview(job: Job, now: datetime) -> Found:
    return Found(*run_preview(job, now))


def _reprice(job: Job, now: datetime) -> Found:
    return Found(*run_apply(job, now))


def _train(job: Job, now: datetime) -> Found:
    # Loaded where it is used: weights and arrays are nothing for a worker of quick jobs.
    from routerapp.serving.train_predictor import run_training

    words, result = run_training(job, now)
    if job.arguments.get("is_refit"):
        words = f"{words} {settle_refit(job, result, timezone.now())}"
    return Found(words, result)


def _fit_task_head(job: Job, now: datetime) -> Found:
    from routerapp.serving.fit_task_head import run_fit

    return Found(*run_fit(job, now))


def _learn_from_use(job: Job, now: datetime) -> str:
    from routerapp.serving.learn_from_use import learn_from_use

    return learn_from_use(job, now)


def _detect_drift(job: Job, now: datetime) -> Found:
    from routerapp.serving.detect_drift import detect_drift

    return Found(*detect_drift(job, now))


def _evaluate(job: Job, now: datetime) -> Found:
    from routerapp.serving.evaluate_predictor import run_evaluation

    return Found(*run_evaluation(job, now))


def _calibrate(job: Job, now: datetime) -> Found:
    return Found(*run_calibration(job, now))


def _choose_prompts(job: Job, now: datetime) -> Found:
    return Found(*run_choice(job, now))


def _finish_calibration(job: Job, now: datetime) -> Found:
    return Found(*run_finish(job, now))


KINDS: Mapping[str, Body] = MappingProxyType(
    {
        "health_check": check_deployments,
        "evaluate_alerts": evaluate_alerts,
        SEND: send_alerts,
        "refresh_evidence": _refresh_evidence,
        FIT: _fit_task_head,
        "refresh_prices": _refresh_prices,
        "retention": _forget,
        "compact_rollups": _compact_rollups,
        "verify_audit": _verify_audit,
        "reprice_preview": _reprice_preview,
        "reprice": _reprice,
        "learn_from_use": _learn_from_use,
        DETECT: _detect_drift,
        IMPORT: read_benchmark,
        TRAIN: _train,
        REFIT: run_refit,
        EVALUATE: _evaluate,
        CHOOSE: _choose_prompts,
        CALIBRATE: _calibrate,
        FINISH: _finish_calibration,
    }
)
