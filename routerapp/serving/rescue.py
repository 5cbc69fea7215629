"""When nobody can sign in: whoever has the machine lets one admin in again. Everything it changes stands in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from routerapp.models import FailedSignIns, Role, SecondFactor, User
from routerapp.serving import audit, invitations, people, second_factor
from routerapp.serving.changes import find
from routerapp.serving.permissions import SYSTEM
from routerapp.serving.sign_in_settings import change_sign_in_settings, read_sign_in_settings


@dataclass(frozen=True, slots=True)
class Rescue:
    """token: of a new-password link; steps: what had to be undone, in words."""

    token: str = field(repr=False)
    steps: tuple[str, ...]


@transaction.atomic
def let_in(username: str) -> Rescue:
    """Unlocked, admin, without a second factor, no waits, passwords on, and a link to choose a password."""
    steps = []
    user = find(User.objects.all(), "user", username=username)
    if not user.is_active:
        people.unlock(username, by=SYSTEM)
        steps.append("unlocked")
    if user.role != Role.ADMIN:
        people.set_role(username, Role.ADMIN, by=SYSTEM)
        steps.append("made admin")
    if SecondFactor.objects.filter(user=user).exists():
        second_factor.reset_second_factor(username, by=SYSTEM, reason="let in from the machine")
        steps.append("second factor taken off")
    if not read_sign_in_settings().passwords:
        change_sign_in_settings({"passwords": True}, by=SYSTEM)
        steps.append("passwords switched on")
    if FailedSignIns.objects.all().delete()[0]:
        steps.append("waits after failed attempts ended")
    audit.record(SYSTEM, "let_in", f"user:{username}", after={"steps": steps})
    return Rescue(invitations.make_password_link(username, by=SYSTEM).token, tuple(steps))
