"""The Alerts page: what is open first, in words; rules and channels as forms; nothing secret; viewers read and admins edit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.models import AlertChannel, AlertIncident, AlertMessage, AlertRule
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.alerts.receiver import receiver_of
from tests.dashboard.hostile import MARKUP
from tests.factories import a_policy
from tests.serving.alerts.alerting import a_channel, a_rule
from tests.webhook_receiver import a_receiver

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef-secret"
LIVE = {"HX-Request": "true", "HX-Target": "section#open", "HX-Request-Type": "partial"}


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def an_open(rule=None, subject="", value=0.5):
    rule = rule or a_rule(name="Many requests fail")
    settle(rule, [Reading(subject, value, {"failed": 5, "judged": 10, "mostly": "timeout"})], timezone.now())
    return rule.incidents.get(subject=subject)


def test_without_anything_it_says_what_to_do(admin):
    text = admin.get("/alerts/").text

    assert "Nothing is wrong" in text and "No rules" in text and "Nobody is told" in text and "No history yet" in text


def test_what_is_open_comes_first_in_words_with_the_page_that_shows_why_and_a_badge(viewer):
    an_open(subject="model:gpt")
    text = viewer.get("/alerts/").text

    assert "50 % of requests of model gpt failed within 15 minutes (5 of 10); the alert is set at 20 %." in text
    assert "status=timeout" in text and "model=gpt" in text
    assert 'data-tone="bad">1<span class="visually-hidden"> open</span>' in viewer.get("/requests/").text


def test_why_leads_to_a_page_that_answers(viewer):
    line = viewer.get(f"/alerts/{an_open(subject='key:mine').pk}/").context["line"]

    assert viewer.get(line.why_url).status_code == 200


def test_viewers_see_no_control(viewer):
    incident = an_open(a_rule(channels=(a_channel(),)))
    AlertMessage.objects.update(next_attempt_at=None, error="gone")
    for path in ("/alerts/", f"/alerts/{incident.pk}/"):
        text = viewer.get(path).text
        assert "Retry" not in text and "/alerts/rules/" not in text and "/alerts/channels/" not in text


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_edit(signed_in, role):
    rule, channel = a_rule(), a_channel()
    client = signed_in(role)
    for path in (
        "/alerts/rules/new/",
        "/alerts/rules/new/budget/",
        f"/alerts/rules/{rule.slug}/",
        f"/alerts/rules/{rule.slug}/remove/",
        "/alerts/channels/new/webhook/",
        f"/alerts/channels/{channel.slug}/",
        f"/alerts/channels/{channel.slug}/remove/",
    ):
        assert (client.get(path).status_code, client.post(path).status_code) == (403, 403)
    for path in (
        f"/alerts/channels/{channel.slug}/test/",
        f"/alerts/channels/{channel.slug}/secret/",
        "/alerts/messages/1/retry/",
    ):
        assert client.post(path).status_code == 403


def test_history_is_paged_and_a_bad_page_is_said_so(viewer):
    rule = a_rule()
    now = timezone.now()
    for number in range(25):
        AlertIncident.objects.create(
            rule=rule, value=0.3, opened_at=now - timedelta(hours=number + 1), closed_at=now - timedelta(hours=number)
        )
    first = viewer.get("/alerts/")
    second = viewer.get(first.context["next_url"])

    assert [len(page.context["history"]) for page in (first, second)] == [20, 5]
    for bad in ("x", "0", "9" * 30, "²"):
        assert viewer.get("/alerts/", {"before": bad}).status_code == 422


def test_the_open_part_alone_is_small(viewer):
    an_open()
    response = viewer.get("/alerts/", headers=LIVE)

    assert "<html" not in response.text and "History" not in response.text and 'id="open"' in response.text


def test_a_rule_is_made_changed_switched_off_and_deleted(admin):
    a_policy(slug="support")
    channel = a_channel()
    fields = {
        "name": "Support fails",
        "subject": "policy:support",
        "threshold": "12.5",
        "window_minutes": "30",
        "least_requests": "5",
        "channels": [channel.slug],
        "is_enabled": "on",
    }
    assert admin.post("/alerts/rules/new/error_share/", fields).status_code == 302
    row = AlertRule.objects.get()
    assert (row.threshold, row.subject, list(row.channels.all())) == (0.125, "policy:support", [channel])
    assert 'value="12.5"' in admin.get(f"/alerts/rules/{row.slug}/").text

    fields.pop("is_enabled")
    admin.post(f"/alerts/rules/{row.slug}/", fields)
    row.refresh_from_db()
    assert row.is_enabled is False
    assert "history" in admin.get(f"/alerts/rules/{row.slug}/remove/").text
    admin.post(f"/alerts/rules/{row.slug}/remove/")
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", "101"),
        ("threshold", "-3"),
        ("threshold", "nan"),
        ("threshold", "1e400"),
        ("window_minutes", "0"),
        ("subject", "policy:nowhere"),
        ("name", ""),
        ("name", "x" * 101),
    ],
)
def test_bad_input_comes_back_with_the_form_and_what_was_typed(admin, field, value):
    fields = {"name": "kept text", "threshold": "10", "window_minutes": "5", "least_requests": "5", field: value}
    response = admin.post("/alerts/rules/new/error_share/", fields)

    assert response.status_code == 422
    assert response.context["form"].errors.get(field)
    assert field == "name" or "kept text" in response.text


def test_every_kind_has_its_form(admin):
    for kind in admin.get("/alerts/rules/new/").context["kinds"]:
        assert admin.get(f"/alerts/rules/new/{kind['kind']}/").status_code == 200
    assert admin.get("/alerts/rules/new/nonsense/").status_code == 404
    assert admin.get("/alerts/channels/new/pigeon/").status_code == 404


def test_a_channel_is_made_tried_and_its_secret_never_shown(admin, settings):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    with a_receiver() as receiver:
        fields = {"name": "Chat", "address": receiver.url, "secret": SECRET, "is_enabled": "on"}
        made = admin.post("/alerts/channels/new/webhook/", fields)
        row = AlertChannel.objects.get()
        tried = admin.post(f"/alerts/channels/{row.slug}/test/", follow=True)
    pages = [admin.get(made.url).text, tried.text, admin.get("/alerts/").text, admin.get("/audit/").text]

    assert "has taken the test message" in tried.text
    assert receiver.events() == ["test"]
    for page in pages:
        assert SECRET not in page and "a-secret-path" not in page and row.ciphertext not in page


def test_a_refused_secret_or_address_comes_back_without_the_secret(admin):
    fields = {"name": "Chat", "address": "http://10.0.0.1/x", "secret": "short-secret-1", "is_enabled": "on"}
    response = admin.post("/alerts/channels/new/webhook/", fields)

    assert response.status_code == 422
    assert "short-secret-1" not in response.text


def test_the_address_stays_when_it_is_left_empty(admin):
    row = a_channel()
    admin.post(f"/alerts/channels/{row.slug}/", {"name": "Renamed", "address": "", "is_enabled": "on"})
    saved = AlertChannel.objects.get()

    assert (saved.name, receiver_of(saved)) == ("Renamed", receiver_of(row))


def test_a_secret_is_replaced_on_the_page(admin):
    row = a_channel()
    assert admin.post(f"/alerts/channels/{row.slug}/secret/", {"secret": "short"}).status_code == 422
    page = admin.post(f"/alerts/channels/{row.slug}/secret/", {"secret": SECRET}, follow=True)

    assert AlertChannel.objects.get().ciphertext and SECRET not in page.text


def test_a_message_that_was_given_up_is_shown_with_its_reason_and_retried(admin):
    incident = an_open(a_rule(channels=(a_channel(),)))
    AlertMessage.objects.update(next_attempt_at=None, attempts=8, error="nothing listens there")
    message = AlertMessage.objects.get()
    assert "nothing listens there" in admin.get("/alerts/").text
    response = admin.post(f"/alerts/messages/{message.pk}/retry/")

    assert response.url == f"/alerts/{incident.pk}/"
    message.refresh_from_db()
    assert (message.attempts, message.next_attempt_at is not None) == (0, True)
    assert "on its way" in admin.get(response.url).text
    assert admin.post(f"/alerts/messages/{message.pk}/retry/", follow=True).status_code == 200


def test_messages_given_up_long_ago_stand_with_their_alert_only(admin):
    incident = an_open(a_rule(channels=(a_channel(),)))
    AlertMessage.objects.update(
        next_attempt_at=None, error="nothing listens", created_at=timezone.now() - timedelta(days=8)
    )

    assert "nothing listens" not in admin.get("/alerts/").text
    assert "nothing listens" in admin.get(f"/alerts/{incident.pk}/").text


def test_text_of_others_is_only_ever_text(admin):
    channel = a_channel(name=MARKUP)
    rule = a_rule("unpriced", channels=(channel,), name=MARKUP, threshold=1)
    settle(rule, [Reading("", 3.0, {"models": [MARKUP]})], timezone.now())
    AlertMessage.objects.update(error=MARKUP, next_attempt_at=None)
    for path in (
        "/alerts/",
        f"/alerts/{rule.incidents.get().pk}/",
        f"/alerts/rules/{rule.slug}/",
        f"/alerts/channels/{channel.slug}/",
    ):
        assert "<img src=x" not in admin.get(path).text


def test_mail_that_is_not_set_up_is_said_where_a_channel_is_made(admin):
    assert "SIGNALBOX_SMTP_URL" in admin.get("/alerts/channels/new/email/").text
