"""The whole configuration of an installation as one document, written and applied. No secret is ever in it.

Applying goes through the use cases people use, each with its own check and audit event, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from routerapp.engine.problems import Problem
from routerapp.serving import audit
from routerapp.serving.configuration.alerts import AlertChannels, AlertRules
from routerapp.serving.configuration.callers import EndUsers, Keys, Teams
from routerapp.serving.configuration.catalog import (
    Aliases,
    Deployments,
    Dimensions,
    LanguageModels,
    Prices,
    Providers,
    Scores,
)
from routerapp.serving.configuration.changes import ADD, CHANGE, Change, in_order
from routerapp.serving.configuration.policies import Policies
from routerapp.serving.configuration.sections import Section
from routerapp.serving.configuration.settings import Settings
from routerapp.serving.configuration.shape import SCHEMA, SCHEMA_FIELD, checked_shape, under
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, WriteRefused


@dataclass(frozen=True, slots=True)
class Applied:
    """changes: what was done, or would be. notes: what no document can do, for somebody to do by hand."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def sections() -> tuple[Section, ...]:
    """In the order they can be applied: nothing refers to what comes after it."""
    return (
        Dimensions(),
        Providers(),
        LanguageModels(),
        Deployments(),
        Scores(),
        Prices(),
        Policies(),
        Aliases(),
        Teams(),
        EndUsers(),
        Keys(),
        AlertChannels(),
        AlertRules(),
        Settings(),
    )


@transaction.atomic
def export_configuration(*, by: Actor, with_history: bool = False) -> dict[str, Any]:
    """One consistent reading. with_history adds every version of every policy, for people to read."""
    require(by, "edit_settings")
    document: dict[str, Any] = {SCHEMA_FIELD: SCHEMA}
    for section in sections():
        entries = section.read()
        if with_history and isinstance(section, Policies):
            entries = {slug: {**entry, "history": section.history(slug)} for slug, entry in entries.items()}
        document[section.name] = entries
    return document


def apply_configuration(document: Any, *, by: Actor, prune: bool = False, dry_run: bool = False) -> Applied:
    """Make the installation what the document says; what it does not mention stays, unless prune. Raises Invalid with every problem.

    dry_run does it all and takes it back, so that it finds what doing it would find.
    """
    require(by, "edit_settings")
    known = sections()
    wanted = checked_shape(document, known)
    with transaction.atomic():
        audit.lock_installation()
        changes = in_order(known, wanted, prune=prune)
        notes = _run(changes, by)
        if changes and not dry_run:
            audit.record(by, "apply_configuration", "installation", after=_counts(changes))
        transaction.set_rollback(dry_run)
    return Applied(tuple(changes), tuple(notes))


def _run(changes: list[Change], by: Actor) -> list[str]:
    """Every change; one that is refused is tried again while others succeed, because policies may name each other in any order."""
    notes: list[str] = []
    pending = list(changes)
    while pending:
        left: list[Change] = []
        refused: dict[str, WriteRefused] = {}
        for change in pending:
            try:
                with transaction.atomic():
                    note = _do(change, by)
            except WriteRefused as error:
                left.append(change)
                refused[change.path] = error
            else:
                notes += [note] if note else []
        if len(left) == len(pending):
            raise Invalid(problem for path, error in refused.items() for problem in _problems(path, error))
        pending = left
    return notes


def _do(change: Change, by: Actor) -> str | None:
    section = change.section
    if change.kind == ADD:
        return section.add(change.name, change.after, by)
    if change.kind == CHANGE:
        _refuse_fixed(change)
        return section.edit(change.name, change.after, change.entry, by)
    section.remove(change.name, change.before, by)
    return None


def _refuse_fixed(change: Change) -> None:
    """What is chosen once: asking for another value is a mistake, not a change."""
    fixed = [one.name for one in change.fields if (field := change.section.field(one.name)) and field.is_fixed]
    if fixed:
        raise Invalid(Problem(name, "fixed", "This was chosen when it was made and never changes.") for name in fixed)


def _problems(path: str, error: WriteRefused) -> list[Problem]:
    return under(path, error) if isinstance(error, Invalid) else [Problem(path, error.code, str(error))]


def _counts(changes: list[Change]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for change in changes:
        name = f"{change.kind} {change.section.name}"
        counts[name] = counts.get(name, 0) + 1
    return counts
