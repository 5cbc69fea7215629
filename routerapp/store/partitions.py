"""Partitions of the request tables on PostgreSQL: made when a request's period is first written to, dropped whole when it is over its time.

A request's id begins with its millisecond, so the range of ids is the range of time. A row of no known period, or one that comes while
its partition cannot be made, goes into the table's default partition: none is refused. Other databases have none of this.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.db import DatabaseError, connections, transaction
from django.db.models import Model, Q

from routerapp.models import AttemptRow, Body, DecisionInputs, DecisionTrace, RoutedRequest

log = logging.getLogger(__name__)

MONTH, DAY = "month", "day"
# Inputs, traces and bodies are large and go early; requests and attempts are read across all of their partitions.
PERIODS: Mapping[str, str] = {
    RoutedRequest._meta.db_table: MONTH,
    AttemptRow._meta.db_table: MONTH,
    DecisionInputs._meta.db_table: DAY,
    DecisionTrace._meta.db_table: DAY,
    Body._meta.db_table: DAY,
}
KEYS: Mapping[str, str] = {table: "id" if period == MONTH else "request_id" for table, period in PERIODS.items()}
# Ids are made by this product; what claims to be older or from the future has no partition of its own.
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=2)
DAY_MS = 86_400_000
LOCK_MS = 500
# Any number of our own: one maker of partitions at a time in a database.
ADVISORY_LOCK = 0x5167_0001
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")


@dataclass(frozen=True, slots=True)
class Partition:
    """Of one table; the ids in it are at least first_id and less than end_id."""

    table: str
    starts_at: datetime

    @property
    def ends_at(self) -> datetime:
        if PERIODS[self.table] == DAY:
            return self.starts_at + timedelta(days=1)
        return (self.starts_at + timedelta(days=31)).replace(day=1)

    @property
    def name(self) -> str:
        form = "%Y%m%d" if PERIODS[self.table] == DAY else "%Y%m"
        return f"{self.table}_p{self.starts_at.strftime(form)}"

    @property
    def first_id(self) -> str:
        return _id_of(self.starts_at)

    @property
    def end_id(self) -> str:
        return _id_of(self.ends_at)

    @property
    def end_ms(self) -> int:
        return int(self.ends_at.timestamp() * 1000)

    def holds(self, column: str) -> Q:
        return Q(**{f"{column}__gte": self.first_id, f"{column}__lt": self.end_id})


def make_partitions(ids: Iterable[str], using: str = "default", now: datetime | None = None) -> None:
    """For these requests, and for those of the next days. Never raises for a partition that cannot be made now: rows go elsewhere."""
    if connections[using].vendor != "postgresql":
        return
    now = now or datetime.now(UTC)
    wanted = {day for day in map(_day_of, ids) if day is not None and FIRST <= day <= now + AHEAD}
    wanted |= {now.replace(hour=0, minute=0, second=0, microsecond=0), _midnight(now + timedelta(days=1))}
    made = _made(using)
    missing = {_of(table, day) for table in PERIODS for day in wanted} - made
    for partition in sorted(missing, key=lambda one: one.name):
        try:
            _make(partition, using)
        except DatabaseError as error:
            log.warning(
                "The partition %s cannot be made now (%s); its rows are kept in the default one.", partition.name, error
            )
            return
        made.add(partition)


def forget_made(using: str = "default") -> None:
    """Somebody dropped partitions: look anew."""
    _made(using).clear()


def is_partitioned(model: type[Model]) -> bool:
    """Where partitions are at all."""
    return model._meta.db_table in PERIODS


def list_partitions(table: str, using: str = "default") -> Iterator[Partition]:
    """Oldest first; the default one left out. None on other databases."""
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.oid = to_regclass(%s) ORDER BY 1",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        digits = name.removeprefix(f"{table}_p")
        if digits.isdecimal() and len(digits) in (6, 8):
            yield Partition(
                table, datetime.strptime(digits.ljust(8, "0")[:6] + (digits[6:] or "01"), "%Y%m%d").replace(tzinfo=UTC)
            )


def drop_partitions(partitions: Iterable[Partition], using: str = "default") -> bool:
    """All in one short transaction; False when somebody reads them just now, which loses nothing but time."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            _be_quick(cursor)
            for partition in partitions:
                table_part = partition.name
                cursor.execute(f"DROP TABLE IF EXISTS {table_part}")
    except DatabaseError as error:
        log.warning("Old partitions cannot be dropped now (%s); their rows are deleted instead.", error)
        return False
    forget_made(using)
    return True


@lru_cache(maxsize=8)
def _made(using: str) -> set[Partition]:
    """What this process knows to be there. Where it errs, rows go to the default partition."""
    return set()


def _make(partition: Partition, using: str) -> None:
    table, table_key, table_part = partition.table, KEYS[partition.table], partition.name
    bounds = [partition.first_id, partition.end_id]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        _be_quick(cursor)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [partition.name])
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"CREATE TABLE {table_part} (LIKE {table} INCLUDING ALL)")
        # Nobody may write to the default partition while it is looked through for rows that belong here.
        cursor.execute(f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE")
        cursor.execute(f"LOCK TABLE {table}_other IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {table}_other WHERE {table_key} >= %s AND {table_key} < %s RETURNING *) "
            f"INSERT INTO {table_part} SELECT * FROM moved",
            bounds,
        )
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {table_part} FOR VALUES FROM (%s) TO (%s)", bounds)


def _be_quick(cursor: object) -> None:
    """Whoever waits for a table's lock holds up everybody behind them."""
    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")  # type: ignore[attr-defined]


def _of(table: str, day: datetime) -> Partition:
    return Partition(table, day if PERIODS[table] == DAY else day.replace(day=1))


def _day_of(request_id: str) -> datetime | None:
    """The UTC day an id was made on; None for one that is none of ours."""
    if not _ID.match(request_id):
        return None
    return _day(int(request_id[:8] + request_id[9:13], 16) // DAY_MS)


@lru_cache(maxsize=1024)
def _day(number: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(number * DAY_MS / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _id_of(at: datetime) -> str:
    """The least id made at this instant or later, cut after its time."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
