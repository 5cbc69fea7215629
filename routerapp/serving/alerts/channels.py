"""Where alerts are told: webhooks and e-mail addresses. Made, changed, tried, given another secret, taken away; each audited.

A webhook's address may itself be a secret (chat tools put one into the path), so it is kept sealed, shown and audited by its host alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from routerapp.models import AlertChannel, AlertChannelKind
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import EgressRefused
from routerapp.serving import audit
from routerapp.serving.alerts.delivery import Delivery, deliver, pack_test
from routerapp.serving.alerts.delivery_words import NO_SMTP
from routerapp.serving.alerts.names import checked_name, new_slug
from routerapp.serving.alerts.outbox import Send
from routerapp.serving.alerts.receiver import set_receiver
from routerapp.serving.changes import assign, changing, find
from routerapp.serving.diagnosis.transport_words import Place
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store.secrets import ALERT_CHANNEL, encrypt

FIELDS = ("name", "address", "is_enabled")
MOST_CHANNELS = 50
MOST_ADDRESSES = 20
LEAST_SECRET, LONGEST_SECRET = 16, 200
SWITCHED_OFF = "The channel was switched off before this was sent."


@dataclass(frozen=True, slots=True)
class TestResult:
    """words: that it was taken and who was left out, or what is wrong and what to do."""

    __test__ = False
    is_taken: bool
    words: str


def add_channel(kind: str, fields: Mapping[str, Any], secret: str = "", *, by: Actor, slug: str = "") -> AlertChannel:
    """fields: name, address, is_enabled. secret: what webhooks are signed with; empty sends them unsigned. slug: else of the name."""
    with changing(by, "edit_alerts", "alert_channel", event="add_alert_channel") as change:
        if kind not in AlertChannelKind.values:
            raise invalid("kind", "unknown_kind", f"A channel is one of: {', '.join(AlertChannelKind.values)}.")
        if AlertChannel.objects.count() >= MOST_CHANNELS:
            raise invalid("", "too_many", f"At most {MOST_CHANNELS} channels.")
        name = checked_name(fields.get("name"))
        row = AlertChannel(slug=new_slug(slug, name, AlertChannel.objects.all(), "channel"), kind=kind)
        if secret:
            row.ciphertext = _sealed(row, secret)
        _assign(row, {"address": "", **_checked(kind, {**fields, "name": name})})
        change.subject, change.after = subject_of(row), _values(row)
    return row


def edit_channel(slug: str, fields: Mapping[str, Any], *, by: Actor) -> AlertChannel:
    """fields: name, address, is_enabled; those left out stay. Switching off gives up what still waits for it."""
    with changing(by, "edit_alerts", f"alert_channel:{slug}", event="edit_alert_channel") as change:
        row = find_channel(slug)
        change.before = _values(row)
        was = Place(row.address)
        _assign(row, _checked(row.kind, fields))
        now = Place(row.address)
        if row.ciphertext and (was.scheme, was.host, was.port) != (now.scheme, now.host, now.port):
            # It was given for the old receiver.
            row.ciphertext = ""
            row.save(update_fields=["ciphertext"])
        if not row.is_enabled:
            waiting = row.messages.filter(sent_at=None, next_attempt_at__isnull=False)
            waiting.update(next_attempt_at=None, error=SWITCHED_OFF)
        change.after = _values(row)
    return row


def set_secret(slug: str, secret: str, *, by: Actor) -> AlertChannel:
    """Another secret from the next message on; empty: messages are not signed any more. Nothing ever gives it out again."""
    with changing(by, "edit_alerts", f"alert_channel:{slug}", event="set_alert_channel_secret") as change:
        row = find_channel(slug)
        change.before = {"is_signed": bool(row.ciphertext)}
        row.ciphertext = _sealed(row, secret) if secret else ""
        row.save(update_fields=["ciphertext"])
        change.after = {"is_signed": bool(secret)}
    return row


def remove_channel(slug: str, *, by: Actor) -> None:
    """With the record of what was sent over it; incidents and rules stay."""
    with changing(by, "edit_alerts", f"alert_channel:{slug}", event="remove_alert_channel") as change:
        row = find_channel(slug)
        change.before = _values(row)
        row.delete()


def send_test_message(slug: str, *, by: Actor, send: Send = deliver) -> TestResult:
    """Sends one now, whether the channel is switched on or not. Holds no transaction while it waits."""
    require(by, "edit_alerts")
    row = find_channel(slug)
    parcel = pack_test(row, timezone.now())
    delivery = parcel if isinstance(parcel, Delivery) else send(parcel)
    audit.record(by, "test_alert_channel", subject_of(row), after={"was_taken": delivery.is_taken})
    if delivery.is_taken:
        return TestResult(True, f"{shown_address(row)} has taken the test message. {delivery.words}".strip())
    return TestResult(False, delivery.words)


def find_channel(slug: str) -> AlertChannel:
    return find(AlertChannel.objects.all(), "alert channel", slug=slug)


def shown_address(row: AlertChannel) -> str:
    """What people may see of it."""
    return row.address


def subject_of(row: AlertChannel) -> str:
    return f"alert_channel:{row.slug}"


def _values(row: AlertChannel) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "address": shown_address(row),
        "is_enabled": row.is_enabled,
        "is_signed": bool(row.ciphertext),
    }


def _checked(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(fields)
    if "name" in checked:
        checked["name"] = checked_name(checked["name"])
    if "address" in checked:
        checked["address"] = _address(kind, checked["address"])
    if not isinstance(checked.get("is_enabled", True), bool):
        raise invalid("is_enabled", "not_a_boolean", "This is true or false.")
    return checked


def _assign(row: AlertChannel, checked: Mapping[str, Any]) -> None:
    fields = dict(checked)
    if "address" in fields:
        set_receiver(row, fields["address"])
        fields |= {"address": row.address, "address_ciphertext": row.address_ciphertext}
    assign(row, fields, (*FIELDS, "address_ciphertext"))


def _address(kind: str, text: Any) -> str:
    if not isinstance(text, str) or not 0 < len(text.strip()) <= 500:
        raise invalid("address", "required", "An address of at most 500 characters.")
    if kind == AlertChannelKind.EMAIL:
        return _mail_addresses(text)
    try:
        EgressGuard(settings.ENVIRONMENT.egress_allow).check_url(text.strip())
    except EgressRefused as refused:
        raise invalid("address", "egress_refused", str(refused)) from refused
    return text.strip()


def _mail_addresses(text: str) -> str:
    if settings.ENVIRONMENT.smtp is None:
        raise invalid("address", "no_smtp", NO_SMTP)
    found = list(dict.fromkeys(part.strip() for part in text.replace(";", ",").split(",") if part.strip()))
    if not 0 < len(found) <= MOST_ADDRESSES:
        raise invalid("address", "bad_address", f"1 to {MOST_ADDRESSES} e-mail addresses, separated by commas.")
    for one in found:
        try:
            validate_email(one)
        except ValidationError:
            raise invalid("address", "bad_address", f"{one[:60]} is no e-mail address.") from None
    return ", ".join(found)


def _sealed(row: AlertChannel, secret: str) -> str:
    if row.kind != AlertChannelKind.WEBHOOK:
        raise invalid("secret", "not_signed", "Only webhooks are signed.")
    is_plain = isinstance(secret, str) and secret.isascii() and secret.isprintable() and " " not in secret
    if not is_plain or not LEAST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise invalid(
            "secret",
            "bad_secret",
            f"{LEAST_SECRET} to {LONGEST_SECRET} ASCII characters without spaces, such as “openssl rand -hex 32” prints.",
        )
    return encrypt(ALERT_CHANNEL, row.slug, secret)
