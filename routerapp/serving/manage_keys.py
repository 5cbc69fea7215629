"""Callers' API keys: made here and shown once, changed, revoked. Only a keyed hash is stored.

A key never carries more than its maker has: scopes are held to the maker's role when it is made and whenever it is used.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from routerapp.engine.constraints import parse_constraints
from routerapp.engine.problems import PolicyError, Problem
from routerapp.models import APIKey, Policy, Role, Team, User
from routerapp.models.access import CALL_SCOPES
from routerapp.serving.allowance_fields import ALLOWANCE_INPUTS, allowance_values, set_allowance
from routerapp.serving.changes import changing, find, save_valid, user_of
from routerapp.serving.permissions import RANK, Actor
from routerapp.serving.refusals import Invalid, invalid
from routerapp.store.keys import make_key

ROLE_OF_SCOPE: Mapping[str, Role] = MappingProxyType(
    {"read": Role.VIEWER, "edit": Role.EDITOR, "publish": Role.PUBLISHER, "admin": Role.ADMIN}
)
SCOPES = (*CALL_SCOPES, *ROLE_OF_SCOPE)
_USED_GRAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """full_key is shown to its maker once; nobody can read it again."""

    row: APIKey
    full_key: str = field(repr=False)


def create_key(
    name: str,
    *,
    by: Actor,
    scopes: Iterable[str] = ("chat",),
    team: str | None = None,
    constraints: Mapping[str, Any] | None = None,
    default_policy: str | None = None,
    expires_at: datetime | None = None,
    **limits: Any,
) -> CreatedKey:
    """team and default_policy by slug; constraints as in a policy, binding for every name the key sends; limits: ALLOWANCE_INPUTS."""
    with changing(by, "edit_key", "key", event="create_key") as change:
        new = make_key()
        row = APIKey(
            slug=_free_slug(name),
            name=name,
            team=_team(team),
            prefix=new.prefix,
            key_hash=new.key_hash,
            last_four=new.last_four,
            scopes=_checked_scopes(scopes, by),
            constraints_document=_checked_constraints(constraints or {}),
            default_policy=_policy(default_policy),
            expires_at=_future(expires_at),
            created_by=person_behind(by),
        )
        _set_limits(row, limits)
        save_valid(row)
        change.subject, change.after = f"key:{row.slug}", _values(row)
    return CreatedKey(row, new.full)


def edit_key(slug: str, fields: Mapping[str, Any], *, by: Actor) -> APIKey:
    """name, team, constraints, default_policy, expires_at and limits. Scopes never change."""
    with changing(by, "edit_key", f"key:{slug}") as change:
        row = find(APIKey.objects.filter(revoked_at=None), "open key", slug=slug)
        change.before = _values(row)
        _set_limits(row, {name: value for name, value in fields.items() if name not in _EDITS})
        for name, (column, check) in _EDITS.items():
            if name in fields:
                setattr(row, column, check(fields[name]))
        save_valid(row)
        change.after = _values(row)
    return row


def revoke_key(slug: str, *, by: Actor, reason: str = "") -> APIKey:
    """For good, on every worker within two seconds."""
    with changing(by, "edit_key", f"key:{slug}", event="revoke_key", reason=reason) as change:
        row = find(APIKey.objects.filter(revoked_at=None), "open key", slug=slug)
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        change.after = {"revoked": True}
    return row


def management_role(row: APIKey) -> str:
    """What the key may manage now: the highest of its scopes, but no more than its maker may today; empty for nothing."""
    maker = row.created_by
    if maker is None or not maker.is_active:
        return ""
    roles = [ROLE_OF_SCOPE[scope] for scope in row.scopes if scope in ROLE_OF_SCOPE]
    highest = max(roles, key=RANK.__getitem__, default=None)
    return "" if highest is None else min(str(highest), maker.role, key=lambda role: RANK.get(role, -1))


def mark_used(row: APIKey) -> None:
    """Note the use, to the minute, unless the database is too busy; callers on the hot path are noted by the journal instead."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_GRAIN)
    if row.last_used_at is None or row.last_used_at < now - _USED_GRAIN:
        with contextlib.suppress(OperationalError):
            APIKey.objects.filter(stale, pk=row.pk).update(last_used_at=now)


def _checked_scopes(scopes: Iterable[str], by: Actor) -> list[str]:
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        raise invalid("scopes", "unknown_scope", f"Scopes are: {', '.join(SCOPES)}; give at least one.")
    beyond = [scope for scope in sorted(wanted & set(ROLE_OF_SCOPE)) if RANK[ROLE_OF_SCOPE[scope]] > RANK[by.role]]
    if beyond:
        raise Invalid(
            Problem("scopes", "beyond_your_role", f"Your role {by.role} cannot give the scope {s}.") for s in beyond
        )
    return [scope for scope in SCOPES if scope in wanted]


def _checked_constraints(document: Any) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise invalid("constraints", "not_an_object", "Constraints are an object.")
    try:
        parse_constraints(document, "constraints")
    except PolicyError as error:
        raise Invalid(error.problems) from error
    return dict(document)


def person_behind(by: Actor) -> User | None:
    """The person answerable for the key; for a key made by a key, the person behind that one."""
    if by.kind == "key":
        parent = APIKey.objects.select_related("created_by").filter(slug=by.name).first()
        return parent.created_by if parent else None
    return user_of(by)


def _free_slug(name: str) -> str:
    base = slugify(name)[:40] or "key"
    return base if not APIKey.objects.filter(slug=base).exists() else f"{base}-{secrets.token_hex(3)}"


def _team(slug: str | None) -> Team | None:
    if not slug:
        return None
    team = Team.objects.filter(slug=slug, archived_at=None).first()
    if team is None:
        raise invalid("team", "unknown_reference", f"There is no team {slug}.")
    return team


def _policy(slug: str | None) -> Policy | None:
    if not slug:
        return None
    policy = Policy.objects.filter(slug=slug, archived_at=None, live_version__isnull=False).first()
    if policy is None:
        raise invalid("default_policy", "unknown_reference", f"There is no published policy {slug}.")
    return policy


def _future(instant: datetime | None) -> datetime | None:
    if instant is not None and instant <= timezone.now():
        raise invalid("expires_at", "in_the_past", "The key would have expired already.")
    return instant


def _set_limits(row: APIKey, limits: Mapping[str, Any]) -> None:
    unknown = sorted(set(limits) - set(ALLOWANCE_INPUTS))
    if unknown:
        raise Invalid(Problem(name, "unknown_field", f"{name} cannot be set here.") for name in unknown)
    set_allowance(row, limits)


def _values(row: APIKey) -> dict[str, Any]:
    return {
        "name": row.name,
        "team": row.team.slug if row.team else None,
        "scopes": row.scopes,
        "constraints": row.constraints_document,
        "default_policy": row.default_policy.slug if row.default_policy else None,
        **allowance_values(row),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


_EDITS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "name": ("name", lambda value: value),
        "team": ("team", _team),
        "constraints": ("constraints_document", _checked_constraints),
        "default_policy": ("default_policy", _policy),
        "expires_at": ("expires_at", _future),
    }
)
# What edit_key takes.
EDITABLE = (*_EDITS, *ALLOWANCE_INPUTS)
