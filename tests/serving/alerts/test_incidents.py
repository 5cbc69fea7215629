"""Incidents over time: one per rule and subject, opened and closed once, each with one message a channel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from routerapp.models import AlertIncident, AlertMessage, AlertRule, AuditEvent, InstallationState, Job, RequestRollup
from routerapp.serving.alerts import evaluate as evaluating
from routerapp.serving.alerts.defaults import RULES, make_default_rules
from routerapp.serving.alerts.evaluate import SEND, evaluate, evaluate_alerts
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.alerts.rules import edit_rule
from routerapp.serving.alerts.words import incident_words
from tests.serving.actors import ADMIN
from tests.serving.alerts.alerting import NOW, a_channel, a_rule, requests

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def messages():
    return sorted(AlertMessage.objects.values_list("channel__slug", "event"))


def test_an_alert_opens_holds_its_worst_calms_and_closes_after_a_window():
    channel = a_channel()
    rule = a_rule(channels=(channel,), window_minutes=15)
    requests(70)
    requests(30, "upstream_error")
    evaluate(NOW)
    evaluate(NOW + MINUTE)
    incident = AlertIncident.objects.get()
    assert (incident.value, incident.closed_at, messages()) == (0.3, None, [(channel.slug, "opened")])
    assert "30 % of all requests failed within 15 minutes (30 of 100); the alert is set at 20 %." in incident_words(
        incident
    )

    requests(100, "timeout")
    evaluate(NOW + MINUTE)
    requests(10_000)
    for minute in range(2, 17):
        evaluate(NOW + minute * MINUTE)
    incident.refresh_from_db()
    assert (incident.value, incident.closed_at) == (0.65, None)

    evaluate(NOW + 17 * MINUTE)
    incident.refresh_from_db()
    assert incident.closed_at == NOW + 17 * MINUTE
    assert messages() == [(channel.slug, "closed"), (channel.slug, "opened")]
    evaluate(NOW + 18 * MINUTE)
    assert AlertIncident.objects.count() == 1
    assert rule.incidents.get().detail["ended"] == "over"


def test_errors_that_come_back_within_the_window_are_the_same_incident():
    a_rule(window_minutes=5)
    failed = requests(50, "upstream_error")
    evaluate(NOW)
    RequestRollup.objects.filter(pk=failed.pk).update(status="ok")
    evaluate(NOW + MINUTE)
    assert "calm_since" in AlertIncident.objects.get().detail
    RequestRollup.objects.filter(pk=failed.pk).update(status="timeout")
    evaluate(NOW + 4 * MINUTE)

    assert "calm_since" not in AlertIncident.objects.get().detail
    evaluate(NOW + 7 * MINUTE)
    assert AlertIncident.objects.get().closed_at is None


def test_each_subject_has_its_own_incident_and_what_is_gone_closes():
    rule = a_rule("budget", threshold=0.8, window_minutes=10)
    settle(rule, [Reading("key:a", 0.9), Reading("key:b", 0.7), Reading("team:c", 1.2)], NOW)
    assert set(rule.incidents.values_list("subject", flat=True)) == {"key:a", "team:c"}
    settle(rule, [Reading("team:c", 1.3)], NOW + MINUTE)
    settle(rule, [Reading("team:c", 1.3)], NOW + 11 * MINUTE)

    assert set(rule.incidents.filter(closed_at=None).values_list("subject", flat=True)) == {"team:c"}


def test_the_database_itself_keeps_a_second_one_from_opening():
    rule = a_rule()
    settle(rule, [Reading("", 0.9)], NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertIncident.objects.create(rule=rule, subject="", value=1, opened_at=NOW)


def test_two_evaluations_at_once_open_and_close_once(monkeypatch):
    """The second has read its rows before the first wrote."""
    channel = a_channel()
    rule = a_rule(channels=(channel,), window_minutes=1)
    stale = AlertRule.objects.get(pk=rule.pk)
    settle(rule, [Reading("", 0.9)], NOW)
    seen_by_second = list(rule.incidents.all())
    monkeypatch.setattr(type(stale.incidents), "filter", lambda self, **where: AlertIncident.objects.none())
    assert settle(stale, [Reading("", 0.9)], NOW) == (0, 0)
    monkeypatch.undo()
    settle(rule, [], NOW + MINUTE)
    settle(rule, [], NOW + 2 * MINUTE)
    from routerapp.serving.alerts.incidents import close

    assert close(seen_by_second[0], NOW + 3 * MINUTE, "over") is False
    assert messages() == [(channel.slug, "closed"), (channel.slug, "opened")]


def test_only_channels_that_are_on_hear_and_only_who_heard_the_beginning_hears_the_end():
    on, off, late = a_channel(), a_channel(is_enabled=False), a_channel()
    rule = a_rule(channels=(on, off), window_minutes=1)
    settle(rule, [Reading("", 0.9)], NOW)
    rule.channels.add(late)
    settle(rule, [], NOW + MINUTE)
    settle(rule, [], NOW + 2 * MINUTE)

    assert messages() == [(on.slug, "closed"), (on.slug, "opened")]


def test_switching_a_rule_off_closes_what_is_open_and_says_so():
    channel = a_channel()
    rule = a_rule(channels=(channel,))
    settle(rule, [Reading("", 0.9)], NOW)
    edit_rule(rule.slug, {"is_enabled": False}, by=ADMIN)

    assert rule.incidents.get().detail["ended"] == "switched_off"
    assert messages() == [(channel.slug, "closed"), (channel.slug, "opened")]
    requests(100, "timeout")
    evaluate(NOW)
    assert rule.incidents.filter(closed_at=None).count() == 0


def test_one_rule_that_cannot_be_read_leaves_the_others_alone(monkeypatch):
    a_rule(kind="nonsense")
    a_rule()
    requests(100, "timeout")

    assert "Cannot be evaluated: rule-" in evaluate(NOW)
    assert AlertIncident.objects.count() == 1


def test_default_rules_are_made_once_also_for_an_installation_that_was_there_before():
    InstallationState.objects.update_or_create(id=1, defaults={"settings": {"first_started_at": "long ago"}})
    evaluate_alerts(Job(), NOW)
    assert set(AlertRule.objects.values_list("slug", flat=True)) == {rule[0] for rule in RULES}
    AlertRule.objects.filter(slug="unpriced").delete()

    assert make_default_rules() is False
    assert AlertRule.objects.filter(slug="unpriced").count() == 0
    assert AuditEvent.objects.filter(action="make_default_alert_rules").count() == 1
    assert InstallationState.objects.get().settings["first_started_at"] == "long ago"


def test_an_installation_of_the_first_release_gets_the_rules_that_came_later():
    made_then = {"errors", "provider-down", "budget", "journal-waits", "records-refused", "unpriced"}
    InstallationState.objects.update_or_create(id=1, defaults={"settings": {"alert_rules_made": True}})

    assert make_default_rules()
    assert set(AlertRule.objects.values_list("slug", flat=True)) == {rule[0] for rule in RULES} - made_then
    assert not make_default_rules()


def test_default_rules_keep_within_what_may_be_set_by_hand():
    make_default_rules()
    for rule in AlertRule.objects.all():
        edit_rule(rule.slug, {"threshold": rule.threshold, "subject": rule.subject}, by=ADMIN)


def test_the_sender_is_woken_only_when_something_waits():
    evaluate_alerts(Job(), NOW)
    assert not Job.objects.filter(kind=SEND).exists()
    a_rule(channels=(a_channel(),))
    requests(100, "timeout")
    evaluating.evaluate_alerts(Job(), NOW)
    evaluating.evaluate_alerts(Job(), NOW)

    assert Job.objects.filter(kind=SEND).count() == 1
