"""Sums per minute, hour and day, added up in the transaction that inserts the rows they count. Integers only.

A rollup row is found by the hash of its dimensions, so that one upsert adds to it; sketches hang on it as buckets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db.backends.utils import CursorWrapper

from routerapp.models import Granularity, Status
from routerapp.store.copying import copy_sums, prepare_copies
from routerapp.store.facts import AttemptFact, RequestFact
from routerapp.store.sketches import bucket_of

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
ROLLUP_TABLES = ("request_rollup", "attempt_rollup", "sketch_bucket")


def dimension_id(*dimensions: object) -> int:
    """63 bits of blake2b: the primary key of a rollup, the same in every process and on every database."""
    digest = hashlib.blake2b(msgspec.json.encode(dimensions), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def period_start(at_ms: int, granularity: str) -> int:
    return at_ms - at_ms % LENGTH_MS[granularity]


class Increments:
    """What one transaction adds. Each request and attempt must be added exactly once: only newly inserted rows."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Any, ...], list[int]] = {}
        self._attempts: dict[tuple[Any, ...], list[int]] = {}
        self._sketches: dict[tuple[int, str, int], int] = {}

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
        dimensions = (
            fact.origin,
            fact.policy,
            fact.policy_version,
            fact.rule,
            fact.key,
            fact.team,
            fact.task,
            fact.language_model,
            fact.status,
        )
        samples = (("latency", fact.latency_ms), ("ttft", fact.ttft_ms))
        self._add("request", self._requests, fact.at_ms, dimensions, tuple(n * times for n in sums), samples, times)

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
        samples = (("latency", fact.latency_ms), ("ttft", fact.ttft_ms))
        self._add("attempt", self._attempts, fact.at_ms, dimensions, tuple(n * times for n in sums), samples, times)

    def write(self, cursor: CursorWrapper) -> None:
        """Upsert everything; sorted by id, so that two drainers of one database cannot deadlock."""
        if cursor.db.vendor == "postgresql":
            prepare_copies(cursor, ROLLUP_TABLES)
        _upsert(cursor, "request_rollup", ("id", *REQUEST_DIMENSIONS), REQUEST_SUMS, self._requests)
        _upsert(cursor, "attempt_rollup", ("id", *ATTEMPT_DIMENSIONS), SUMS, self._attempts)
        buckets = {(dimension_id("sketch", *where), *where): [n] for where, n in self._sketches.items()}
        _upsert(cursor, "sketch_bucket", ("id", "rollup_id", "metric", "bucket"), ("n",), buckets)

    def adjust(self, cursor: CursorWrapper) -> None:
        """Adds what differs to the sums that are there; periods that were compacted away stay away. Sketches are not touched."""
        _adjust(cursor, "request_rollup", REQUEST_SUMS, self._requests)
        _adjust(cursor, "attempt_rollup", SUMS, self._attempts)

    def _add(
        self,
        kind: str,
        table: dict[tuple[Any, ...], list[int]],
        at_ms: int,
        dimensions: tuple[Any, ...],
        sums: tuple[int, ...],
        samples: tuple[tuple[str, int | None], ...],
        times: int,
    ) -> None:
        buckets = [(metric, bucket_of(value)) for metric, value in samples if value is not None]
        for granularity in LENGTH_MS:
            period = (granularity, period_start(at_ms, granularity))
            rollup_id = dimension_id(kind, *period, *dimensions)
            row = table.setdefault((rollup_id, *period, *dimensions), [0] * len(sums))
            for place, number in enumerate(sums):
                row[place] += number
            for metric, bucket in buckets:
                where = (rollup_id, metric, bucket)
                self._sketches[where] = self._sketches.get(where, 0) + times


def _upsert(
    cursor: CursorWrapper,
    table: str,
    dimensions: Sequence[str],
    sums: Sequence[str],
    rows: Mapping[tuple[Any, ...], list[int]],
) -> None:
    if not rows:
        return
    columns = (*dimensions, *sums)
    if cursor.db.vendor == "postgresql":
        copy_sums(cursor, table, columns, sums, ((*where, *numbers) for where, numbers in rows.items()))
        return
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    cursor.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT (id) DO UPDATE SET {added}",
        [(*where, *rows[where]) for where in sorted(rows)],
    )


def _adjust(cursor: CursorWrapper, table: str, sums: Sequence[str], rows: Mapping[tuple[Any, ...], list[int]]) -> None:
    added = ", ".join(f"{name} = {name} + %s" for name in sums)
    moved = sorted((where[0], numbers) for where, numbers in rows.items() if any(numbers))
    if moved:
        cursor.executemany(
            f"UPDATE {table} SET {added} WHERE id = %s", [(*numbers, rollup_id) for rollup_id, numbers in moved]
        )
