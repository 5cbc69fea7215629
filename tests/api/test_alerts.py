"""Alerts and settings over the management API: everything the pages do, nothing secret out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from routerapp.models import AlertChannel, AlertMessage
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from tests.api.callers import calls_as, codes_of, error_of
from tests.serving.alerts.alerting import a_channel, a_rule
from tests.webhook_receiver import a_receiver

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef-secret"


def test_a_channel_and_a_rule_are_made_tried_changed_and_taken_away(settings):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    api = calls_as("admin")
    with a_receiver() as receiver:
        made = api(
            "POST", "alert-channels", {"kind": "webhook", "name": "Chat", "address": receiver.url, "secret": SECRET}
        )
        tried = api("POST", "alert-channels/chat/test")
    assert (made.status_code, made.json()["is_signed"]) == (201, True)
    assert tried.json()["is_taken"] is True
    rule = api("POST", "alert-rules", {"kind": "error_share", "name": "Errors", "threshold": 0.1, "channels": ["chat"]})
    assert (rule.status_code, rule.json()["channels"]) == (201, ["chat"])
    assert api("PATCH", "alert-rules/errors", {"is_enabled": False}).json()["is_enabled"] is False
    answers = [made, tried, api("GET", "alert-channels"), api("GET", "alert-channels/chat"), api("GET", "audit")]
    answers.append(api("PUT", "alert-channels/chat/secret", {"secret": SECRET + "2"}))
    for answer in answers:
        assert SECRET not in answer.text and "a-secret-path" not in answer.text
        assert AlertChannel.objects.get().ciphertext not in answer.text

    assert api("PUT", "alert-channels/chat/secret", {"secret": ""}).json()["is_signed"] is False
    assert api("DELETE", "alert-rules/errors").status_code == 204
    assert api("DELETE", "alert-channels/chat").status_code == 204
    assert api("GET", "alert-rules/errors").status_code == 404


def test_incidents_say_what_was_wrong_and_what_became_of_telling_it():
    channel = a_channel()
    rule = a_rule(channels=(channel,))
    settle(rule, [Reading("", 0.5, {"failed": 5, "judged": 10})], timezone.now())
    viewer = calls_as("viewer")
    found = viewer("GET", "alert-incidents?is_open=true").json()["data"]
    assert found[0]["message"].startswith("50 % of all requests failed")
    assert found[0]["messages"][0]["channel"] == channel.slug
    assert viewer("GET", f"alert-incidents/{found[0]['id']}").json()["rule"] == rule.slug
    assert viewer("GET", "alert-incidents?is_open=false").json()["data"] == []

    AlertMessage.objects.update(next_attempt_at=None, attempts=8)
    message = AlertMessage.objects.get()
    assert calls_as("admin")("POST", f"alert-messages/{message.pk}/retry").json()["attempts"] == 0
    assert calls_as("admin")("POST", f"alert-messages/{message.pk}/retry").status_code == 422


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"kind": "error_share"}, "name"),
        ({"kind": "error_share", "name": "x", "threshold": "lots"}, "threshold"),
        ({"kind": "error_share", "name": "x", "threshold": 7}, "threshold"),
        ({"kind": "rubbish", "name": "x"}, "kind"),
        ({"kind": "error_share", "name": "x", "colour": "red"}, "colour"),
        ({"kind": "budget", "name": "x", "subject": "key:nobody"}, "subject"),
    ],
)
def test_a_bad_rule_is_refused_by_field(body, path):
    answer = calls_as("admin")("POST", "alert-rules", body)

    assert answer.status_code == 422
    assert list(codes_of(answer)) == [path]


def test_settings_are_read_with_default_and_range_and_changed_by_name():
    api = calls_as("admin")
    shown = {one["name"]: one for one in api("GET", "settings").json()["data"]}
    assert shown["retention_days"]["default"]["requests"] == 400
    assert all(one["allowed"] and one["about"] for one in shown.values())

    changed = api("PATCH", "settings", {"retention_days": {"requests": 30}, "when_spool_is_full": "serve"}).json()
    assert {one["name"]: one["value"] for one in changed["data"] if one["is_set"]} == {
        "retention_days": {"requests": 30},
        "when_spool_is_full": "serve",
    }
    back = api("PATCH", "settings", {"when_spool_is_full": None}).json()["data"]
    assert next(one for one in back if one["name"] == "when_spool_is_full")["is_set"] is False


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"first_started_at": "x"}, "first_started_at"),
        ({"retention_days": {"requests": 0}}, "retention_days"),
        ({"retention_days": {"minute_sums": 36_501}}, "retention_days"),
        ({"kept_content": {"keep": "all"}}, "kept_content"),
        ({"kept_content": []}, "kept_content"),
        ({"header_allow": ["cookie"]}, "header_allow"),
    ],
)
def test_a_bad_setting_is_refused_by_name(body, path):
    answer = calls_as("admin")("PATCH", "settings", body)

    assert (answer.status_code, list(codes_of(answer))) == (422, [path])


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null"])
def test_settings_that_are_no_object_are_refused(body):
    answer = calls_as("admin")("PATCH", "settings", body)

    assert answer.status_code in (400, 422)
    assert error_of(answer)["message"]
