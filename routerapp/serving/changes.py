"""The frame of every configuration write: role, lock, the change itself, audit event, config revision: one transaction.

Also turns caller-supplied fields into row changes by allow-list, so that nothing but the listed fields can ever change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction

from routerapp.engine.problems import Problem
from routerapp.models import User
from routerapp.serving import audit
from routerapp.serving.documents import is_storable, refuse_unstorable
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, Missing, problems_of
from routerapp.store.revisions import record_config_revision

Row = TypeVar("Row", bound=models.Model)


@dataclass(slots=True)
class Change:
    """Filled by the use case while it works; written to the audit log when it is done."""

    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""


@contextmanager
def changing(by: Actor, action: str, subject: str, *, event: str = "", reason: str = "") -> Iterator[Change]:
    """Everything inside is written together with its audit event (named event, else action) and a new config revision, or not at all."""
    with noting(by, action, subject, event=event, reason=reason) as change:
        yield change
        record_config_revision(f"{event or action} {change.subject}"[:200])


@contextmanager
def noting(by: Actor, action: str, subject: str, *, event: str = "", reason: str = "") -> Iterator[Change]:
    """The same for what changes no decision by itself: the audit event, no config revision."""
    require(by, action)
    with transaction.atomic():
        lock_installation_for(by, action)
        change = Change(subject, reason=reason)
        yield change
        audit.record(
            by, event or action, change.subject, before=change.before, after=change.after, reason=change.reason
        )


def lock_installation_for(by: Actor, action: str) -> None:
    """The lock, and the role asked for once more: whoever lost it while waiting for the lock may nothing any more."""
    audit.lock_installation()
    row = user_of(by)
    if row is not None:
        require(replace(by, role=row.role if row.is_active else ""), action)


def assign(
    row: models.Model, fields: Mapping[str, Any], allowed: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the listed fields, validate the whole row and save it. Returns what was and what is, changed fields only."""
    unknown = sorted(set(fields) - set(allowed))
    if unknown:
        raise Invalid(Problem(name, "unknown_field", f"{name} cannot be set here.") for name in unknown)
    before = {name: getattr(row, name) for name in fields}
    for name, value in fields.items():
        setattr(row, name, value)
    save_valid(row)
    changed = [name for name in fields if getattr(row, name) != before[name]]
    return {name: before[name] for name in changed}, {name: getattr(row, name) for name in changed}


def save_valid(row: models.Model) -> None:
    """full_clean and save; database rules show as problems, not as exceptions of the database."""
    for field in row._meta.concrete_fields:
        if isinstance(field, models.CharField | models.TextField | models.JSONField):
            _refuse_unstorable(field.name, getattr(row, field.attname))
    try:
        row.full_clean()
    except ValidationError as error:
        raise Invalid(problems_of(error)) from error
    row.save()


def _refuse_unstorable(name: str, value: Any) -> None:
    try:
        refuse_unstorable(value)
    except Invalid as error:
        raise Invalid(Problem(name, problem.code, problem.message) for problem in error.problems) from error


def find(rows: models.QuerySet[Row], kind: str, **where: Any) -> Row:
    """The one row, or Missing with the words a person used."""
    value = next(iter(where.values()))
    row = rows.filter(**where).first() if not isinstance(value, str) or is_storable(value) else None
    if row is None:
        raise Missing(kind, value)
    return row


def user_of(by: Actor) -> User | None:
    """The person behind the actor, when it is one."""
    return User.objects.filter(username=by.name).first() if by.kind == "user" else None
