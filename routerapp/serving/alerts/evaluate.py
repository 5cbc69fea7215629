"""The job that looks at every rule, every half minute: reads, judges, opens and closes, and wakes the sender when something waits."""

from __future__ import annotations

import logging
from datetime import datetime

from routerapp.models import AlertRule, Job
from routerapp.serving.alerts.defaults import make_default_rules
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.outbox import has_due
from routerapp.serving.alerts.readings import Reader
from routerapp.store import jobs

SEND = "send_alerts"

log = logging.getLogger(__name__)


def evaluate_alerts(job: Job, now: datetime) -> str:
    """The body of job `evaluate_alerts`; returns a sentence for the job's row."""
    make_default_rules()
    words = evaluate(now)
    if has_due(now):
        jobs.enqueue(SEND, unique_key=SEND)
    return words


def evaluate(now: datetime) -> str:
    """One rule that cannot be read does not keep the others from being looked at."""
    reader, opened, closed, failed = Reader(now), 0, 0, []
    rules = list(AlertRule.objects.filter(is_enabled=True).order_by("pk"))
    for rule in rules:
        try:
            new, over = settle(rule, reader.read(rule), now)
        except Exception:
            log.exception("Alert rule %s cannot be evaluated.", rule.slug)
            failed.append(rule.slug)
        else:
            opened, closed = opened + new, closed + over
    words = f"{len(rules)} rules: {opened} opened, {closed} closed."
    return f"{words} Cannot be evaluated: {', '.join(failed)}." if failed else words
