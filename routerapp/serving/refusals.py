"""Why a write use case said no, as values the API and the dashboard turn into answers.

WriteRefused
├── NotAllowed   the actor's role does not reach the action (permissions.py)
├── Invalid      the input is wrong; problems say where, which code, why
├── Stale        somebody else was faster; current_revision is what is there now
└── Missing      the thing does not exist, or not under the parent that was named
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from routerapp.engine.problems import Problem


class WriteRefused(Exception):
    """Nothing was written."""

    code = "refused"


class Invalid(WriteRefused):
    code = "invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in self.problems))


class Stale(WriteRefused):
    code = "stale"

    def __init__(self, current_revision: int | None, message: str = "") -> None:
        self.current_revision = current_revision
        super().__init__(message or f"This was changed meanwhile; it is now at revision {current_revision}.")


class Missing(WriteRefused):
    code = "not_found"

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"There is no {kind} {name}.")


def invalid(path: str, code: str, message: str) -> Invalid:
    """One problem, ready to raise."""
    return Invalid((Problem(path, code, message),))


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Django's validation errors in our shape; the path is the field's name, empty for the whole row."""
    if hasattr(error, "error_dict"):
        return tuple(
            Problem("" if name == "__all__" else name, str(one.code or "invalid"), " ".join(one.messages))
            for name, errors in error.error_dict.items()
            for one in errors
        )
    return tuple(Problem("", str(one.code or "invalid"), " ".join(one.messages)) for one in error.error_list)
