"""Lines of the Alerts page: incidents in words with the page that shows why, rules and channels with their state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from dashboard.templatetags.numbers import duration
from routerapp.models import AlertChannel, AlertIncident, AlertKind, AlertMessage, AlertRule, LanguageModel, Provider
from routerapp.serving.alerts.channels import shown_address
from routerapp.serving.alerts.incidents import CALM_SINCE, SWITCHED_OFF
from routerapp.serving.alerts.kinds import KEY, MODEL, POLICY
from routerapp.serving.alerts.outbox import MOST_ATTEMPTS
from routerapp.serving.alerts.words import amount, incident_words, label_of, threshold_words
from routerapp.serving.drift_found import TRAINING

_NOTHING = {
    AlertKind.ERROR_SHARE.value: "too few requests to judge",
    AlertKind.BUDGET.value: "no limit any more",
    AlertKind.INPUT_DRIFT.value: "no change found any more",
    AlertKind.SUCCESS_DRIFT.value: "no fall found any more",
}
FILTERED = (MODEL, POLICY, KEY)


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """lasted: so far, or in all. now: its value at the last look, where it is open."""

    incident: AlertIncident
    subject: str
    words: str
    lasted: str
    now: str
    is_calm: bool
    ended: str
    why_url: str
    why_label: str


@dataclass(frozen=True, slots=True)
class MessageLine:
    message: AlertMessage
    state: str
    tone: str
    when: dt.datetime | None
    may_retry: bool


@dataclass(frozen=True, slots=True)
class RuleLine:
    rule: AlertRule
    subject: str
    words: str
    channels: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class ChannelLine:
    channel: AlertChannel
    address: str
    waiting: int
    failed: int
    last_sent: dt.datetime | None


def incident_line(incident: AlertIncident) -> IncidentLine:
    found = incident.detail
    end = incident.closed_at or timezone.now()
    now = found.get("now")
    url, label = _why(incident)
    return IncidentLine(
        incident,
        label_of(incident.subject),
        incident_words(incident),
        _span(end - incident.opened_at),
        _NOTHING.get(incident.rule.kind, "not there any more")
        if now is None
        else amount(float(now), incident.rule.kind, incident.subject),
        CALM_SINCE in found,
        "rule switched off" if found.get("ended") == SWITCHED_OFF else "",
        url,
        label,
    )


def message_line(message: AlertMessage) -> MessageLine:
    if message.sent_at is not None:
        return MessageLine(message, "sent", "warn" if message.error else "ok", message.sent_at, False)
    if message.next_attempt_at is None:
        return MessageLine(message, "failed", "bad", None, message.channel.is_enabled)
    word = f"tried {message.attempts} of {MOST_ATTEMPTS} times" if message.attempts else "on its way"
    return MessageLine(message, word, "warn" if message.error else "info", message.next_attempt_at, False)


def rule_lines(rules: Iterable[AlertRule], open_rules: set[int]) -> list[RuleLine]:
    return [
        RuleLine(
            rule,
            _watched(rule),
            threshold_words(rule),
            ", ".join(sorted(channel.name for channel in rule.channels.all())),
            rule.pk in open_rules,
        )
        for rule in rules
    ]


def channel_line(channel: AlertChannel) -> ChannelLine:
    unsent = channel.messages.filter(sent_at=None)
    last = channel.messages.exclude(sent_at=None).order_by("-sent_at").values_list("sent_at", flat=True).first()
    return ChannelLine(
        channel,
        shown_address(channel),
        unsent.exclude(next_attempt_at=None).count(),
        unsent.filter(next_attempt_at=None).count(),
        last,
    )


def _watched(rule: AlertRule) -> str:
    if rule.subject:
        return label_of(rule.subject)
    return {
        AlertKind.BUDGET: "every key, team and end user with a spend limit",
        AlertKind.PROVIDER_DOWN: "every provider",
        AlertKind.SUCCESS_DRIFT: "every model",
        AlertKind.CHALLENGER: "the scheduled refit",
    }.get(AlertKind(rule.kind), "all traffic")


def _why(incident: AlertIncident) -> tuple[str, str]:
    """The page that shows what the numbers were made of."""
    name = incident.subject.partition(":")[2]
    match incident.rule.kind:
        case AlertKind.BUDGET:
            return reverse("dashboard:key-list"), "Keys and budgets"
        case AlertKind.SPOOL:
            return reverse("dashboard:system"), "System"
        case AlertKind.PROVIDER_DOWN if Provider.objects.filter(slug=name).exists():
            return reverse("dashboard:provider-detail", args=[name]), "The provider and its health"
        case AlertKind.PROVIDER_DOWN:
            return reverse("dashboard:provider-list"), "Providers and their health"
        case AlertKind.CHALLENGER:
            return reverse("dashboard:evaluation"), "Predictors and the scheduled refit"
        case AlertKind.INPUT_DRIFT if incident.subject == TRAINING:
            return reverse("dashboard:evaluation"), "Predictors and benchmarks"
        case AlertKind.SUCCESS_DRIFT if LanguageModel.objects.filter(slug=name).exists():
            return reverse("dashboard:language-model-detail", args=[name]), "The model"
    return f"{reverse('dashboard:request-list')}?{urlencode(_requests_of(incident))}", "These requests"


def _requests_of(incident: AlertIncident) -> dict[str, str]:
    prefix, _, name = incident.subject.partition(":")
    window = dt.timedelta(minutes=incident.rule.window_minutes)
    query = {"range": "custom", "start": _minute(incident.opened_at - window), "origin": "live"}
    if incident.closed_at:
        query["end"] = _minute(incident.closed_at + dt.timedelta(minutes=1))
    if prefix in FILTERED:
        query[prefix] = name
    if incident.rule.kind == AlertKind.ERROR_SHARE:
        query["status"] = (incident.detail.get("reading") or {}).get("mostly") or "upstream_error"
    return query


def _minute(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M")


def _span(length: dt.timedelta) -> str:
    seconds = max(0.0, length.total_seconds())
    if seconds < 3_600:
        return duration(seconds * 1000)
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
