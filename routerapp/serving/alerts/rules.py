"""Rules: made, changed, switched off and taken away, each audited; and trying again what could not be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import (
    AlertChannel,
    AlertKind,
    AlertMessage,
    AlertRule,
    APIKey,
    EndUserAllowance,
    LanguageModel,
    Policy,
    Provider,
    Team,
)
from routerapp.serving import audit
from routerapp.serving.alerts.incidents import SWITCHED_OFF, close_all
from routerapp.serving.alerts.kinds import (
    END_USER,
    KEY,
    KINDS,
    MODEL,
    MOST_LEAST_REQUESTS,
    MOST_WINDOW_MINUTES,
    POLICY,
    PROVIDER,
    TEAM,
)
from routerapp.serving.alerts.names import checked_name, new_slug
from routerapp.serving.alerts.outbox import failed_messages
from routerapp.serving.changes import assign, changing, find
from routerapp.serving.documents import is_storable
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, invalid

FIELDS = ("name", "subject", "threshold", "window_minutes", "least_requests", "is_enabled")
MOST_RULES = 100
_TABLES: Mapping[str, Any] = {KEY: APIKey, TEAM: Team, MODEL: LanguageModel, PROVIDER: Provider, POLICY: Policy}


def add_rule(kind: str, fields: Mapping[str, Any], *, by: Actor, slug: str = "") -> AlertRule:
    """fields: name (required), subject, threshold, window_minutes, least_requests, is_enabled, channels (slugs). slug: else of the name."""
    with changing(by, "edit_alerts", "alert_rule", event="add_alert_rule") as change:
        if kind not in KINDS:
            raise invalid("kind", "unknown_kind", f"A rule is one of: {', '.join(KINDS)}.")
        if AlertRule.objects.count() >= MOST_RULES:
            raise invalid("", "too_many", f"At most {MOST_RULES} rules.")
        name = checked_name(fields.get("name"))
        slug = new_slug(slug, name, AlertRule.objects.all(), "rule")
        row = AlertRule(slug=slug, kind=kind, threshold=KINDS[kind].default)
        given = {"subject": "", **fields, "name": name}
        if "threshold" not in given and KINDS[kind].measures:
            raise invalid("threshold", "required", "Say from how much on.")
        _set(row, given)
        change.subject, change.after = subject_of(row), _values(row)
    return row


def edit_rule(slug: str, fields: Mapping[str, Any], *, by: Actor) -> AlertRule:
    """fields as in add_rule; those left out stay. Switching off closes what is open and says so over its channels."""
    with changing(by, "edit_alerts", f"alert_rule:{slug}", event="edit_alert_rule") as change:
        row = find_rule(slug)
        change.before = _values(row)
        _set(row, fields)
        if not row.is_enabled:
            close_all(row, timezone.now(), SWITCHED_OFF)
        change.after = _values(row)
    return row


def remove_rule(slug: str, *, by: Actor) -> None:
    """With its history. To keep that, switch it off instead."""
    with changing(by, "edit_alerts", f"alert_rule:{slug}", event="remove_alert_rule") as change:
        row = find_rule(slug)
        change.before = _values(row)
        row.delete()


@transaction.atomic
def retry_message(message_id: int, *, by: Actor) -> AlertMessage:
    """Begins anew with one that was given up."""
    require(by, "edit_alerts")
    message = find(AlertMessage.objects.select_related("channel"), "alert message", pk=message_id)
    if not message.channel.is_enabled:
        raise invalid("", "channel_off", "Its channel is switched off. Switch it on first.")
    if not failed_messages().filter(pk=message_id).update(attempts=0, next_attempt_at=timezone.now(), error=""):
        raise invalid("", "not_failed", "This message was not given up: it was sent, or will be tried again by itself.")
    audit.record(by, "retry_alert_message", f"alert_message:{message_id}", after={"channel": message.channel.slug})
    message.refresh_from_db()
    return message


def find_rule(slug: str) -> AlertRule:
    return find(AlertRule.objects.all(), "alert rule", slug=slug)


def subject_of(row: AlertRule) -> str:
    return f"alert_rule:{row.slug}"


def _set(row: AlertRule, fields: Mapping[str, Any]) -> None:
    given = dict(fields)
    channels = _channels(given.pop("channels")) if "channels" in given else None
    problems: list[Problem] = []
    for name in tuple(given):
        check = _CHECKS.get(name)
        try:
            given[name] = check(given[name]) if check else given[name]
        except Invalid as refused:
            problems += refused.problems
    if problems:
        raise Invalid(problems)
    subject = given.get("subject", row.subject)
    _check_subject(row.kind, subject)
    _check_threshold(row.kind, subject, given.get("threshold", row.threshold))
    assign(row, given, FIELDS)
    if channels is not None:
        row.channels.set(channels)


def _check_subject(kind: str, subject: str) -> None:
    about = KINDS[kind]
    if about.measures:
        is_good = subject in about.measures
    else:
        prefix, _, name = subject.partition(":")
        is_good = not subject or (prefix in about.subjects and _is_there(prefix, name))
    if not is_good:
        raise invalid(
            "subject", "bad_subject", f"{subject[:60] or 'Nothing'} cannot be watched: {about.allowed_subjects}."
        )


def _is_there(prefix: str, name: str) -> bool:
    if prefix == END_USER:
        return name.isascii() and name.isdigit() and EndUserAllowance.objects.filter(pk=int(name[:18])).exists()
    return bool(_TABLES[prefix].objects.filter(slug=name).exists())


def _check_threshold(kind: str, subject: str, threshold: float) -> None:
    unit = KINDS[kind].unit_of(subject)
    if not unit.low <= threshold <= unit.high:
        raise invalid("threshold", "out_of_range", f"{threshold:g} is not within {unit.allowed}.")


def _threshold(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12 or not isfinite(value):
        raise invalid("threshold", "not_a_number", "A number.")
    return float(value)


def _whole(name: str, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise invalid(name, "out_of_range", f"A whole number from 1 to {most:,}.")
        return value

    return check


def _subject(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100 or not is_storable(value):
        raise invalid("subject", "bad_subject", "A subject is text of at most 100 characters.")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise invalid("is_enabled", "not_a_boolean", "This is true or false.")
    return value


def _channels(slugs: Any) -> list[AlertChannel]:
    if not isinstance(slugs, list | tuple) or not all(isinstance(slug, str) and is_storable(slug) for slug in slugs):
        raise invalid("channels", "not_a_list", "A list of channels' slugs.")
    found = {row.slug: row for row in AlertChannel.objects.filter(slug__in=slugs)}
    missing = [slug for slug in slugs if slug not in found]
    if missing:
        raise invalid("channels", "unknown_reference", f"There is no channel {missing[0][:60]}.")
    return list(found.values())


def _values(row: AlertRule) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in FIELDS}
    return {**values, "kind": row.kind, "channels": sorted(row.channels.values_list("slug", flat=True))}


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "name": checked_name,
    "subject": _subject,
    "threshold": _threshold,
    "window_minutes": _whole("window_minutes", MOST_WINDOW_MINUTES),
    "least_requests": _whole("least_requests", MOST_LEAST_REQUESTS),
    "is_enabled": _switch,
}
KIND_WORDS = dict(AlertKind.choices)
