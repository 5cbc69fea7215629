"""One message on its way: packed from its rows, sent over its channel, and what came of it in plain words.

What is sent says what happened by slugs and numbers; it never quotes a prompt. What comes back is quoted short or not at all.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from django.conf import settings

from routerapp.models import AlertChannel, AlertChannelKind, AlertIncident, AlertMessage
from routerapp.providers.egress import EgressGuard
from routerapp.providers.mail import Relay, send_mail
from routerapp.providers.trial import Call, try_call
from routerapp.serving.alerts.delivery_words import NO_SMTP, UNREADABLE, left_out_words, mail_words, webhook_words
from routerapp.serving.alerts.receiver import receiver_of
from routerapp.serving.alerts.signature import SIGNATURE_HEADER, sign
from routerapp.serving.alerts.words import incident_words
from routerapp.smtp_settings import SmtpSettings
from routerapp.store.secrets import ALERT_CHANNEL, SecretRefused, decrypt, keyed_hash

SECONDS = 10.0
TEST = "test"


@dataclass(frozen=True, slots=True)
class Delivery:
    """words: what is wrong and what to do, for people; of a message that was taken, who was left out of it."""

    is_taken: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that sending takes, without the database. key: the same however often it is tried."""

    kind: str
    address: str = field(repr=False)
    key: str
    title: str
    text: str
    document: dict[str, Any]
    secret: str = field(default="", repr=False)


def pack(message: AlertMessage) -> Parcel | Delivery:
    incident = message.incident
    # A row's number alone is the same in every installation.
    key = keyed_hash("alert-message", str(message.pk))[:32]
    state = "Alert" if message.event == "opened" else "Over"
    title = f"[Signalbox] {state}: {_line(incident.rule.name)}"
    text = f"{state}: {_line(incident.rule.name)}. {incident_words(incident)}"
    document = {
        "event": message.event,
        "id": key,
        "text": text,
        "incident": _incident(incident),
        "url": f"{settings.ENVIRONMENT.public_url}/alerts/{incident.pk}/",
    }
    return _sealed(message.channel, key, title, document)


def pack_test(channel: AlertChannel, at: datetime) -> Parcel | Delivery:
    """Says that it is a test; its key differs every time."""
    key = keyed_hash("alert-test", f"{channel.pk} {at.isoformat()}")[:32]
    text = f"Test message from Signalbox over the channel {channel.slug}. If you read this, it works."
    document = {"event": TEST, "id": key, "text": text, "url": f"{settings.ENVIRONMENT.public_url}/alerts/"}
    return _sealed(channel, key, "[Signalbox] Test message", document)


def deliver(parcel: Parcel) -> Delivery:
    """Sends it now. Takes at most SECONDS and never raises for what goes wrong outside."""
    guard = EgressGuard(settings.ENVIRONMENT.egress_allow)
    return _mail(parcel, guard) if parcel.kind == AlertChannelKind.EMAIL else _post(parcel, guard)


def _post(parcel: Parcel, guard: EgressGuard) -> Delivery:
    body = json.dumps(parcel.document, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "idempotency-key": parcel.key}
    if parcel.secret:
        headers[SIGNATURE_HEADER] = sign(parcel.secret, body, int(time.time()))
    # Once the status is there the message is taken; whatever comes after it is nobody's business.
    trial = try_call(Call("POST", parcel.address, headers, body, is_body_read=False), guard, SECONDS)
    if not trial.problem and 200 <= trial.status < 300:
        return Delivery(True)
    return Delivery(False, webhook_words(trial, parcel.address, SECONDS))


def _mail(parcel: Parcel, guard: EgressGuard) -> Delivery:
    smtp: SmtpSettings | None = settings.ENVIRONMENT.smtp
    if smtp is None:
        return Delivery(False, NO_SMTP)
    recipients = parcel.address.split(", ")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = parcel.title, smtp.sender, parcel.address
    message["Message-ID"] = f"<{parcel.key}@signalbox>"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{parcel.document['text']}\n\n{parcel.document['url']}\n")
    relay = Relay(smtp.host, smtp.port, smtp.is_tls, smtp.username, smtp.password)
    mailing = send_mail(message, recipients, relay, guard, SECONDS)
    if mailing.problem:
        return Delivery(False, mail_words(mailing, relay))
    return Delivery(True, left_out_words(mailing, relay))


def _sealed(channel: AlertChannel, key: str, title: str, document: dict[str, Any]) -> Parcel | Delivery:
    try:
        secret = decrypt(ALERT_CHANNEL, channel.slug, channel.ciphertext) if channel.ciphertext else ""
        address = receiver_of(channel)
    except SecretRefused:
        return Delivery(False, UNREADABLE)
    return Parcel(channel.kind, address, key, title, document["text"], document, secret)


def _incident(incident: AlertIncident) -> dict[str, Any]:
    rule = incident.rule
    return {
        "id": incident.pk,
        "rule": rule.slug,
        "name": rule.name,
        "kind": rule.kind,
        "subject": incident.subject,
        "value": incident.value,
        "threshold": incident.detail.get("threshold", rule.threshold),
        "window_minutes": rule.window_minutes,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
    }


def _line(text: str) -> str:
    """One line that means nothing to a chat's markup or a mail's headers."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.replace("<", "‹").replace(">", "›").split())
