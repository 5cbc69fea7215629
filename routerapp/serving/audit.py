"""The audit log: one append-only chain of who changed what, from what to what, why and from where.

Each event's hash covers the one before it, so a changed or removed row shows. Secrets never enter: what looks like one is masked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.engine.canonical import canonical_bytes
from routerapp.models import AuditEvent, InstallationState
from routerapp.serving.permissions import Actor

FIRST_HASH = "0" * 64
_SECRET_NAMES = ("password", "secret", "credential", "ciphertext", "key_hash", "full_key", "api_key", "authorization")


def record(
    by: Actor,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event in the caller's transaction. Writers queue on the installation's row, so the chain never forks."""
    with transaction.atomic():
        lock_installation()
        last = AuditEvent.objects.order_by("-id").values_list("hash", flat=True).first()
        event = AuditEvent(
            at=timezone.now(),
            actor=by.name[:150],
            actor_kind=by.kind,
            action=action,
            subject=subject[:150],
            before=_clean(before),
            after=_clean(after),
            reason=reason[:500],
            address=by.address[:45],
            previous_hash=last or FIRST_HASH,
        )
        event.hash = hash_of(event)
        event.save(force_insert=True)
        return event


def lock_installation() -> InstallationState:
    """The one row every configuration write locks first. On SQLite the IMMEDIATE transaction has locked already."""
    InstallationState.objects.get_or_create(id=1)
    return InstallationState.objects.select_for_update().get(id=1)


def hash_of(event: AuditEvent) -> str:
    """sha256 of the previous hash and the canonical JSON of every other field."""
    content = {
        "at": event.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "actor_kind": event.actor_kind,
        "action": event.action,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "address": event.address,
    }
    return hashlib.sha256(event.previous_hash.encode() + canonical_bytes(content)).hexdigest()


def verify_chain() -> int | None:
    """The id of the first event that does not fit its predecessor or its own hash; None when the chain is whole."""
    previous = FIRST_HASH
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=1_000):
        if event.previous_hash != previous or event.hash != hash_of(event):
            return event.pk
        previous = event.hash
    return None


def _clean(value: Mapping[str, Any] | None) -> Any:
    """Plain JSON that every database gives back unchanged, secrets masked, NUL (which PostgreSQL refuses) removed."""
    if value is None:
        return None
    return json.loads(json.dumps(_mask(value), default=str))


def _mask(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): "(hidden)" if _is_secret(str(name)) and isinstance(inner, str) else _mask(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(inner) for inner in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in _SECRET_NAMES)
