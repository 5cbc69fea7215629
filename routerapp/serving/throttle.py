"""Slows guessing down: so many failures of one subject in a window, then a wait. The same for names that exist and names that do not.

A try is counted before it is judged, so that a hundred at once are still a hundred; a success takes its count back.
A wait is never lengthened by trying during it, and a browser that has signed in before counts apart (`device`): nobody locks another out for good.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from routerapp.models import FailedSignIns
from routerapp.store.secrets import keyed_hash

PURPOSE = "failed-sign-ins"
WINDOW = dt.timedelta(minutes=15)
WAIT = dt.timedelta(minutes=15)
LEAST_PREFIX_V6 = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is counted, and how many failures in a window are one too many."""

    name: str
    limit: int

    @property
    def hashed(self) -> str:
        # Half a surrogate pair may be typed, too.
        return keyed_hash(PURPOSE, self.name.encode(errors="backslashreplace").decode())


class TooManyFailures(Exception):
    """Not even looked at. seconds: until the next try counts."""

    def __init__(self, blocked_until: dt.datetime, now: dt.datetime) -> None:
        self.seconds = max(1, math.ceil((blocked_until - now).total_seconds()))
        super().__init__(f"Too many failed attempts. Try again in {in_words(self.seconds)}.")


def in_words(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{seconds} second{'s' * (seconds != 1)}" if seconds < 60 else f"{minutes} minute{'s' * (minutes != 1)}"


def password_subjects(username: str, address: str, device: str | None) -> tuple[Subject, ...]:
    """A name at an address, and the address over all names; a known browser of this name is counted by itself."""
    name = username.casefold()
    if device is not None:
        return (Subject(f"device:{device}:{name}", 10),)
    return (Subject(f"name:{network_of(address)}:{name}", 10), Subject(f"address:{network_of(address)}", 100))


def code_subjects(user_id: int, device: str | None) -> tuple[Subject, ...]:
    """Whoever gets here has the password: codes are counted per person, wherever they are tried from."""
    return (Subject(f"code-device:{device}:{user_id}" if device else f"code:{user_id}", 5),)


def confirm_subjects(user_id: int) -> tuple[Subject, ...]:
    """Somebody who is signed in proves again to know the password. Never mixed with codes: a success starts a count afresh."""
    return (Subject(f"confirm:{user_id}", 10),)


def network_of(address: str) -> str:
    """IPv4 as it is; IPv6 by the /64 that one customer is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), LEAST_PREFIX_V6), strict=False))


@transaction.atomic
def count_try(subjects: Iterable[Subject]) -> bool:
    """Count one failure for each. Raises TooManyFailures, having counted nothing; true when this one began a wait."""
    now = timezone.now()
    rows = [(subject, _row(subject, now)) for subject in subjects]
    blocked = [row.blocked_until for _, row in rows if row.blocked_until is not None and row.blocked_until > now]
    if blocked:
        raise TooManyFailures(max(blocked), now)
    begins_wait = False
    for subject, row in rows:
        row.failures += 1
        if row.failures >= subject.limit:
            row.blocked_until, begins_wait = now + WAIT, True
        row.save()
    return begins_wait


@transaction.atomic
def take_back(subjects: Iterable[Subject]) -> None:
    """The try was good: the first subject starts afresh, of the others only this try is taken back."""
    for place, subject in enumerate(subjects):
        row = FailedSignIns.objects.select_for_update().filter(subject=subject.hashed).first()
        if row is None:
            continue
        if place == 0 or row.failures <= 1:
            row.delete()
            continue
        row.failures -= 1
        if row.failures < subject.limit:
            row.blocked_until = None
        row.save()


def forget_old_failures() -> int:
    """Rows that hold nobody back any more."""
    return FailedSignIns.objects.filter(since__lt=timezone.now() - WINDOW - WAIT).delete()[0]


def _row(subject: Subject, now: dt.datetime) -> FailedSignIns:
    while True:
        _, is_new = FailedSignIns.objects.get_or_create(subject=subject.hashed, defaults={"since": now})
        row = FailedSignIns.objects.select_for_update().filter(subject=subject.hashed).first()
        if row is not None:
            break
        # A success of somebody else took the row away while we waited for it.
    if is_new:
        forget_old_failures()
    is_waiting = row.blocked_until is not None and row.blocked_until > now
    if not is_waiting and (row.blocked_until is not None or row.since + WINDOW <= now):
        row.failures, row.since, row.blocked_until = 0, now, None
    return row
