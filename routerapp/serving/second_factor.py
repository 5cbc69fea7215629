"""Time-based one-time codes (RFC 6238): enrolling, the second step of signing in, switching off, and an admin's reset.

A secret counts only once a code has proved that an app holds it. No code works twice: the newest step used is kept.
"""

from __future__ import annotations

import hmac
import time

import pyotp
from django.db import transaction
from django.utils import timezone

from routerapp.models import RecoveryCode, SecondFactor, User
from routerapp.serving import audit
from routerapp.serving.changes import find, lock_installation_for
from routerapp.serving.permissions import Actor, require
from routerapp.serving.recovery_codes import replace_codes, use_code
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.sessions import end_sessions, require_self
from routerapp.serving.sign_in import confirm_password, has_second_factor, note_wait
from routerapp.serving.throttle import code_subjects, count_try, take_back
from routerapp.store.secrets import SECOND_FACTOR, SecretRefused, decrypt, encrypt

ISSUER = "Signalbox"
STEP_SECONDS = 30
# RFC 6238, 5.2: one step either way for clocks that differ and people who type.
NEAR_STEPS = (0, -1, 1)


@transaction.atomic
def begin_enrolment(user: User, *, by: Actor) -> SecondFactor:
    """The secret to put into an app; asking again before it is confirmed gives the same one."""
    require_self(user, by)
    row = SecondFactor.objects.select_for_update().filter(user=user).first()
    if row is None:
        row = SecondFactor(user=user, ciphertext=encrypt(SECOND_FACTOR, str(user.pk), pyotp.random_base32()))
        row.save()
    elif row.confirmed_at is not None:
        raise _already_on()
    return row


def secret_of(row: SecondFactor) -> str:
    """Base32, for the one page that shows it. Raises SecretRefused."""
    return decrypt(SECOND_FACTOR, str(row.user_id), row.ciphertext)


def address_of(row: SecondFactor) -> str:
    """otpauth://…, what the QR code says."""
    return pyotp.TOTP(secret_of(row)).provisioning_uri(name=row.user.username, issuer_name=ISSUER)


@transaction.atomic
def confirm_enrolment(user: User, code: str, *, by: Actor) -> list[str]:
    """From here on codes are asked for. Returns the recovery codes, this once."""
    require_self(user, by)
    row = find(SecondFactor.objects.filter(user=user), "second factor begun by", user__username=user.username)
    if row.confirmed_at is not None:
        raise _already_on()
    if not _is_fresh_code(row, code):
        raise wrong_code()
    SecondFactor.objects.filter(pk=row.pk).update(confirmed_at=timezone.now())
    audit.record(by, "enrol_second_factor", f"user:{user.username}")
    return replace_codes(user)


def check_code(user: User, text: str, *, address: str, device: str | None) -> str:
    """The second step: `code` or `recovery code`, whichever it was. Raises Invalid, TooManyFailures."""
    subjects = code_subjects(user.pk, device)
    begins_wait = count_try(subjects)
    row = SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()
    if row is not None and _is_fresh_code(row, text):
        take_back(subjects)
        return "code"
    if row is not None and use_code(user, text):
        take_back(subjects)
        audit.record(Actor(user.username, "user", user.role, address), "use_recovery_code", f"user:{user.username}")
        return "recovery code"
    if begins_wait:
        note_wait(user.username, subjects, address)
    raise wrong_code()


def switch_off(user: User, password: str, code: str, *, by: Actor, device: str | None) -> None:
    """One's own, proved by both. Who has no password (an OpenID provider knows them) proves it by the code alone."""
    require_self(user, by)
    if not has_second_factor(user):
        raise invalid("", "not_on", "There is no second factor to switch off.")
    prove(user, password, code, address=by.address, device=device)
    with transaction.atomic():
        _remove(user)
        audit.record(by, "switch_off_second_factor", f"user:{user.username}")


def new_recovery_codes(user: User, code: str, *, by: Actor, device: str | None) -> list[str]:
    """Ten others, for who holds the app. Returned this once."""
    require_self(user, by)
    if not has_second_factor(user):
        raise invalid("", "not_on", "Recovery codes come with a second factor; there is none.")
    check_code(user, code, address=by.address, device=device)
    with transaction.atomic():
        codes = replace_codes(user)
        audit.record(by, "new_recovery_codes", f"user:{user.username}")
    return codes


@transaction.atomic
def reset_second_factor(username: str, *, by: Actor, reason: str = "") -> User:
    """For somebody who lost theirs; ends their sessions. One's own is switched off instead, by password and code."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.all(), "user", username=username)
    if by.kind == "user" and by.name == user.username:
        raise invalid("", "your_own", "Switch your own second factor off on the account page.")
    if not SecondFactor.objects.filter(user=user).exists():
        raise invalid("", "not_on", f"{username} has no second factor.")
    _remove(user)
    end_sessions(user)
    audit.record(by, "reset_second_factor", f"user:{username}", reason=reason)
    return user


def prove(user: User, password: str, code: str, *, address: str, device: str | None) -> None:
    """Password (of who has one), then code; wrong ones are counted. Raises Invalid, TooManyFailures."""
    confirm_password(user, password)
    check_code(user, code, address=address, device=device)


def wrong_code() -> Invalid:
    return invalid("code", "wrong_code", "That code is not valid now. Codes change every 30 seconds and work once.")


def _remove(user: User) -> None:
    SecondFactor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()


def _is_fresh_code(row: SecondFactor, text: str) -> bool:
    """Right, of now, and not used before: the step moves forward in the same statement that checks it."""
    plain = "".join(text.split())
    if not (plain.isascii() and plain.isdigit() and len(plain) == 6):
        return False
    try:
        totp = pyotp.TOTP(secret_of(row))
    except SecretRefused:
        return False
    now_step = int(time.time()) // STEP_SECONDS
    matching = [now_step + near for near in NEAR_STEPS if _is_same(totp.generate_otp(now_step + near), plain)]
    unused = SecondFactor.objects.filter(pk=row.pk)
    return any(unused.filter(last_step__lt=step).update(last_step=step) == 1 for step in matching[:1])


def _is_same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _already_on() -> Invalid:
    return invalid("", "already_on", "A second factor is on already. Switch it off to use another app.")
