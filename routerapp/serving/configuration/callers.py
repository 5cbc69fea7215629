"""Sections about callers: teams, end users and keys' settings. A key itself, or who an end user is, is in no document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.allowances import EVERY_USER
from routerapp.models import APIKey, EndUserAllowance, Team
from routerapp.serving import edit_end_users, edit_teams, manage_keys
from routerapp.serving.allowance_fields import ALLOWANCE_INPUTS, EXACT
from routerapp.serving.configuration.fields import AMOUNT, FLAG, LIST, OBJECT, TEXT, WHOLE, Field
from routerapp.serving.configuration.sections import (
    ENTRIES,
    NOTHING,
    Entry,
    amount_text,
    instant_of,
    instant_text,
    nusd_text,
)
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid

# A column for money is told in dollars, by the name without the n.
_DOLLARS = "_usd"
_LIMITS: Mapping[str, Field] = {
    name: Field(AMOUNT if name.endswith(_DOLLARS) else WHOLE, may_be_null=True)
    for name in ALLOWANCE_INPUTS
    if name != EXACT
} | {EXACT: Field(FLAG)}


class Teams:
    name, noun, prunes = "teams", "team", ENTRIES

    def field(self, name: str) -> Field | None:
        return Field(TEXT) if name == "name" else _LIMITS.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = Team.objects.filter(archived_at=None).order_by("slug")
        return {row.slug: {"name": row.name, **_limits_of(row)} for row in rows}

    def settle(self, entry: Entry) -> dict[str, Any]:
        return _settled(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        edit_teams.add_team(name, entry, by=by)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        edit_teams.edit_team(name, changed, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        edit_teams.archive_team(name, by=by)


class EndUsers:
    """By the keyed hash their requests carry; `*` is everyone without limits of their own. Another installation hashes otherwise."""

    name, noun, prunes = "end_users", "end user", NOTHING

    def field(self, name: str) -> Field | None:
        return Field(TEXT) if name == "label" else _LIMITS.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = EndUserAllowance.objects.order_by("user_hash")
        return {row.user_hash: {"label": row.label, **_limits_of(row)} for row in rows}

    def settle(self, entry: Entry) -> dict[str, Any]:
        return _settled(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> str | None:
        if name != EVERY_USER:
            return f"end user {name[:12]} ({entry.get('label', 'no label')}): limit that user by hand, it is known by hash only."
        edit_end_users.limit_end_user(EVERY_USER, entry, by=by)
        return None

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        edit_end_users.edit_end_user(EndUserAllowance.objects.get(user_hash=name).pk, changed, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "not_removable", "Limits of an end user are taken away by hand.")


class Keys:
    """Keys that are not revoked. A document can change what they may, never make one: their secret is in no document."""

    name, noun, prunes = "keys", "key", NOTHING
    _own: Mapping[str, Field] = {
        "name": Field(TEXT),
        "team": Field(TEXT, may_be_null=True),
        "scopes": Field(LIST, is_fixed=True),
        "constraints": Field(OBJECT),
        "default_policy": Field(TEXT, may_be_null=True),
        "expires_at": Field(TEXT, may_be_null=True),
    }

    def field(self, name: str) -> Field | None:
        return self._own.get(name) or _LIMITS.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = APIKey.objects.filter(revoked_at=None).select_related("team", "default_policy")
        return {row.slug: _key(row) for row in rows.order_by("slug")}

    def settle(self, entry: Entry) -> dict[str, Any]:
        settled = _settled(entry)
        if entry.get("expires_at") is not None:
            settled["expires_at"] = instant_text(instant_of(entry["expires_at"], "expires_at"))
        return settled

    def add(self, name: str, entry: Entry, by: Actor) -> str:
        if APIKey.objects.filter(slug=name).exists():
            raise invalid("", "revoked", "This key is revoked for good.")
        return f"key {name}: is not here. Make it under Keys: its secret is in no document."

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        fields = dict(changed)
        if fields.get("expires_at") is not None:
            fields["expires_at"] = instant_of(fields["expires_at"], "expires_at")
        manage_keys.edit_key(name, fields, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "not_removable", "A key is revoked by hand.")


def _key(row: APIKey) -> dict[str, Any]:
    return {
        "name": row.name,
        "team": row.team.slug if row.team else None,
        "scopes": list(row.scopes),
        "constraints": row.constraints_document,
        "default_policy": row.default_policy.slug if row.default_policy else None,
        "expires_at": instant_text(row.expires_at),
        **_limits_of(row),
    }


def _limits_of(row: Any) -> dict[str, Any]:
    return {
        name: nusd_text(getattr(row, f"{name.removesuffix(_DOLLARS)}_nusd"))
        if name.endswith(_DOLLARS)
        else getattr(row, name)
        for name in ALLOWANCE_INPUTS
    }


def _settled(entry: Entry) -> dict[str, Any]:
    """Amounts in their one spelling."""
    return {
        name: amount_text(value, name) if name in _LIMITS and name.endswith(_DOLLARS) else value
        for name, value in entry.items()
    }
