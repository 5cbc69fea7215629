"""Incidents and thresholds in words, the same in messages and on pages. Names things by slug and never quotes what anybody sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.money import format_usd
from routerapp.models import AlertIncident, AlertKind, AlertRule, EndUserAllowance
from routerapp.serving.alerts.drift_words import KIND_SUBJECTS, input_drift_words, success_drift_words
from routerapp.serving.alerts.kinds import BYTES, END_USER, FULLNESS, KINDS, LAG, REFUSED

SUBJECT_WORDS = {
    LAG: "the journal",
    BYTES: "the journal",
    FULLNESS: "the journal",
    REFUSED: "records set aside",
    **KIND_SUBJECTS,
}


def subject_words(subject: str) -> str:
    """key:billing -> key billing. End users by their row, whose label is somebody's name and not for messages."""
    prefix, _, name = subject.partition(":")
    if not name:
        return SUBJECT_WORDS.get(subject, subject) or "all traffic"
    return f"{'end user' if prefix == END_USER else prefix} {name if prefix != END_USER else f'#{name}'}"


def label_of(subject: str) -> str:
    """The same for people who are signed in: an end user by its label."""
    prefix, _, name = subject.partition(":")
    if prefix == END_USER and name.isdecimal():
        row = EndUserAllowance.objects.filter(pk=int(name)).first()
        if row is not None and row.label:
            return f"end user {row.label}"
    return subject_words(subject)


def amount(value: float, kind: str, subject: str) -> str:
    """A value or threshold in its unit."""
    unit = KINDS[kind].unit_of(subject)
    if unit.is_share:
        return f"{value * 100:.4g} %"
    if subject == LAG:
        return _seconds(value)
    number = f"{value:,.1f}".removesuffix(".0")
    return f"{number} {unit.name[:-1] if value == 1 and unit.name.endswith('s') else unit.name}"


def threshold_words(rule: AlertRule) -> str:
    """When the rule opens, as a half sentence."""
    limit = amount(rule.threshold, rule.kind, rule.subject)
    window = _minutes(rule.window_minutes)
    match rule.kind:
        case AlertKind.BUDGET:
            return f"from {limit} of a day's or month's limit"
        case AlertKind.ERROR_SHARE:
            least = f"{rule.least_requests:,} request{'' if rule.least_requests == 1 else 's'}"
            return f"from {limit} failed in {window}, of at least {least}"
        case AlertKind.PROVIDER_DOWN:
            return "all of its deployments down" if rule.threshold >= 1 else f"from {limit} of its deployments down"
        case AlertKind.UNPRICED:
            return f"from {limit} in {window}"
        case AlertKind.INPUT_DRIFT:
            return f"from {limit} of them"
        case AlertKind.SUCCESS_DRIFT:
            return f"from {rule.threshold * 100:.4g} points less than before"
        case AlertKind.CHALLENGER:
            return "from the end of its training on"
    return {
        LAG: f"records wait for {limit} or longer",
        BYTES: f"from {limit} waiting",
        REFUSED: f"from {limit} set aside",
        FULLNESS: f"from {limit} of its room taken",
    }.get(rule.subject, f"from {limit}")


def incident_words(incident: AlertIncident) -> str:
    """What is or was wrong, value against threshold, at its worst."""
    rule, found = incident.rule, incident.detail
    limit = amount(float(found.get("threshold", rule.threshold)), rule.kind, incident.subject)
    return _SENTENCES[rule.kind](incident, found.get("reading") or {}, limit)


def _budget(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    spent, of = (format_usd(int(reading.get(name, 0))) for name in ("spent_nusd", "limit_nusd"))
    period = "this day's" if reading.get("period") == "day" else "this month's"
    share = amount(incident.value, AlertKind.BUDGET, incident.subject)
    return f"{_name(incident)} has used {share} of {period} budget (${spent} of ${of}); the alert is set at {limit}."


def _error_share(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    share = amount(incident.value, AlertKind.ERROR_SHARE, incident.subject)
    window = _minutes(incident.rule.window_minutes)
    counts = f"{reading.get('failed', 0):,} of {reading.get('judged', 0):,}"
    whose = "all requests" if not incident.subject else f"requests of {subject_words(incident.subject)}"
    return f"{share} of {whose} failed within {window} ({counts}); the alert is set at {limit}."


def _provider_down(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    of = reading.get("of", 0)
    return (
        f"{_name(incident)}: {reading.get('down', 0)} of {of} deployment{'' if of == 1 else 's'} down, by health check or breaker; "
        f"the alert is set at {limit}."
    )


def _spool(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    value = amount(incident.value, AlertKind.SPOOL, incident.subject)
    match incident.subject:
        case "lag":
            return f"Recorded requests have waited {value} for the database; the alert is set at {limit}."
        case "bytes":
            return f"{value} of the journal wait for the database; the alert is set at {limit}."
        case "fullness":
            return (
                f"The journal takes {value} of the room it may take; when it is full, requests are refused. "
                f"The alert is set at {limit}."
            )
    return (
        f"The database refused records: {value} set aside in the data folder's refused/; the alert is set at {limit}."
    )


def _unpriced(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    models = ", ".join(str(name) for name in reading.get("models", ())) or "unknown"
    value = amount(incident.value, AlertKind.UNPRICED, incident.subject)
    window = _minutes(incident.rule.window_minutes)
    return f"{value} without a known cost within {window} (models: {models}); the alert is set at {limit}."


def _input_drift(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    return input_drift_words(incident.subject, incident.value, reading, limit)


def _success_drift(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    return success_drift_words(_name(incident), reading, limit.removesuffix(" %"))


def _challenger(incident: AlertIncident, reading: Mapping[str, Any], limit: str) -> str:
    advice = "may be promoted" if reading.get("is_better") else "is not better with confidence"
    return (
        f"{reading.get('predictor', 'A predictor')} was refitted and waits for a decision. Beside {reading.get('champion') or 'none'} "
        f"the gate says: it {advice}."
    )


def _name(incident: AlertIncident) -> str:
    words = subject_words(incident.subject)
    return words[:1].upper() + words[1:]


def _minutes(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes // 60} hour{'' if minutes == 60 else 's'}"


def _seconds(value: float) -> str:
    whole = round(value)
    if whole < 120:
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{whole // 60} minutes" if whole < 7_200 else f"{whole // 3_600} hours"


_SENTENCES = {
    AlertKind.BUDGET.value: _budget,
    AlertKind.ERROR_SHARE.value: _error_share,
    AlertKind.PROVIDER_DOWN.value: _provider_down,
    AlertKind.SPOOL.value: _spool,
    AlertKind.UNPRICED.value: _unpriced,
    AlertKind.INPUT_DRIFT.value: _input_drift,
    AlertKind.SUCCESS_DRIFT.value: _success_drift,
    AlertKind.CHALLENGER.value: _challenger,
}
