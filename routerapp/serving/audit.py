"""The audit log: one append-only chain of who changed what, from what to what, why and from where.

Each event's hash covers the one before it, so a changed or removed row shows. Secrets never enter: what looks like one is masked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.engine.canonical import canonical_bytes
from routerapp.models import AuditEvent, InstallationState
from routerapp.serving.permissions import Actor

FIRST_HASH = "0" * 64
BATCH = 1_000
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


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """head: id and hash of the newest event, `id:hash`, to be kept elsewhere. broken_id: where the chain stops being whole."""

    events: int
    head: str | None = None
    broken_id: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        return not self.reason


def check_chain(
    anchor: tuple[int, str] | None = None, on_batch: Callable[[int], None] = lambda events: None
) -> ChainCheck:
    """Walks every event. anchor: id and hash of an event the log must still hold. on_batch hears how many are done; it may raise."""
    previous, last_id, events = FIRST_HASH, 0, 0
    has_anchor = anchor is None
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=BATCH):
        reason = _misfit(event, previous)
        if reason:
            return ChainCheck(events, broken_id=event.pk, reason=reason)
        previous, last_id, events = event.hash, event.pk, events + 1
        has_anchor = has_anchor or (event.pk, event.hash) == anchor
        if events % BATCH == 0:
            on_batch(events)
    head = f"{last_id}:{previous}" if events else None
    if anchor is not None and not has_anchor:
        reason = f"Event {anchor[0]} with the hash of the anchor is not there: the log was cut off or written anew."
        return ChainCheck(events, head, anchor[0], reason)
    return ChainCheck(events, head)


def verify_chain() -> int | None:
    """The id of the first event that does not fit its predecessor or its own hash; None when the chain is whole."""
    return check_chain().broken_id


def _misfit(event: AuditEvent, previous: str) -> str:
    if event.previous_hash != previous:
        return f"Event {event.pk} does not follow the one before it: an event was removed, added or changed there."
    if event.hash != hash_of(event):
        return f"Event {event.pk} was changed: its content does not give its hash."
    return ""


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
