"""Every row of one database into another that has the same tables and no rows: how a backup is made of PostgreSQL, and restored into it.

Between any two kinds of database; what a row means, its ids included, stays the same. Heartbeats of processes are not taken along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend

from routerapp.database_settings import sqlite
from routerapp.models import WorkerReport
from routerapp.store.one_moment import one_moment
from routerapp.store.partitions import KEYS, make_partitions

BATCH = 2_000
FILE_ALIAS = "signalbox_file"


@contextmanager
def sqlite_file(path: Path) -> Iterator[str]:
    """The alias under which this file is a database meanwhile, in this thread."""
    settings = {**connections["default"].settings_dict, **sqlite(path)}
    # One file when it is closed, not one with a log beside it; nobody else reads it, and a crash makes a new one.
    pragmas = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;"
    settings["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "init_command": pragmas}
    connections[FILE_ALIAS] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, FILE_ALIAS)
    try:
        yield FILE_ALIAS
    finally:
        connections[FILE_ALIAS].close()
        del connections[FILE_ALIAS]


def make_tables(using: str) -> None:
    """All migrations, also those a backup was made before. Adds no rows of its own."""
    executor = MigrationExecutor(connections[using])
    executor.migrate(executor.loader.graph.leaf_nodes())


def is_used(using: str) -> bool:
    """Whether it has rows of an installation."""
    with connections[using].cursor() as cursor:
        tables = set(connections[using].introspection.table_names(cursor))
    return any(
        model._meta.db_table in tables and model._base_manager.using(using).exists()
        for model in apps.get_app_config("routerapp").get_models()
    )


def transfer(source: str, target: str) -> int:
    """As the source is at one moment; all of it or nothing. Returns how many rows."""
    with one_moment(source), transaction.atomic(using=target):
        for alias in (source, target):
            _take_time(alias)
        _clear(target)
        copied = [_transfer_table(model, source, target) for model in _models()]
        with connections[target].cursor() as cursor:
            for statement in connections[target].ops.sequence_reset_sql(no_style(), _models()):
                cursor.execute(statement)
    return sum(copied)


def _models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if not model._meta.proxy and model is not WorkerReport]


def _clear(target: str) -> None:
    """Rows that making the tables has made: permissions and the kinds of things they are about."""
    for name in ("auth.Permission", "contenttypes.ContentType"):
        apps.get_model(name)._base_manager.using(target).all().delete()


def _transfer_table(model: type[models.Model], source: str, target: str) -> int:
    connection, fields = connections[target], model._meta.concrete_fields
    table, columns = model._meta.db_table, [str(field.column) for field in fields]
    key = columns.index(KEYS[table]) if table in KEYS else None
    wanted = model._base_manager.using(source).order_by().values_list(*(field.attname for field in fields))
    rows, copied = wanted.iterator(chunk_size=BATCH), 0
    while batch := list(islice(rows, BATCH)):
        if key is not None:
            make_partitions((row[key] for row in batch), target)
        values = [
            tuple(field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True))
            for row in batch
        ]
        _write(target, table, columns, values)
        copied += len(batch)
    return copied


def _write(using: str, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    connection = connections[using]
    names = ", ".join(map(connection.ops.quote_name, columns))
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", list(rows))
            return
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _take_time(using: str) -> None:
    """What holds for a page holds up a copy."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
