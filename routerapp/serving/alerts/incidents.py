"""Opens and closes incidents by what was read, each with its messages in the same transaction: there is never one without the other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from routerapp.models import AlertChannel, AlertIncident, AlertMessage, AlertRule
from routerapp.serving.alerts.judge import OpenSince, Reading, Step, judge

OPENED, CLOSED = "opened", "closed"
OVER, SWITCHED_OFF = "over", "switched_off"
CALM_SINCE = "calm_since"


def settle(rule: AlertRule, readings: Iterable[Reading], now: datetime) -> tuple[int, int]:
    """How many incidents of this rule opened and closed. What is open and was not read any more is calm."""
    incidents = {incident.subject: incident for incident in rule.incidents.filter(closed_at=None)}
    found = {reading.subject: reading for reading in readings}
    found |= {subject: Reading(subject, None) for subject in incidents if subject not in found}
    window, opened, closed = timedelta(minutes=rule.window_minutes), 0, 0
    for subject, reading in found.items():
        incident = incidents.get(subject)
        since = OpenSince(_calm_since(incident)) if incident else None
        match judge(reading.value, rule.threshold, since, now, window):
            case Step.OPENS:
                opened += _open(rule, reading, now)
            case Step.HOLDS if incident:
                _hold(incident, reading, now)
            case Step.CALM if incident:
                _calm(incident, reading, now)
            case Step.CLOSES if incident:
                closed += close(incident, now, OVER)
    return opened, closed


@transaction.atomic
def close(incident: AlertIncident, now: datetime, why: str) -> bool:
    """Ends it and tells those who heard that it began; False when somebody else has closed it."""
    detail = {**incident.detail, "ended": why}
    still_open = AlertIncident.objects.filter(pk=incident.pk, closed_at=None)
    if not still_open.update(closed_at=now, detail=detail):
        return False
    told = AlertChannel.objects.filter(messages__incident=incident, messages__event=OPENED, is_enabled=True)
    _tell(incident, told, CLOSED, now)
    return True


def close_all(rule: AlertRule, now: datetime, why: str) -> None:
    for incident in rule.incidents.filter(closed_at=None):
        close(incident, now, why)


def _open(rule: AlertRule, reading: Reading, now: datetime) -> bool:
    detail = {"reading": dict(reading.detail), "threshold": rule.threshold, "now": reading.value, "at": _text(now)}
    try:
        with transaction.atomic():
            incident = AlertIncident.objects.create(
                rule=rule, subject=reading.subject, value=reading.value or 0.0, detail=detail, opened_at=now
            )
            _tell(incident, rule.channels.filter(is_enabled=True), OPENED, now)
    except IntegrityError:
        # Another evaluation was faster; the constraint keeps one.
        return False
    return True


def _hold(incident: AlertIncident, reading: Reading, now: datetime) -> None:
    """Keeps the worst value with the numbers behind it."""
    value = reading.value or 0.0
    detail = {**incident.detail, "now": value, "at": _text(now)}
    detail.pop(CALM_SINCE, None)
    if value >= incident.value:
        detail["reading"] = dict(reading.detail)
    _update(incident, value=max(value, incident.value), detail=detail)


def _calm(incident: AlertIncident, reading: Reading, now: datetime) -> None:
    since = incident.detail.get(CALM_SINCE) or _text(now)
    detail = {**incident.detail, "now": reading.value, "at": _text(now), CALM_SINCE: since}
    _update(incident, detail=detail)


def _update(incident: AlertIncident, **values: Any) -> None:
    AlertIncident.objects.filter(pk=incident.pk, closed_at=None).update(**values)


def _tell(incident: AlertIncident, channels: QuerySet[AlertChannel], event: str, now: datetime) -> None:
    AlertMessage.objects.bulk_create(
        [
            AlertMessage(incident=incident, channel=channel, event=event, next_attempt_at=now)
            for channel in channels.distinct()
        ]
    )


def _calm_since(incident: AlertIncident) -> datetime | None:
    text = incident.detail.get(CALM_SINCE)
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime) -> str:
    return at.isoformat()
