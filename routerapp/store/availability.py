"""Tells a database that does not answer (locked, damaged, unreachable) from a fault of ours in asking it."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, OperationalError


def is_database_away(error: BaseException | None) -> bool:
    """SQLite reports a damaged file as a bare DatabaseError; its subclasses other than these are about what was asked."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
