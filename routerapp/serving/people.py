"""People who sign in: made, given a role, locked out, and their passwords. A change of role or password ends other sessions.

The last active admin can neither be demoted nor deactivated.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import Role, Team, User
from routerapp.serving import audit
from routerapp.serving.changes import find, save_valid
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, invalid
from routerapp.store.revisions import record_config_revision


@dataclass(frozen=True, slots=True)
class NewUser:
    """password is set when we made it up: shown once, to be changed at the first sign-in."""

    user: User
    password: str | None = field(repr=False)


@transaction.atomic
def create_user(
    username: str, *, role: str, by: Actor, password: str | None = None, email: str = "", team: str | None = None
) -> NewUser:
    require(by, "edit_people")
    made_up = None if password else secrets.token_urlsafe(12)
    user = User(username=username, email=email, role=_known_role(role), must_change_password=made_up is not None)
    user.team = find(Team.objects.all(), "team", slug=team) if team else None
    _set_password(user, password or made_up or "")
    save_valid(user)
    audit.record(by, "create_user", f"user:{username}", after={"role": role, "team": team})
    return NewUser(user, made_up)


@transaction.atomic
def set_role(username: str, role: str, *, by: Actor) -> User:
    require(by, "edit_people")
    audit.lock_installation()
    user = find(User.objects.all(), "user", username=username)
    before, user.role = user.role, _known_role(role)
    _keep_an_admin(user)
    user.save(update_fields=["role"])
    end_sessions(user)
    audit.record(by, "set_role", f"user:{username}", before={"role": before}, after={"role": role})
    return user


@transaction.atomic
def deactivate(username: str, *, by: Actor, reason: str = "") -> User:
    """No sign-in any more, and the person's keys manage nothing; what they did stays theirs."""
    require(by, "edit_people")
    audit.lock_installation()
    user = find(User.objects.filter(is_active=True), "active user", username=username)
    user.is_active = False
    _keep_an_admin(user)
    user.save(update_fields=["is_active"])
    end_sessions(user)
    audit.record(by, "deactivate_user", f"user:{username}", after={"active": False}, reason=reason)
    record_config_revision(f"deactivate user:{username}"[:200])
    return user


@transaction.atomic
def change_password(user: User, current: str, new: str, *, by: Actor, keep_session: str | None = None) -> None:
    """One's own password, knowing the current one. keep_session: the key of the session that may live on."""
    if by.kind != "user" or by.name != user.username:
        raise invalid("", "not_yours", "People change only their own password here.")
    if not user.check_password(current):
        raise invalid("current", "wrong_password", "That is not your current password.")
    _set_password(user, new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    end_sessions(user, keep=keep_session)
    audit.record(by, "change_password", f"user:{user.username}")


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """Delete the person's sessions but the one to keep; returns how many."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != keep and session.get_decoded().get(SESSION_KEY) == str(user.pk):
            SessionStore(session.session_key).delete()
            ended += 1
    return ended


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(Problem("password", "weak_password", message) for message in error.messages) from error
    user.set_password(password)


def _known_role(role: str) -> str:
    if role not in Role.values:
        raise invalid("role", "unknown_role", f"Roles are: {', '.join(Role.values)}.")
    return role


def _keep_an_admin(user: User) -> None:
    """The change to this user must leave another admin, unless the user stays one."""
    if user.is_active and user.role == Role.ADMIN:
        return
    if not User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk).exists():
        raise invalid("", "last_admin", "Somebody must stay admin; make another person admin first.")
