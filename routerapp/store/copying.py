"""Rows into PostgreSQL by COPY: into a temporary table of this connection, from there by one statement into the real one.

In the caller's transaction; the temporary tables are empty again at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

from routerapp.store.facts import MAX_BIG_INT

# The journal forgets what was committed. A server told to answer before a commit is on its disk would lose it in a crash.
DURABLE = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"


def copy_new(
    cursor: CursorWrapper, table: str, table_key: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> set[str]:
    """Inserts what is not there yet; the keys that were new. In the order of the key, so that two writers cannot deadlock."""
    columns_named, table_aside = ", ".join(columns), _copy(cursor, table, columns, rows)
    cursor.execute(
        f"INSERT INTO {table} ({columns_named}) SELECT {columns_named} FROM {table_aside} ORDER BY {table_key} "
        f"ON CONFLICT ({table_key}) DO NOTHING RETURNING {table_key}"
    )
    return {found for (found,) in cursor.fetchall()}


def copy_sums(
    cursor: CursorWrapper, table: str, columns: Sequence[str], sums: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Adds to the rows with these ids, or inserts them; in the order of the id. A sum stays at the largest number there is."""
    columns_named, table_aside = ", ".join(columns), _copy(cursor, table, columns, rows)
    columns_added = ", ".join(f"{name} = {_sum(f'{table}.{name}', f'excluded.{name}')}" for name in sums)
    cursor.execute(
        f"INSERT INTO {table} ({columns_named}) SELECT {columns_named} FROM {table_aside} ORDER BY id ON CONFLICT (id) DO UPDATE SET {columns_added}"
    )


def prepare_copies(cursor: CursorWrapper, tables: Iterable[str]) -> None:
    """Makes the temporary tables of these in one round trip; a pooler may hand us a connection that has them or not."""
    statements = [DURABLE]
    for table_aside, table in ((_aside(table), table) for table in tables):
        statements.append(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table_aside} (LIKE {table}) ON COMMIT DELETE ROWS")
        # For who does it twice in one transaction.
        statements.append(f"DELETE FROM {table_aside}")
    cursor.execute("; ".join(["SET LOCAL client_min_messages = warning", *statements]))


def _copy(cursor: CursorWrapper, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The temporary table that holds them now and nothing else."""
    table_aside = _aside(table)
    statement = f"COPY {table_aside} ({', '.join(columns)}) FROM STDIN"
    with cursor.db.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    return table_aside


def _aside(table: str) -> str:
    return f"{table}_incoming"


def _sum(one: str, other: str) -> str:
    return f"GREATEST(-{MAX_BIG_INT}, LEAST({MAX_BIG_INT}, {one}::numeric + {other}))"
