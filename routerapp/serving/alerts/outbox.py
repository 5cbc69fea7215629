"""The outbox: messages as rows, each claimed by one sender at a time and marked when the other side has taken it.

A claim is a lease in next_attempt_at: whoever dies between claim and mark loses it, and the message is sent again under the same
idempotency key. So a message is never lost, and sent twice only when its sender died right after the other side took it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from routerapp.models import AlertChannel, AlertMessage, Job
from routerapp.serving.alerts.delivery import Delivery, Parcel, deliver, pack
from routerapp.serving.alerts.incidents import CLOSED, OPENED
from routerapp.store import jobs

AT_ONCE = 8
MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
# Longer than any sending takes, so that nobody takes a message from a sender that still works on it.
LEASE = timedelta(seconds=90)
MOST_IN_ONE_JOB = 200

Send = Callable[[Parcel], Delivery]


@dataclass(frozen=True, slots=True)
class Claim:
    """attempt: which one this is, from 1; it guards the mark."""

    message: AlertMessage
    attempt: int


def send_alerts(job: Job, now: datetime) -> str:
    """The body of job `send_alerts`."""
    sent, failed = send_due(progress=lambda done: jobs.report_progress(job, 0.5, f"{done} messages"))
    return f"{sent} messages sent, {failed} to be tried again or given up."


def send_due(
    send: Send = deliver,
    clock: Callable[[], datetime] = timezone.now,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[int, int]:
    """Sends what is due, a few at a time; returns how many were taken and how many were not."""
    sent = failed = 0
    while sent + failed < MOST_IN_ONE_JOB and (claims := claim_due(clock())):
        for claim, delivery in zip(claims, _send_all(claims, send), strict=True):
            if delivery.is_taken:
                mark_sent(claim, clock(), delivery.words)
                sent += 1
            else:
                mark_failed(claim, delivery.words, clock())
                failed += 1
        progress(sent + failed)
    return sent, failed


def claim_due(now: datetime, limit: int = AT_ONCE) -> list[Claim]:
    """Takes at most `limit` messages for this sender, the oldest first."""
    claims = []
    for message in _due(now).select_related("incident__rule", "channel")[:limit]:
        same = AlertMessage.objects.filter(
            pk=message.pk, sent_at=None, attempts=message.attempts, next_attempt_at=message.next_attempt_at
        )
        if same.update(attempts=F("attempts") + 1, next_attempt_at=now + LEASE):
            claims.append(Claim(message, message.attempts + 1))
    return claims


def has_due(now: datetime) -> bool:
    return _due(now).exists()


def mark_sent(claim: Claim, now: datetime, words: str = "") -> bool:
    """True when this sender still held the claim. words: who was left out, if somebody was."""
    return bool(_held(claim).update(sent_at=now, next_attempt_at=None, error=words[:300]))


def mark_failed(claim: Claim, words: str, now: datetime) -> bool:
    """Another try later; none when there were enough or the channel is off by now: then the message shows as failed."""
    is_off = not AlertChannel.objects.filter(pk=claim.message.channel_id, is_enabled=True).exists()
    is_last = is_off or claim.attempt >= MOST_ATTEMPTS
    return bool(
        _held(claim).update(error=words[:300], next_attempt_at=None if is_last else now + wait_after(claim.attempt))
    )


def wait_after(attempt: int) -> timedelta:
    """30 s, 1 min, 2 min … an hour."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << attempt - 1))


def failed_messages() -> QuerySet[AlertMessage]:
    """Those nobody will try again by themselves."""
    return AlertMessage.objects.filter(sent_at=None, next_attempt_at=None)


def _due(now: datetime) -> QuerySet[AlertMessage]:
    """That an incident is over is told after it was told that it began, or once that was given up."""
    untold = AlertMessage.objects.filter(
        incident=OuterRef("incident"),
        channel=OuterRef("channel"),
        event=OPENED,
        sent_at=None,
        next_attempt_at__isnull=False,
    )
    due = AlertMessage.objects.filter(sent_at=None, next_attempt_at__lte=now, channel__is_enabled=True)
    return due.exclude(Q(event=CLOSED) & Exists(untold)).order_by("next_attempt_at", "pk")


def _held(claim: Claim) -> QuerySet[AlertMessage]:
    return AlertMessage.objects.filter(pk=claim.message.pk, sent_at=None, attempts=claim.attempt)


def _send_all(claims: Sequence[Claim], send: Send) -> list[Delivery]:
    """Packed here, because threads see no database."""
    parcels = [pack(claim.message) for claim in claims]
    if len(parcels) == 1:
        return [_tried(send, parcels[0])]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        return list(threads.map(lambda parcel: _tried(send, parcel), parcels))


def _tried(send: Send, parcel: Parcel | Delivery) -> Delivery:
    """A parcel that could not be packed is a delivery that failed already."""
    return parcel if isinstance(parcel, Delivery) else send(parcel)
