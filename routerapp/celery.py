"""Wiring of the job worker: the application Celery's command line looks for, and when things happen of their own accord.

The schedule is code, not rows. Each entry only opens a job row or wakes stale ones; the work is done by job id.
"""

import os
from typing import Any

from celery.schedules import crontab
from celery.signals import setup_logging

from routerapp.store.broker import celery_application


def _every(seconds: float, kind: str, queue: str = "quick") -> dict[str, Any]:
    return _entry(seconds, kind, queue, expires=seconds)


def _entry(schedule: Any, kind: str, queue: str = "quick", expires: float = 3600) -> dict[str, Any]:
    return {
        "task": "routerapp.tasks.open_job",
        "schedule": schedule,
        "args": (kind, queue),
        "options": {"expires": expires},
    }


SCHEDULE = {
    "health checks": _every(30, "health_check"),
    "alert rules": _every(30, "evaluate_alerts"),
    "evidence refresh": _every(60, "refresh_evidence"),
    "learning from use": _entry(crontab(minute=23), "learn_from_use", "long"),
    "refit": _entry(crontab(hour=2, minute=10), "refit_predictor", "long"),
    "drift": _entry(crontab(minute=41), "detect_drift", "long"),
    "rollup compaction": _entry(crontab(minute=7), "compact_rollups"),
    "retention": _entry(crontab(hour=3, minute=20), "retention", "long"),
    "price refresh": _entry(crontab(hour=4, minute=40), "refresh_prices"),
    "stale jobs": {"task": "routerapp.tasks.resend_stale_jobs", "schedule": 60.0, "options": {"expires": 60}},
}

# Django's checks load every page and chart; whoever started the worker has run them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def _keep_our_logging(**_: Any) -> None:
    """Somebody who listens here keeps Celery from adding a handler of its own, whose lines nobody would redact."""


setup_logging.connect(_keep_our_logging, weak=False)
app = celery_application()
app.conf.beat_schedule = SCHEDULE
