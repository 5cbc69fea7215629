"""Adds up rollups of one range, grouped as asked. Sums and sketches in the database, integers only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections
from django.db.models import Min

from routerapp.models import Granularity, RequestRollup
from routerapp.store.reports import Range
from routerapp.store.rollups import REQUEST_SUMS, SUMS, period_start

Group = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One rollup table: its sums, and which columns may be grouped or filtered by."""

    table: str
    sums: tuple[str, ...]


REQUESTS = Source("request_rollup", REQUEST_SUMS)
ATTEMPTS = Source("attempt_rollup", SUMS)


@dataclass(frozen=True, slots=True)
class Query:
    """step_ms is the length of a point on the time axis, a multiple of the range's granularity."""

    source: Source
    range: Range
    origins: tuple[str, ...]
    columns: Mapping[str, str]
    step_ms: int = 1
    using: str = "default"

    def period(self, alias: str = "r") -> str:
        """SQL for the start of a row's point, counted from the range's first period."""
        first = self.range.first_period_ms
        return f"({first} + (({alias}.starts_at_ms - {first}) / {self.step_ms}) * {self.step_ms})"

    def where(self) -> tuple[str, list[Any]]:
        origins = ", ".join(["%s"] * len(self.origins))
        wanted = f"r.granularity = %s AND r.starts_at_ms >= %s AND r.starts_at_ms < %s AND r.origin IN ({origins})"
        values = [self.range.granularity, self.range.first_period_ms, self.range.ends_at_ms, *self.origins]
        for column, value in self.columns.items():
            wanted += f" AND r.{column} = %s"
            values.append(value)
        return wanted, values


def sums(query: Query, group: Sequence[str]) -> dict[Group, dict[str, int]]:
    """Group values -> sum per column. "period" in group stands for the point on the time axis."""
    wanted, values = query.where()
    expressions = _expressions(query, group)
    added = ", ".join(f"SUM(r.{name})" for name in query.source.sums)
    rows = _rows(
        query,
        f"SELECT {', '.join([*expressions, added])} FROM {query.source.table} r WHERE {wanted} "
        f"GROUP BY {', '.join(expressions)}",
        values,
    )
    width = len(group)
    return {row[:width]: dict(zip(query.source.sums, map(int, row[width:]), strict=True)) for row in rows}


def sketches(query: Query, group: Sequence[str], statuses: Sequence[str] = ("ok",)) -> dict[Group, dict[int, int]]:
    """(group values, metric) -> bucket -> n, over requests or attempts with these statuses."""
    wanted, values = query.where()
    expressions = _expressions(query, group)
    keys = ", ".join([*expressions, "s.metric", "s.bucket"])
    places = ", ".join(["%s"] * len(statuses))
    rows = _rows(
        query,
        f"SELECT {keys}, SUM(s.n) FROM {query.source.table} r JOIN sketch_bucket s ON s.rollup_id = r.id "
        f"WHERE {wanted} AND r.status IN ({places}) GROUP BY {keys}",
        [*values, *statuses],
    )
    found: dict[Group, dict[int, int]] = defaultdict(dict)
    for *where, bucket, n in rows:
        found[tuple(where)][bucket] = int(n)
    return found


def as_kept(span: Range, using: str = "default") -> Range:
    """The range with its finest granularity: where minutes (or hours) are compacted away, the next coarser one."""
    for finer, coarser in ((Granularity.MINUTE, Granularity.HOUR), (Granularity.HOUR, Granularity.DAY)):
        if span.granularity == finer and _is_compacted(span, finer, coarser, using):
            span = replace(span, finest=coarser.value)
    return span


def _is_compacted(span: Range, finer: Granularity, coarser: Granularity, using: str) -> bool:
    """Whether rollups of the finer granularity are gone within span though the coarser one has them."""
    first = {
        granularity: RequestRollup.objects.using(using)
        .filter(granularity=granularity)
        .aggregate(starts_at_ms=Min("starts_at_ms"))["starts_at_ms"]
        for granularity in (finer, coarser)
    }
    if first[coarser] is None:
        return False
    gone_before = span.ends_at_ms if first[finer] is None else period_start(first[finer], coarser)
    return bool(span.starts_at_ms < gone_before and first[coarser] < gone_before)


def _expressions(query: Query, group: Sequence[str]) -> list[str]:
    return [query.period() if name == "period" else f"r.{name}" for name in group]


def _rows(query: Query, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connections[query.using].cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
