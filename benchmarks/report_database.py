"""Fills a database with invented traffic: one day made row by row, and that day again for each day before it, by the database itself.

Past the ORM, secondary indexes made afterwards. Days are alike but for time, ids and the policies' versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

from benchmarks.report_rows import Day, columns_of
from benchmarks.report_sums import Rows
from routerapp.serving.identifiers import make_id
from routerapp.store.partitions import make_partitions
from routerapp.store.rollups import LENGTH_MS

DAYS = 90
DAYS_WITH_MINUTES = 3
DAY_MS = LENGTH_MS["day"]
TABLES = ("routed_request", "attempt", "request_rollup", "rule_rollup", "total_rollup", "attempt_rollup")
UNHURRIED = {
    "sqlite": ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000"),
    "postgresql": ("SET statement_timeout = 0", "SET maintenance_work_mem = '512MB'"),
}
# The database's way to write a number as twelve hexadecimal digits.
HEX = {"sqlite": "printf('%%012x', {})", "postgresql": "lpad(to_hex({}), 12, '0')"}


def fill(rows: int, last_day_ms: int) -> None:
    """As fast as the database can; what a crash would cost is thrown away with it."""
    with connection.cursor() as cursor:
        for statement in UNHURRIED[connection.vendor]:
            cursor.execute(statement)
        fill_tables(rows, last_day_ms)
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")
    connection.close()


def fill_tables(rows: int, last_day_ms: int) -> None:
    """Into empty tables. rows is a multiple of DAYS; last_day_ms the start of the last day."""
    day = Day(rows // DAYS, last_day_ms)
    make_partitions(make_id(last_day_ms - days * DAY_MS, lambda bits: 0) for days in range(DAYS))
    with connection.cursor() as cursor:
        for name, made in (("whole", {**day.rows, **day.sums}), ("minutes", day.minutes)):
            _stage(cursor, name, made)
        del day
        with _without_indexes(cursor):
            for days_before in range(DAYS - 1, -1, -1):
                _repeat(cursor, "whole", days_before)
                if days_before < DAYS_WITH_MINUTES:
                    _repeat(cursor, "minutes", days_before)
        kept_from_ms = last_day_ms - (DAYS_WITH_MINUTES - 1) * DAY_MS
        cursor.execute("INSERT INTO rollup_horizon VALUES ('minute', %s)", [kept_from_ms])


def _stage(cursor: Any, name: str, made: Rows) -> None:
    for table, rows in made.items():
        columns = ", ".join(columns_of(table))
        cursor.execute(f"CREATE TEMPORARY TABLE {name}_{table} AS SELECT {columns} FROM {table} LIMIT 0")
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {name}_{table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(columns_of(table)))
            cursor.executemany(f"INSERT INTO {name}_{table} VALUES ({places})", rows)


def _repeat(cursor: Any, name: str, days_before: int) -> None:
    """The staged day, so many days earlier."""
    for table in TABLES if name == "whole" else TABLES[2:]:
        columns = columns_of(table)
        selected = ", ".join(_earlier(table, column, days_before) for column in columns)
        # With an argument, so that Django's two databases read the doubled percent sign alike.
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {selected} FROM {name}_{table} WHERE %s = 1", [1]
        )


def _earlier(table: str, column: str, days_before: int) -> str:
    shift_ms = days_before * DAY_MS
    if column in ("at_ms", "starts_at_ms"):
        return f"{column} - {shift_ms}"
    if column == "policy_version":
        return str(1 + (DAYS - 1 - days_before) // 30)
    if table in ("routed_request", "attempt") and column in ("id", "request_id"):
        # UUIDv7: the first twelve digits are the time. An attempt's at_ms is its request's and its number.
        at_ms = f"at_ms - {shift_ms}" + (" - number" if table == "attempt" else "")
        digits = HEX[connection.vendor].format(at_ms)
        return f"substr({digits}, 1, 8) || '-' || substr({digits}, 9, 4) || substr({column}, 14)"
    if column == "id":
        return f"{column} / 128 * 128 + {days_before}"
    return column


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """Secondary indexes of the filled tables are dropped and made again, which is faster than keeping them."""
    asked = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = %s"
        if connection.vendor == "sqlite"
        else "SELECT i.indexname, i.indexdef FROM pg_indexes i LEFT JOIN pg_constraint c ON c.conname = i.indexname "
        "WHERE c.oid IS NULL AND i.schemaname = current_schema() AND i.tablename = %s"
    )
    dropped: list[Sequence[str]] = []
    for table in TABLES:
        cursor.execute(asked, [table])
        dropped += cursor.fetchall()
    for name, _ in dropped:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, statement in dropped:
        # An index of a partitioned table is described without its parts, but is to have them.
        cursor.execute(statement.replace(" ON ONLY ", " ON "))
