"""Links that let one person choose a password: invitations of somebody new, and new-password links for who has forgotten theirs.

The secret is in the link alone, which is shown once to the admin who made it and sent by nobody; the row keeps a keyed hash.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from routerapp.models import Invitation, User
from routerapp.serving import audit
from routerapp.serving.changes import find, lock_installation_for, save_valid
from routerapp.serving.manage_keys import person_behind
from routerapp.serving.people import checked_email, checked_name, open_team, put_password, role_within, team_of
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, Missing, invalid, problems_of
from routerapp.serving.sessions import end_sessions
from routerapp.serving.sign_in import actor_for
from routerapp.serving.sign_in_settings import read_sign_in_settings
from routerapp.store.secrets import keyed_hash

PURPOSE = "invitation"
INVITATION_LIFE = dt.timedelta(days=7)
NEW_PASSWORD_LIFE = dt.timedelta(days=1)
MOST_TOKEN = 100


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """token goes into the link, shown once."""

    row: Invitation
    token: str = field(repr=False)


@transaction.atomic
def invite(username: str, *, role: str, by: Actor, email: str = "", team: str | None = None) -> NewInvitation:
    """The account is made when the link is used, not before."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    row = Invitation(username=checked_name(username), email=checked_email(email), role=role_within(role, by))
    row.team = team_of(team)
    _check_free(row)
    new = _save(row, INVITATION_LIFE, by)
    audit.record(by, "invite", f"user:{username}", after={"role": role, "team": team, "email": email})
    return new


@transaction.atomic
def make_password_link(username: str, *, by: Actor) -> NewInvitation:
    """For one day; older ones of this person end. The old password keeps working until the link is used."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.filter(is_active=True), "active user", username=username)
    if by.kind == "user" and by.name == username:
        raise invalid("", "yourself", "Change your own password on the account page.")
    open_invitations().filter(for_user=user).update(withdrawn_at=timezone.now())
    row = Invitation(username=user.username, email=user.email, role=user.role, for_user=user)
    new = _save(row, NEW_PASSWORD_LIFE, by)
    audit.record(by, "make_password_link", f"user:{username}")
    return new


@transaction.atomic
def withdraw(invitation_id: int, *, by: Actor) -> Invitation:
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    row = find(open_invitations(), "open invitation", pk=invitation_id)
    row.withdrawn_at = timezone.now()
    row.save(update_fields=["withdrawn_at"])
    audit.record(by, "withdraw_invitation", f"user:{row.username}")
    return row


def open_invitations() -> QuerySet[Invitation]:
    """What a link could still be used for."""
    rows = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())
    return rows.select_related("team", "for_user", "created_by")


def find_open(token: str) -> Invitation:
    """Raises Missing, whatever the reason: never made, used, withdrawn, expired."""
    row = open_invitations().filter(token_hash=_hash(token)).first() if is_token(token) else None
    if row is None or (row.for_user is not None and not row.for_user.is_active):
        raise Missing("invitation", "like this that is still open; ask for a new one")
    return row


@transaction.atomic
def accept(token: str, password: str, *, address: str) -> User:
    """The person of the link, with the password set; not signed in yet. Works once."""
    audit.lock_installation()
    row = find_open(token)
    if not read_sign_in_settings().passwords:
        raise invalid("", "passwords_off", "Passwords are switched off here. Use the other way to sign in.")
    user = row.for_user or new_user_of(row)
    put_password(user, password)
    user.must_change_password = False
    save_valid(user)
    if row.for_user is not None:
        end_sessions(user)
    close(row)
    event = "use_password_link" if row.for_user else "accept_invitation"
    audit.record(actor_for(user, address), event, f"user:{user.username}", after={"role": user.role})
    return user


def new_user_of(row: Invitation) -> User:
    """Unsaved, with what the invitation promised."""
    return User(username=row.username, email=row.email, role=row.role, team=open_team(row.team))


def close(row: Invitation) -> None:
    row.accepted_at = timezone.now()
    row.save(update_fields=["accepted_at"])


def _check_free(row: Invitation) -> None:
    if User.objects.filter(username=row.username).exists():
        raise invalid("username", "unique", "Somebody has this name already.")
    if open_invitations().filter(username=row.username).exists():
        raise invalid("username", "invited_already", "This name is invited already; withdraw that invitation first.")
    if row.email and open_invitations().filter(email__iexact=row.email, for_user=None).exists():
        raise invalid("email", "invited_already", "This address is invited already; withdraw that invitation first.")
    # The rules of names are the user table's.
    user = new_user_of(row)
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise Invalid(problems_of(error)) from error


def _save(row: Invitation, life: dt.timedelta, by: Actor) -> NewInvitation:
    token = secrets.token_urlsafe(32)
    row.token_hash = _hash(token)
    row.expires_at = timezone.now() + life
    row.created_by = person_behind(by)
    save_valid(row)
    return NewInvitation(row, token)


def is_token(text: str) -> bool:
    return text.isascii() and len(text) <= MOST_TOKEN


def _hash(token: str) -> str:
    return keyed_hash(PURPOSE, token)
