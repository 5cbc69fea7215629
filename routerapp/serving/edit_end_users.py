"""Limits of end users, the `user` callers send: for one of them, or for each that has none of its own.

A user is kept as the keyed hash that its requests carry, never as the text; a label says to people who it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.allowances import EVERY_USER
from routerapp.engine.problems import Problem
from routerapp.models import EndUserAllowance
from routerapp.serving.allowance_fields import ALLOWANCE_INPUTS, allowance_values, set_allowance
from routerapp.serving.changes import changing, find, save_valid
from routerapp.serving.documents import is_storable
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.units import hash_user

MAX_USER_CHARACTERS = 512
# An installation with more distinguishes its users by `*` or by keys: every one of these is part of each configuration revision.
MAX_ROWS = 10_000


def limit_end_user(user: str, fields: Mapping[str, Any], *, by: Actor) -> EndUserAllowance:
    """user: as callers send it, or `*` for everyone without limits of their own. fields: label and limits; those left out are none."""
    _check_user(user)
    hashed = user if user == EVERY_USER else hash_user(user)
    with changing(by, "edit_end_user", "end_user", event="limit_end_user") as change:
        row = EndUserAllowance.objects.filter(user_hash=hashed).first()
        if row is None and EndUserAllowance.objects.count() >= MAX_ROWS:
            raise invalid("user", "too_many", f"At most {MAX_ROWS:,} users have limits of their own.")
        change.before = _values(row) if row else None
        row = row or EndUserAllowance(user_hash=hashed)
        _set(row, {**dict.fromkeys(ALLOWANCE_INPUTS), **fields})
        change.subject, change.after = subject_of(row), _values(row)
    return row


def edit_end_user(row_id: int, fields: Mapping[str, Any], *, by: Actor) -> EndUserAllowance:
    """fields: label and limits; those left out stay."""
    with changing(by, "edit_end_user", f"end_user:{row_id}") as change:
        row = find(EndUserAllowance.objects.all(), "limited end user", pk=row_id)
        change.before = _values(row)
        _set(row, fields)
        change.after = _values(row)
    return row


def free_end_user(row_id: int, *, by: Actor) -> None:
    """Take the row away: what holds for everyone holds for this user again."""
    with changing(by, "edit_end_user", f"end_user:{row_id}", event="free_end_user") as change:
        row = find(EndUserAllowance.objects.all(), "limited end user", pk=row_id)
        change.before = _values(row)
        row.delete()


def subject_of(row: EndUserAllowance) -> str:
    """For the audit log: by number, as the hash is nobody's business there."""
    return f"end_user:{row.pk}"


def _check_user(user: str) -> None:
    if not isinstance(user, str) or not 0 < len(user) <= MAX_USER_CHARACTERS or not is_storable(user):
        raise invalid(
            "user", "bad_user", f"A user is text of 1 to {MAX_USER_CHARACTERS} characters, as callers send it."
        )


def _set(row: EndUserAllowance, fields: Mapping[str, Any]) -> None:
    unknown = sorted(set(fields) - {"label", *ALLOWANCE_INPUTS})
    if unknown:
        raise Invalid(Problem(name, "unknown_field", f"{name} cannot be set here.") for name in unknown)
    row.label = fields.get("label", row.label) or ""
    set_allowance(row, fields)
    save_valid(row)


def _values(row: EndUserAllowance) -> dict[str, Any]:
    return {"label": row.label, **allowance_values(row)}
