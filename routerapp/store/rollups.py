"""Sums per minute, hour and day, added up in the transaction that inserts the rows they count. Integers only.

A rollup row is found by the hash of its dimensions, so that one upsert adds to it. A late row's
own time says which minute, hour and day it adds to; where those minutes were dropped already, the hour and the day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db.backends.utils import CursorWrapper

from routerapp.models import Granularity, Status
from routerapp.store.copying import copy_sums, prepare_copies
from routerapp.store.facts import AttemptFact, RequestFact
from routerapp.store.sketches import bucket_of, merged, pack_sketch, unpack_sketch

MINUTE_MS = 60_000
LENGTH_MS: Mapping[str, int] = {
    Granularity.MINUTE.value: MINUTE_MS,
    Granularity.HOUR.value: 60 * MINUTE_MS,
    Granularity.DAY.value: 24 * 60 * MINUTE_MS,
}
UNANSWERED = frozenset(
    {Status.REFUSED_POLICY, Status.REFUSED_LIMIT, Status.REFUSED_BUDGET, Status.NO_CANDIDATE, Status.INVALID}
)
REQUEST_DIMENSIONS = (
    "granularity",
    "starts_at_ms",
    "origin",
    "policy",
    "policy_version",
    "rule",
    "key",
    "team",
    "task",
    "language_model",
    "status",
)
TOTAL_DIMENSIONS = ("granularity", "starts_at_ms", "origin", "status")
RULE_DIMENSIONS = ("granularity", "starts_at_ms", "origin", "policy", "policy_version", "rule", "status")
ATTEMPT_DIMENSIONS = (
    "granularity",
    "starts_at_ms",
    "origin",
    "deployment",
    "language_model",
    "provider",
    "status",
    "error_class",
)
SKETCHES = ("latency_sketch", "ttft_sketch")
IDS_PER_STATEMENT = 1_000
SUMS = ("n", "unpriced_n", "estimated_n", "input_tokens", "output_tokens", "cost_nusd")
REQUEST_SUMS = (
    *SUMS,
    "baseline_n",
    "baseline_cost_nusd",
    "baseline_actual_nusd",
    "cache_hit_n",
    "saved_nusd",
    "moved_n",
    "lost_cache_tokens",
)


def dimension_id(*dimensions: object) -> int:
    """63 bits of blake2b: the primary key of a rollup, the same in every process and on every database."""
    digest = hashlib.blake2b(msgspec.json.encode(dimensions), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def period_start(at_ms: int, granularity: str) -> int:
    return at_ms - at_ms % LENGTH_MS[granularity]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """kind is part of the ids."""

    kind: str
    name: str
    dimensions: tuple[str, ...]
    sums: tuple[str, ...]
    sketches: tuple[str, ...] = SKETCHES


REQUESTS = Table("request", "request_rollup", REQUEST_DIMENSIONS, REQUEST_SUMS)
RULES = Table("rule", "rule_rollup", RULE_DIMENSIONS, REQUEST_SUMS, ())
TOTALS = Table("total", "total_rollup", TOTAL_DIMENSIONS, REQUEST_SUMS)
ATTEMPTS = Table("attempt", "attempt_rollup", ATTEMPT_DIMENSIONS, SUMS)
TABLES = (REQUESTS, RULES, TOTALS, ATTEMPTS)


class _Row:
    """A rollup's id and what is added to it: sums in the table's order, and samples per bucket of each metric."""

    __slots__ = ("id", "samples", "sums")

    def __init__(self, row_id: int, sums: int, sketches: int) -> None:
        self.id = row_id
        self.sums = [0] * sums
        self.samples: tuple[dict[int, int], ...] = tuple({} for _ in range(sketches))


class Increments:
    """What one transaction adds. Each request and attempt must be added exactly once: only newly inserted rows."""

    def __init__(self) -> None:
        self._rows: dict[Table, dict[tuple[Any, ...], _Row]] = {table: {} for table in TABLES}

    def add_request(self, fact: RequestFact, times: int = 1) -> None:
        """times -1 takes it out again."""
        cost, baseline = fact.cost_nusd, fact.baseline_cost_nusd
        has_baseline = cost is not None and baseline is not None
        sums = (
            1,
            int(cost is None and fact.status not in UNANSWERED),
            int(fact.is_usage_estimated),
            fact.input_tokens or 0,
            fact.output_tokens or 0,
            cost or 0,
            int(has_baseline),
            (baseline or 0) if has_baseline else 0,
            (cost or 0) if has_baseline else 0,
            int(fact.cache == "hit"),
            fact.saved_nusd or 0,
            int(fact.lost_cache_tokens is not None),
            fact.lost_cache_tokens or 0,
        )
        decided = (fact.origin, fact.policy, fact.policy_version, fact.rule)
        asked = (fact.key, fact.team, fact.task, fact.language_model)
        samples = (fact.latency_ms, fact.ttft_ms)
        self._add(REQUESTS, fact.at_ms, (*decided, *asked, fact.status), sums, samples, times)
        self._add(RULES, fact.at_ms, (*decided, fact.status), sums, (), times)
        self._add(TOTALS, fact.at_ms, (fact.origin, fact.status), sums, samples, times)

    def add_attempt(self, fact: AttemptFact, origin: str, times: int = 1) -> None:
        sums = (
            1,
            int(fact.cost_nusd is None),
            int(fact.is_usage_estimated),
            fact.input_tokens or 0,
            fact.output_tokens or 0,
            fact.cost_nusd or 0,
        )
        dimensions = (origin, fact.deployment, fact.language_model, fact.provider, fact.status, fact.error_class)
        samples = (fact.latency_ms, fact.ttft_ms)
        self._add(ATTEMPTS, fact.at_ms, dimensions, sums, samples, times)

    def write(self, cursor: CursorWrapper) -> None:
        """Upsert everything, sorted by id, so that two drainers of one database cannot deadlock."""
        if cursor.db.vendor == "postgresql":
            prepare_copies(cursor, [table.name for table in TABLES])
        cursor.execute("SELECT granularity, kept_from_ms FROM rollup_horizon")
        kept_from_ms = dict(cursor.fetchall())
        for table, added in self._rows.items():
            rows = {row.id: (where, row) for where, row in added.items() if where[1] >= kept_from_ms.get(where[0], 0)}
            if rows:
                _upsert(cursor, table, rows)
                _merge_sketches(cursor, table, {row_id: row for row_id, (_, row) in rows.items()})

    def adjust(self, cursor: CursorWrapper) -> None:
        """Adds what differs to the sums that are there; periods that were compacted away stay away. Sketches are not touched."""
        for table, rows in self._rows.items():
            _adjust(cursor, table, rows.values())

    def _add(
        self,
        table: Table,
        at_ms: int,
        dimensions: tuple[Any, ...],
        sums: tuple[int, ...],
        samples: tuple[int | None, ...],
        times: int,
    ) -> None:
        rows = self._rows[table]
        buckets = [None if value is None else bucket_of(value) for value in samples]
        for granularity, length_ms in LENGTH_MS.items():
            where = (granularity, at_ms - at_ms % length_ms, *dimensions)
            row = rows.get(where)
            if row is None:
                row = rows[where] = _Row(dimension_id(table.kind, *where), len(sums), len(table.sketches))
            for place, number in enumerate(sums):
                row.sums[place] += number * times
            for counts, bucket in zip(row.samples, buckets, strict=True):
                if bucket is not None:
                    counts[bucket] = counts.get(bucket, 0) + times


def _upsert(cursor: CursorWrapper, table: Table, rows: Mapping[int, tuple[tuple[Any, ...], _Row]]) -> None:
    """A new row has its sketches at once; those of a row that is there are merged afterwards."""
    names = ("id", *table.dimensions, *table.sums, *table.sketches)
    values = [
        (row_id, *where, *row.sums, *map(pack_sketch, row.samples)) for row_id, (where, row) in sorted(rows.items())
    ]
    if cursor.db.vendor == "postgresql":
        copy_sums(cursor, table.name, names, table.sums, values)
        return
    added = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in table.sums)
    cursor.executemany(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "
        f"ON CONFLICT (id) DO UPDATE SET {added}",
        values,
    )


def _merge_sketches(cursor: CursorWrapper, table: Table, rows: Mapping[int, _Row]) -> None:
    """Into the rows that were there before: the upsert has locked them, and they count more than what was added."""
    ids = sorted(rows) if table.sketches else []
    merges = []
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        part = ids[start : start + IDS_PER_STATEMENT]
        places = ", ".join(["%s"] * len(part))
        cursor.execute(f"SELECT id, n, {', '.join(SKETCHES)} FROM {table.name} WHERE id IN ({places})", part)
        for row_id, n, *stored in cursor.fetchall():
            if n != rows[row_id].sums[0] and any(rows[row_id].samples):
                both = zip(map(unpack_sketch, stored), rows[row_id].samples, strict=True)
                merges.append((*(pack_sketch(merged(two)) for two in both), row_id))
    if merges:
        changed = ", ".join(f"{name} = %s" for name in SKETCHES)
        cursor.executemany(f"UPDATE {table.name} SET {changed} WHERE id = %s", merges)


def _adjust(cursor: CursorWrapper, table: Table, rows: Iterable[_Row]) -> None:
    added = ", ".join(f"{name} = {name} + %s" for name in table.sums)
    moved = sorted((row.id, row.sums) for row in rows if any(row.sums))
    if moved:
        cursor.executemany(
            f"UPDATE {table.name} SET {added} WHERE id = %s", [(*sums, row_id) for row_id, sums in moved]
        )
