"""Several queries that see the database as it was at one moment, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction


@contextmanager
def one_moment(using: str = "default") -> Iterator[None]:
    """A transaction. On PostgreSQL each statement would see the newest rows, unless told so at the start; inside another it is too late."""
    connection = connections[using]
    needs_isolation = connection.vendor == "postgresql" and not connection.in_atomic_block
    with transaction.atomic(using=using):
        if needs_isolation:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
