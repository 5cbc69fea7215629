"""Who may come in from the OpenID provider, and as whom: by issuer and subject, never by what an e-mail address says of an account.

An address brings somebody in only when the provider verified it and an open invitation is for exactly it, or new accounts are allowed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.models import ExternalIdentity, Invitation, User
from routerapp.oidc_settings import OidcSettings
from routerapp.serving import audit
from routerapp.serving.changes import save_valid
from routerapp.serving.documents import is_storable
from routerapp.serving.id_tokens import Identity
from routerapp.serving.invitations import close, new_user_of, open_invitations
from routerapp.serving.people import fell_from_admin, keep_an_admin
from routerapp.serving.permissions import RANK, Actor
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.sessions import end_sessions, require_self
from routerapp.serving.sign_in import SignInRefused
from routerapp.serving.sign_in_settings import needs_openid_admin

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9.+_-]+")
NOBODY = "There is no account here for you. Ask an admin for an invitation to the address you sign in with."


@transaction.atomic
def person_of(identity: Identity, oidc: OidcSettings, *, address: str) -> User:
    """Known, invited or newly allowed; the role follows the provider where a role claim is set. Raises SignInRefused."""
    audit.lock_installation()
    _check_storable(identity)
    _check_domain(identity, oidc)
    known = ExternalIdentity.objects.select_related("user").filter(issuer=identity.issuer, subject=identity.subject)
    row = known.first()
    user = row.user if row else _newcomer(identity, oidc, address)
    if not user.is_active:
        raise SignInRefused("This account is locked. An admin can unlock it.")
    if row:
        row.last_sign_in_at = timezone.now()
        row.save(update_fields=["last_sign_in_at"])
        _follow_role(user, identity, oidc, address)
    return user


@transaction.atomic
def link(user: User, identity: Identity, oidc: OidcSettings, *, by: Actor) -> None:
    """The person who is signed in here, and just was there, is the same."""
    require_self(user, by)
    audit.lock_installation()
    _check_storable(identity)
    _check_domain(identity, oidc)
    row = ExternalIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject).first()
    if row is not None and row.user_id != user.pk:
        raise SignInRefused("That identity belongs to another account here.")
    if row is None:
        _tie(user, identity)
        audit.record(by, "link_identity", f"user:{user.username}", after={"issuer": identity.issuer})


@transaction.atomic
def unlink(user: User, identity_id: int, *, by: Actor) -> None:
    """One's own, as long as another way in is left."""
    require_self(user, by)
    audit.lock_installation()
    row = ExternalIdentity.objects.filter(user=user, pk=identity_id).first()
    if row is None:
        raise invalid("", "not_linked", "This identity is not linked.")
    if not user.has_usable_password() or needs_openid_admin():
        raise invalid("", "only_way_in", "This is the only way in for this account; it stays.")
    row.delete()
    audit.record(by, "unlink_identity", f"user:{user.username}", before={"issuer": row.issuer})


def _newcomer(identity: Identity, oidc: OidcSettings, address: str) -> User:
    invitation = _invitation_of(identity)
    if invitation is not None:
        user, event = new_user_of(invitation), "accept_invitation"
        close(invitation)
    elif oidc.auto_create:
        role = _role_of(identity.claims, oidc)
        user = User(username=_free_name(identity), email=identity.email, role=role)
        event = "create_user"
    else:
        raise SignInRefused(NOBODY)
    user.set_unusable_password()
    try:
        save_valid(user)
    except Invalid as refused:
        raise SignInRefused(NOBODY) from refused
    _tie(user, identity)
    actor = Actor("openid", "system", "", address)
    audit.record(actor, event, f"user:{user.username}", after={"role": user.role, "issuer": identity.issuer})
    return user


def _invitation_of(identity: Identity) -> Invitation | None:
    """identity.email is empty unless verified. Two invitations of one address cannot be told apart, so neither counts."""
    if not identity.email:
        return None
    rows = list(open_invitations().filter(email__iexact=identity.email, for_user=None)[:2])
    return rows[0] if len(rows) == 1 else None


def _tie(user: User, identity: Identity) -> None:
    ExternalIdentity.objects.create(
        user=user, issuer=identity.issuer, subject=identity.subject, last_sign_in_at=timezone.now()
    )


def _follow_role(user: User, identity: Identity, oidc: OidcSettings, address: str) -> None:
    """Only where a role claim is set up; the last admin stays one whatever the provider says."""
    role = _role_of(identity.claims, oidc)
    if not oidc.role_claim or role == user.role:
        return
    before, user.role = user.role, role
    try:
        keep_an_admin(user)
    except Invalid:
        user.role = before
        return
    user.save(update_fields=["role"])
    end_sessions(user)
    fell_from_admin(user)
    actor = Actor("openid", "system", "", address)
    audit.record(actor, "edit_user", f"user:{user.username}", before={"role": before}, after={"role": role})


def _role_of(claims: Mapping[str, Any], oidc: OidcSettings) -> str:
    """The highest of the mapped roles the claim names, else the default."""
    given = claims.get(oidc.role_claim) if oidc.role_claim else None
    values: Iterable[Any] = given if isinstance(given, list) else [given]
    roles = [oidc.role_map[value] for value in values if isinstance(value, str) and value in oidc.role_map]
    return max(roles, key=lambda role: RANK[role], default=oidc.default_role)


def _check_domain(identity: Identity, oidc: OidcSettings) -> None:
    domain = identity.email.rpartition("@")[2].lower()
    if oidc.allowed_domains and domain not in oidc.allowed_domains:
        raise SignInRefused("Only verified addresses of the organisation's own domains may sign in here.")


def _check_storable(identity: Identity) -> None:
    if not all(is_storable(text) for text in (identity.subject, identity.email, identity.name)):
        raise SignInRefused(NOBODY)


def _free_name(identity: Identity) -> str:
    """A name from what the provider calls the person, made unique when somebody has it."""
    wanted = identity.name or identity.email.partition("@")[0] or "person"
    base = _NOT_IN_NAMES.sub("-", wanted)[:100].strip("-.") or "person"
    taken = User.objects.filter(username__iexact=base).exists() or open_invitations().filter(username__iexact=base)
    return f"{base}-{secrets.token_hex(3)}" if taken else base
