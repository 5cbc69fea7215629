"""People who sign in: made, given a role and a team, locked out and let in again, and their passwords.

What takes power away ends sessions, open invitations and what their keys manage, at once. Somebody always stays admin;
nobody changes their own role or locks themselves out.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import Invitation, Role, Team, User
from routerapp.serving import audit
from routerapp.serving.changes import find, lock_installation_for, save_valid
from routerapp.serving.documents import is_storable
from routerapp.serving.permissions import RANK, Actor, require
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.sessions import end_sessions, require_self
from routerapp.serving.sign_in import MOST_PASSWORD, confirm_password
from routerapp.serving.sign_in_settings import needs_openid_admin, openid_admins
from routerapp.store.revisions import record_config_revision

EDITABLE = ("role", "team", "email")


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
    lock_installation_for(by, "edit_people")
    made_up = None if password else secrets.token_urlsafe(12)
    user = User(username=checked_name(username), email=checked_email(email), role=role_within(role, by))
    user.must_change_password = made_up is not None
    user.team = team_of(team)
    put_password(user, password or made_up or "")
    save_valid(user)
    audit.record(by, "create_user", f"user:{username}", after={"role": role, "team": team})
    return NewUser(user, made_up)


@transaction.atomic
def edit_person(username: str, changes: Mapping[str, Any], *, by: Actor) -> User:
    """role, team (slug or null), email; what is not given stays. Another role ends the person's sessions."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.all(), "user", username=username)
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise Invalid(Problem(name, "unknown_field", f"{name} cannot be set here.") for name in unknown)
    before = _values(user)
    if "team" in changes and changes["team"] != before["team"]:
        user.team = team_of(changes["team"])
    if "email" in changes:
        user.email = checked_email(changes["email"] or "")
    if "role" in changes and changes["role"] != user.role:
        _give_role(user, changes["role"], by)
    user.save(update_fields=["role", "team", "email"])
    if before != _values(user):
        audit.record(by, "edit_user", f"user:{username}", before=before, after=_values(user))
        record_config_revision(f"edit user:{username}"[:200])
    return user


def set_role(username: str, role: str, *, by: Actor) -> User:
    return edit_person(username, {"role": role}, by=by)


@transaction.atomic
def lock(username: str, *, by: Actor, reason: str = "") -> User:
    """Out at once and no way in; the person's keys manage nothing any more. What they did stays theirs."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.filter(is_active=True), "active user", username=username)
    user.is_active, user.locked_at = False, timezone.now()
    keep_an_admin(user)
    _refuse_self(user, by, "You cannot lock yourself out; another admin can.")
    user.save(update_fields=["is_active", "locked_at"])
    end_sessions(user)
    _withdraw_invitations_of(user)
    _withdraw_password_links(user)
    audit.record(by, "lock_user", f"user:{username}", after={"locked": True}, reason=reason)
    record_config_revision(f"lock user:{username}"[:200])
    return user


@transaction.atomic
def unlock(username: str, *, by: Actor) -> User:
    """As before the lock, but for sessions, invitations and a team archived meanwhile: those are gone."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.filter(is_active=False), "locked user", username=username)
    user.is_active, user.locked_at, user.team = True, None, open_team(user.team)
    user.save(update_fields=["is_active", "locked_at", "team"])
    audit.record(by, "unlock_user", f"user:{username}", after={"locked": False})
    record_config_revision(f"unlock user:{username}"[:200])
    return user


def change_password(user: User, current: str, new: str, *, by: Actor, keep_session: str | None = None) -> None:
    """One's own password, knowing the current one. keep_session: the key of the session that may live on. Raises TooManyFailures."""
    require_self(user, by)
    confirm_password(user, current, path="current")
    with transaction.atomic():
        put_password(user, new)
        user.must_change_password = False
        user.save(update_fields=["password", "must_change_password"])
        end_sessions(user, keep=keep_session)
        _withdraw_password_links(user)
        audit.record(by, "change_password", f"user:{user.username}")


def put_password(user: User, password: str) -> None:
    """Sets it on the value, unsaved. Raises Invalid for one that is too weak."""
    if len(password) > MOST_PASSWORD:
        raise invalid("password", "too_long", f"At most {MOST_PASSWORD} characters.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(Problem("password", "weak_password", message) for message in error.messages) from error
    user.set_password(password)


def checked_name(username: str) -> str:
    """Names stand in addresses of pages, where dots alone mean something else."""
    if not is_storable(username):
        raise invalid(
            "username", "bad_character", "A user name cannot hold the NUL character or half a surrogate pair."
        )
    if username and not any(character.isalnum() for character in username):
        raise invalid("username", "invalid", "A user name has at least one letter or digit.")
    return username


def checked_email(email: str) -> str:
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise invalid("email", "invalid", "This is not an e-mail address.") from None
    return email


def role_within(role: str, by: Actor) -> str:
    """A known role, and none above that of who gives it."""
    if role not in Role.values:
        raise invalid("role", "unknown_role", f"Roles are: {', '.join(Role.values)}.")
    if RANK[role] > RANK[by.role]:
        raise invalid("role", "beyond_your_role", f"Your role {by.role} cannot give the role {role}.")
    return role


def team_of(slug: str | None) -> Team | None:
    if not slug:
        return None
    team = Team.objects.filter(slug=slug).first() if len(slug) <= 100 and "\0" not in slug else None
    if team is None:
        raise invalid("team", "unknown_reference", f"There is no team {slug[:100]}.")
    if team.archived_at is not None:
        raise invalid("team", "archived", f"The team {slug} is archived: nobody can be put into it.")
    return team


def open_team(team: Team | None) -> Team | None:
    """The same, unless it was archived meanwhile: whoever comes back then belongs to none."""
    return None if team is None or team.archived_at is not None else team


def keep_an_admin(user: User) -> None:
    """The change to this user must leave another admin who can sign in, unless the user stays one."""
    if user.is_active and user.role == Role.ADMIN:
        return
    if not User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk).exists():
        raise invalid("", "last_admin", "Somebody must stay admin; make another person admin first.")
    if needs_openid_admin() and not openid_admins().exclude(pk=user.pk).exists():
        raise invalid("", "last_openid_admin", "With passwords off, an admin of the OpenID provider must stay admin.")


def fell_from_admin(user: User) -> None:
    """What an admin could have left behind to come back by."""
    if user.role != Role.ADMIN:
        _withdraw_invitations_of(user)


def _give_role(user: User, role: str, by: Actor) -> None:
    user.role = role_within(role, by)
    keep_an_admin(user)
    _refuse_self(user, by, "You cannot change your own role; another admin can.")
    end_sessions(user)
    fell_from_admin(user)


def _withdraw_invitations_of(user: User) -> None:
    made = Invitation.objects.filter(created_by=user, accepted_at=None, withdrawn_at=None)
    made.update(withdrawn_at=timezone.now())


def _withdraw_password_links(user: User) -> None:
    """A link made for an earlier state of the account must not bring anybody in after it changed."""
    links = Invitation.objects.filter(for_user=user, accepted_at=None, withdrawn_at=None)
    links.update(withdrawn_at=timezone.now())


def _refuse_self(user: User, by: Actor, message: str) -> None:
    if by.kind == "user" and by.name == user.username:
        raise invalid("", "yourself", message)


def _values(user: User) -> dict[str, Any]:
    return {"role": user.role, "team": user.team.slug if user.team else None, "email": user.email}
