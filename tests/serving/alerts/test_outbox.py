"""Messages leave once: claimed, sent, marked; tried again after a failure or a crash, given up after enough."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from routerapp.models import AlertIncident, AlertMessage
from routerapp.serving.alerts import delivery as delivering
from routerapp.serving.alerts import outbox
from routerapp.serving.alerts.channels import edit_channel
from routerapp.serving.alerts.delivery import Delivery
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.alerts.outbox import LEASE, MOST_ATTEMPTS, claim_due, mark_sent, send_due, wait_after
from routerapp.serving.alerts.rules import retry_message
from routerapp.serving.refusals import Invalid
from routerapp.store.secrets import ALERT_CHANNEL, encrypt
from tests.serving.actors import ADMIN
from tests.serving.alerts.alerting import NOW, a_channel, a_rule, clock_at
from tests.webhook_receiver import a_receiver

pytestmark = pytest.mark.django_db
SECRET = "a secret nobody else has"
TAKEN = Delivery(True)
REFUSED = Delivery(False, "not today")


@pytest.fixture
def receiver(settings, monkeypatch):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    monkeypatch.setattr(delivering, "SECONDS", 0.6)
    with a_receiver() as receiver:
        yield receiver


def an_opened(*channels, subject=""):
    rule = a_rule(channels=channels, name="Many requests fail", window_minutes=1)
    settle(rule, [Reading(subject, 0.34, {"failed": 34, "judged": 100})], NOW)
    return rule


def send_at(now, send=delivering.deliver):
    return send_due(send, clock_at(now))


def test_an_alert_and_its_end_reach_the_webhook_once_each(receiver):
    rule = an_opened(a_channel(receiver.url))
    assert send_at(NOW) == (1, 0)
    assert send_at(NOW + timedelta(hours=2)) == (0, 0)
    for minutes in (1, 2):
        settle(rule, [], NOW + timedelta(minutes=minutes))
    send_at(NOW + timedelta(minutes=3))

    assert receiver.events() == ["opened", "closed"]
    assert AlertMessage.objects.filter(sent_at=None).count() == 0


def test_the_document_is_json_with_text_and_says_nothing_of_where_it_goes(receiver):
    an_opened(a_channel(receiver.url), subject="model:gpt")
    send_at(NOW)
    sent = receiver.received[0]

    assert sent.document["text"].startswith("Alert: Many requests fail. 34 % of requests of model gpt failed")
    assert sent.document["incident"] | {"id": 0, "rule": ""} == {
        "id": 0,
        "rule": "",
        "name": "Many requests fail",
        "kind": "error_share",
        "subject": "model:gpt",
        "value": 0.34,
        "threshold": 0.2,
        "window_minutes": 1,
        "opened_at": NOW.isoformat(),
        "closed_at": None,
    }
    assert sent.document["id"] == sent.headers["idempotency-key"]
    assert sent.headers["content-type"] == "application/json"
    assert b"secret-path" not in sent.body


def test_a_signature_covers_time_and_body_with_the_secret(receiver):
    channel = a_channel(receiver.url)
    channel.ciphertext = encrypt(ALERT_CHANNEL, channel.slug, SECRET)
    channel.save()
    an_opened(channel)
    send_at(NOW)
    sent = receiver.received[0]
    at, given = (part.partition("=")[2] for part in sent.headers["signalbox-signature"].split(","))

    digits = hmac.new(SECRET.encode(), at.encode() + b"." + sent.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digits, given)
    assert abs(int(at) - time.time()) < 60
    assert SECRET not in json.dumps(sent.headers) + sent.body.decode()


def test_the_documented_check_takes_what_is_sent_and_nothing_else(receiver):
    page = (Path(__file__).parents[3] / "docs/alerts.md").read_text()
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    channel = a_channel(receiver.url)
    channel.ciphertext = encrypt(ALERT_CHANNEL, channel.slug, SECRET)
    channel.save()
    an_opened(channel)
    send_at(NOW)
    header, body = receiver.received[0].headers["signalbox-signature"], receiver.received[0].body

    assert names["is_genuine"](SECRET, header, body)
    assert not names["is_genuine"](SECRET, header, body + b" ")
    assert not names["is_genuine"]("another secret there is", header, body)
    assert not names["is_genuine"](SECRET, header.replace("t=1", "t=2"), body)


def test_without_a_secret_nothing_is_signed(receiver):
    an_opened(a_channel(receiver.url))
    send_at(NOW)

    assert "signalbox-signature" not in receiver.received[0].headers


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("500", "failed to take the message (500)"),
        ("404", "knows no such address"),
        ("403", "refuses the message"),
        ("429", "no more messages"),
        ("400", "only 2xx counts"),
        ("redirect", "redirects are not followed"),
        ("hang", "said nothing within"),
        ("drip", "said nothing within"),
        ("reset", "broke the connection"),
    ],
)
def test_a_receiver_that_does_not_take_it_is_tried_again_later_and_the_reason_kept(receiver, behaviour, words):
    receiver.behaviour = behaviour
    an_opened(a_channel(receiver.url))
    assert send_at(NOW) == (0, 1)
    message = AlertMessage.objects.get()
    assert words in message.error and "secret-path" not in message.error
    assert message.next_attempt_at == NOW + wait_after(1)
    assert receiver.has_heard(1)

    receiver.behaviour = "ok"
    assert send_at(NOW + timedelta(seconds=29)) == (0, 0)
    assert send_at(NOW + timedelta(seconds=30)) == (1, 0)
    assert len({one.headers["idempotency-key"] for one in receiver.received}) == 1
    assert AlertMessage.objects.get().error == ""


def test_an_answer_without_end_is_taken_at_its_status_and_never_read(receiver):
    receiver.behaviour = "huge"
    an_opened(a_channel(receiver.url))
    began = time.monotonic()

    assert send_at(NOW) == (1, 0)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1/x", "Nothing listens"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://10.0.0.8/x", "egress guard"),
    ],
)
def test_nobody_is_reached_past_the_guard(settings, address, words):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    an_opened(a_channel(address))
    send_at(NOW)

    assert words in AlertMessage.objects.get().error


def test_waits_grow_and_in_the_end_it_is_given_up_until_somebody_asks_again():
    an_opened(a_channel())
    now, waits = NOW, []
    for _ in range(MOST_ATTEMPTS):
        assert send_at(now, lambda parcel: REFUSED) == (0, 1)
        message = AlertMessage.objects.get()
        if message.next_attempt_at:
            waits.append(message.next_attempt_at - now)
            now = message.next_attempt_at
    assert waits == [timedelta(seconds=30 * 2**n) for n in range(7)]
    assert (message.next_attempt_at, message.attempts, message.error) == (None, MOST_ATTEMPTS, "not today")
    assert send_at(now + timedelta(days=9), lambda parcel: TAKEN) == (0, 0)

    retry_message(message.pk, by=ADMIN)
    message.refresh_from_db()
    assert send_at(message.next_attempt_at, lambda parcel: TAKEN) == (1, 0)
    with pytest.raises(Invalid, match="not given up"):
        retry_message(message.pk, by=ADMIN)


def test_a_sender_that_dies_between_claim_and_send_delays_it_and_loses_nothing():
    an_opened(a_channel())
    assert len(claim_due(NOW)) == 1
    sent = []
    assert send_at(NOW + LEASE - timedelta(seconds=1), sent.append) == (0, 0)

    assert send_at(NOW + LEASE, lambda parcel: sent.append(parcel.key) or TAKEN) == (1, 0)
    assert len(sent) == 1


def test_a_sender_that_dies_after_sending_sends_the_same_key_again():
    an_opened(a_channel())
    keys = []

    def die(parcel):
        keys.append(parcel.key)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_at(NOW, die)
    send_at(NOW + LEASE, lambda parcel: keys.append(parcel.key) or TAKEN)

    assert len(keys) == 2 and len(set(keys)) == 1


def test_a_sender_that_was_too_slow_cannot_mark_what_another_has_taken_over():
    an_opened(a_channel())
    slow = claim_due(NOW)[0]
    quick = claim_due(NOW + LEASE)[0]

    assert mark_sent(slow, NOW) is False
    assert mark_sent(quick, NOW) is True


@pytest.mark.django_db(transaction=True)
def test_senders_at_the_same_time_send_each_message_once():
    channels = [a_channel() for _ in range(12)]
    an_opened(*channels)
    sent, lock = [], threading.Lock()

    def send(parcel):
        with lock:
            sent.append(parcel.key)
        return TAKEN

    def work():
        try:
            send_at(NOW, send)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent) == len(set(sent)) == 12
    assert AlertMessage.objects.filter(sent_at=NOW).count() == 12


def test_a_try_that_fails_after_its_channel_was_switched_off_is_the_last():
    channel = a_channel()
    an_opened(channel)

    def send(parcel):
        edit_channel(channel.slug, {"is_enabled": False}, by=ADMIN)
        return REFUSED

    assert send_at(NOW, send) == (0, 1)
    edit_channel(channel.slug, {"is_enabled": True}, by=ADMIN)
    assert send_at(NOW + timedelta(days=9), lambda parcel: TAKEN) == (0, 0)


def test_the_end_waits_for_the_beginning_and_goes_once_that_is_given_up():
    rule = an_opened(a_channel())
    send_at(NOW, lambda parcel: REFUSED)
    for minutes in (1, 2):
        settle(rule, [], NOW + timedelta(minutes=minutes))
    events = []

    def send(parcel):
        events.append(parcel.document["event"])
        return TAKEN

    send_at(NOW + timedelta(minutes=3), send)
    assert events == ["opened", "closed"]

    other = an_opened(a_channel())
    AlertMessage.objects.filter(incident__rule=other).update(next_attempt_at=None)
    for minutes in (1, 2):
        settle(other, [], NOW + timedelta(minutes=minutes))
    send_at(NOW + timedelta(minutes=3), send)
    assert events[2:] == ["closed"]


def test_one_bad_receiver_does_not_hold_up_the_others(receiver):
    an_opened(a_channel("http://127.0.0.1:1/x"), a_channel(receiver.url))

    assert send_at(NOW) == (1, 1)
    assert receiver.events() == ["opened"]


def test_a_secret_of_another_data_folder_is_a_failure_with_words():
    channel = a_channel(ciphertext=encrypt(ALERT_CHANNEL, "another-channel", SECRET))
    an_opened(channel)
    send_at(NOW)

    assert "cannot be decrypted" in AlertMessage.objects.get().error


def test_the_job_reports_while_it_works():
    an_opened(*[a_channel() for _ in range(10)])
    seen = []
    send_due(lambda parcel: TAKEN, clock_at(NOW), seen.append)

    assert seen == [8, 10]
    assert outbox.failed_messages().count() == 0
    assert AlertIncident.objects.count() == 1
