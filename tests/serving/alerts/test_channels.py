"""Channels: made, changed, tried; what is secret goes in and never comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_string, policy

import pytest

from routerapp.models import AlertChannel, AlertMessage, AuditEvent
from routerapp.serving.alerts import delivery as delivering
from routerapp.serving.alerts.channels import (
    add_channel,
    edit_channel,
    remove_channel,
    send_test_message,
    set_secret,
    shown_address,
)
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.alerts.outbox import send_due
from routerapp.serving.alerts.rules import retry_message
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from routerapp.smtp_settings import SmtpSettings
from routerapp.store.secrets import ALERT_CHANNEL, decrypt
from tests.mail_receiver import a_mail_receiver
from tests.serving.actors import ADMIN, PUBLISHER
from tests.serving.alerts.alerting import NOW, a_channel, a_rule, clock_at
from tests.webhook_receiver import a_receiver

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef-secret"
HOOK = "https://hooks.example.org/services/T0/path-is-secret"


@pytest.fixture(autouse=True)
def environment(settings):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    return settings


def a_hook(**fields):
    return add_channel("webhook", {"name": "Chat", "address": HOOK, **fields}, SECRET, by=ADMIN)


def everything_written():
    return json.dumps([[event.before, event.after, event.subject] for event in AuditEvent.objects.all()])


def test_a_secret_is_encrypted_for_its_channel_and_nowhere_else():
    row = a_hook()
    row.refresh_from_db()

    assert decrypt(ALERT_CHANNEL, row.slug, row.ciphertext) == SECRET
    assert SECRET not in row.ciphertext
    assert SECRET not in everything_written() and "path-is-secret" not in everything_written()
    assert shown_address(row) == "https://hooks.example.org/…"


def test_a_secret_is_replaced_and_taken_away():
    row = a_hook()
    set_secret(row.slug, "another-secret-of-mine", by=ADMIN)
    row.refresh_from_db()
    assert decrypt(ALERT_CHANNEL, row.slug, row.ciphertext) == "another-secret-of-mine"
    set_secret(row.slug, "", by=ADMIN)
    row.refresh_from_db()

    assert row.ciphertext == ""
    assert "another-secret" not in everything_written()


def test_an_address_on_another_host_does_not_get_the_secret_of_the_old_one():
    row = a_hook()
    edit_channel(row.slug, {"address": HOOK + "/other"}, by=ADMIN)
    assert AlertChannel.objects.get().ciphertext
    edit_channel(row.slug, {"address": "https://evil.example.org/x"}, by=ADMIN)

    assert AlertChannel.objects.get().ciphertext == ""


@pytest.mark.parametrize("secret", ["short", "x" * 201, "with spaces in between", "ünïcödé-but-long-enough", "\n" * 20])
def test_a_secret_that_cannot_be_used_is_refused_without_being_quoted(secret):
    with pytest.raises(Invalid) as refused:
        add_channel("webhook", {"name": "Chat", "address": HOOK}, secret, by=ADMIN)

    assert [problem.path for problem in refused.value.problems] == ["secret"]
    assert secret.strip() == "" or secret not in str(refused.value)
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"address": ""}, "address"),
        ({"address": "ftp://example.org"}, "address"),
        ({"address": "https://user:pass@example.org"}, "address"),
        ({"address": "http://10.0.0.1/x"}, "address"),
        ({"address": "http://169.254.169.254/"}, "address"),
        ({"address": "https://example.org/" + "x" * 500}, "address"),
        ({"address": 5}, "address"),
        ({"address": "https://example.org/\0"}, "address"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"is_enabled": "yes"}, "is_enabled"),
        ({"slug": "x"}, "slug"),
        ({"ciphertext": "x"}, "ciphertext"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fields, path):
    with pytest.raises(Invalid) as refused:
        a_hook(**fields)

    assert [problem.path for problem in refused.value.problems] == [path]


def test_only_admins_touch_them():
    row = a_channel()
    for attempt in (
        lambda: add_channel("webhook", {"name": "x", "address": HOOK}, by=PUBLISHER),
        lambda: edit_channel(row.slug, {"name": "x"}, by=PUBLISHER),
        lambda: set_secret(row.slug, SECRET, by=PUBLISHER),
        lambda: send_test_message(row.slug, by=PUBLISHER),
        lambda: remove_channel(row.slug, by=PUBLISHER),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_switching_off_gives_up_what_waits_and_it_can_be_retried_once_it_is_on():
    row = a_channel()
    settle(a_rule(channels=(row,)), [Reading("", 0.5, {"failed": 1, "judged": 2})], NOW)
    edit_channel(row.slug, {"is_enabled": False}, by=ADMIN)
    message = AlertMessage.objects.get()
    assert (message.next_attempt_at, message.error) == (None, "The channel was switched off before this was sent.")
    with pytest.raises(Invalid, match="switched off"):
        retry_message(message.pk, by=ADMIN)
    edit_channel(row.slug, {"is_enabled": True}, by=ADMIN)

    assert retry_message(message.pk, by=ADMIN).next_attempt_at is not None


def test_a_test_message_says_that_it_is_one_and_what_came_of_it(monkeypatch):
    with a_receiver() as receiver:
        row = add_channel("webhook", {"name": "Chat", "address": receiver.url}, SECRET, by=ADMIN)
        good = send_test_message(row.slug, by=ADMIN)
        receiver.behaviour = "404"
        bad = send_test_message(row.slug, by=ADMIN)

    assert good.is_taken and "has taken the test message" in good.words
    assert not bad.is_taken and "knows no such address (404)" in bad.words
    assert [one.document["event"] for one in receiver.received] == ["test", "test"]
    assert "signalbox-signature" in receiver.received[0].headers
    assert "a-secret-path" not in good.words + bad.words + everything_written()
    assert not AlertMessage.objects.exists()


@pytest.fixture
def mail(environment):
    with a_mail_receiver() as receiver:
        smtp = SmtpSettings("127.0.0.1", receiver.port, False, "Signalbox <alerts@example.org>")
        environment.ENVIRONMENT = replace(environment.ENVIRONMENT, smtp=smtp)
        yield receiver


def by_mail(address="ops@example.org, lead@example.org"):
    return add_channel("email", {"name": "Mail", "address": address}, by=ADMIN)


def test_an_alert_reaches_every_mail_address_once_under_the_same_message_id(mail):
    row = by_mail()
    settle(a_rule(channels=(row,), name="Too many‮ <b>errors</b>"), [Reading("", 0.5, {"failed": 1, "judged": 2})], NOW)

    assert send_due(clock=clock_at(NOW)) == (1, 0)
    assert send_due(clock=clock_at(NOW)) == (0, 0)
    assert (mail.mails[0].sender, mail.mails[0].recipients) == (
        "alerts@example.org",
        ["ops@example.org", "lead@example.org"],
    )
    message = message_from_string(mail.mails[0].text, policy=policy.default)
    assert message["Subject"] == "[Signalbox] Alert: Too many ‹b›errors‹/b›"
    assert "50 % of all requests failed" in message.get_content()
    assert message["Message-ID"] and message["Date"] and len(mail.mails) == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("refuse_recipients", "refuses the recipients: 550 no such person"),
        ("refuse", "refuses the message: 554 not today"),
        ("drip", "was too slow"),
    ],
)
def test_a_mail_server_that_refuses_is_quoted_short(mail, monkeypatch, behaviour, words):
    monkeypatch.setattr(delivering, "SECONDS", 0.5)
    mail.behaviour = behaviour
    row = by_mail()
    found = send_test_message(row.slug, by=ADMIN)

    assert not found.is_taken and words in found.words


@pytest.mark.parametrize("behaviour", ["rude_end", "hang_at_end"])
def test_a_mail_that_was_taken_is_not_sent_again_however_the_talk_ends(mail, monkeypatch, behaviour):
    monkeypatch.setattr(delivering, "SECONDS", 0.5)
    mail.behaviour = behaviour
    settle(a_rule(channels=(by_mail(),)), [Reading("", 0.5, {"failed": 1, "judged": 2})], NOW)

    assert send_due(clock=clock_at(NOW)) == (1, 0)
    assert send_due(clock=clock_at(NOW + timedelta(hours=2))) == (0, 0)
    assert len(mail.mails) == 1


def test_recipients_who_are_refused_are_named_though_the_others_got_it(mail):
    mail.behaviour = "refuse_first"
    row = by_mail()
    settle(a_rule(channels=(row,)), [Reading("", 0.5, {"failed": 1, "judged": 2})], NOW)

    assert send_due(clock=clock_at(NOW)) == (1, 0)
    assert AlertMessage.objects.get().sent_at == NOW
    assert "refuses ops@example.org" in AlertMessage.objects.get().error
    assert "refuses ops@example.org" in send_test_message(row.slug, by=ADMIN).words


def test_a_password_never_goes_out_without_tls(mail, environment):
    smtp = replace(environment.ENVIRONMENT.smtp, username="me", password="hunter2-hunter2")
    environment.ENVIRONMENT = replace(environment.ENVIRONMENT, smtp=smtp)
    found = send_test_message(by_mail().slug, by=ADMIN)

    assert "offers no TLS" in found.words and "hunter2" not in found.words
    assert mail.mails == []


@pytest.mark.parametrize(
    ("host", "port", "is_tls", "words"),
    [
        ("127.0.0.1", 1, False, "Nothing listens on 127.0.0.1 port 1"),
        ("10.0.0.9", 25, False, "egress guard refuses the mail server"),
        ("metadata.google.internal", 25, False, "mail server|cannot be looked up"),
    ],
)
def test_the_mail_server_passes_the_guard_too(mail, environment, host, port, is_tls, words):
    row = by_mail()
    environment.ENVIRONMENT = replace(
        environment.ENVIRONMENT, smtp=SmtpSettings(host, port, is_tls, "alerts@example.org")
    )
    found = send_test_message(row.slug, by=ADMIN)

    assert any(part in found.words for part in words.split("|")), found.words


def test_plain_text_where_tls_was_promised_is_said_so(mail, environment):
    row = by_mail()
    smtp = SmtpSettings("127.0.0.1", mail.port, True, "alerts@example.org")
    environment.ENVIRONMENT = replace(environment.ENVIRONMENT, smtp=smtp)

    assert "TLS with 127.0.0.1 failed" in send_test_message(row.slug, by=ADMIN).words


def test_mail_that_is_not_set_up_says_what_to_set(mail, environment):
    row = by_mail()
    environment.ENVIRONMENT = replace(environment.ENVIRONMENT, smtp=None)

    assert "SIGNALBOX_SMTP_URL" in send_test_message(row.slug, by=ADMIN).words
    with pytest.raises(Invalid, match="SIGNALBOX_MAIL_FROM"):
        by_mail()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b.example, nobody",
        "a@b.example\nBcc: c@d.example",
        ", ".join(f"a{n}@b.example" for n in range(21)),
    ],
)
def test_addresses_that_are_none_are_refused(mail, address):
    with pytest.raises(Invalid) as refused:
        by_mail(address)

    assert [problem.path for problem in refused.value.problems] == ["address"]
