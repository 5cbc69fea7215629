"""The first step of signing in: user name and password. What strangers learn is the same for every name, known or not."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.utils import timezone

from routerapp.models import SecondFactor, SignInSession, User
from routerapp.serving import audit
from routerapp.serving.documents import is_storable
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid
from routerapp.serving.sign_in_settings import read_sign_in_settings
from routerapp.serving.throttle import (
    Subject,
    confirm_subjects,
    count_try,
    password_subjects,
    take_back,
)

# Longer ones are nobody's; hashing them costs time.
MOST_PASSWORD = 1_000
MOST_USERNAME = 150


class SignInRefused(Exception):
    """Nobody is signed in; the message is for whoever tried."""


def check_password(username: str, password: str, *, address: str, device: str | None) -> User:
    """The person, who is not signed in yet: a second factor may follow. Raises SignInRefused, TooManyFailures."""
    if not read_sign_in_settings().passwords:
        raise SignInRefused("Passwords are switched off here. Use the other way to sign in.")
    subjects = password_subjects(username[: MOST_USERNAME + 1], address, device)
    begins_wait = count_try(subjects)
    # An unknown name costs one hash too: Django's backend makes one up.
    user = authenticate(username=_known_form(username, MOST_USERNAME), password=_known_form(password, MOST_PASSWORD))
    if not isinstance(user, User):
        if begins_wait:
            note_wait(username, subjects, address)
        raise SignInRefused("That user name and password do not match. Both are case-sensitive.")
    take_back(subjects)
    return user


def confirm_password(user: User, password: str, path: str = "password") -> None:
    """Of who has one; others pass. Raises Invalid at the path, TooManyFailures."""
    if not user.has_usable_password():
        return
    subjects = confirm_subjects(user.pk)
    count_try(subjects)
    if not user.check_password(password[:MOST_PASSWORD]):
        raise invalid(path, "wrong_password", "That is not your current password.")
    take_back(subjects)


def note_wait(username: str, subjects: tuple[Subject, ...], address: str) -> None:
    """One audit event a wait, of people there are: what strangers type as a name is often a password."""
    user = User.objects.filter(username=username[:MOST_USERNAME]).first() if is_storable(username) else None
    if user is not None:
        actor = Actor("sign-in", "system", "", address)
        kind = subjects[0].name.partition(":")[0]
        audit.record(actor, "sign_in_blocked", f"user:{user.username}", after={"counted": kind})


def has_second_factor(user: User) -> bool:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def needs_second_factor(user: User) -> bool:
    """Whether this installation lets the person do nothing before enrolling."""
    return read_sign_in_settings().require_2fa and not has_second_factor(user)


def record_sign_in(user: User, method: str, address: str) -> None:
    """method: password, password and code, password and recovery code, openid, …; also sweeps up expired sessions."""
    audit.record(actor_for(user, address), "sign_in", f"user:{user.username}", after={"method": method})
    SignInSession.objects.filter(expire_date__lte=timezone.now()).delete()


def actor_for(user: User, address: str) -> Actor:
    return Actor(user.username, "user", user.role, address)


def _known_form(text: str, most: int) -> str:
    """What no name or password can be is asked for all the same, as something nobody has, so that it takes as long."""
    return text if len(text) <= most and is_storable(text) else "\x01"
