"""Adds up rollups of one range, grouped as asked. Sums and sketches in the database, integers only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connections

from routerapp.store.grains import DAY, GRAINS, Piece, finest_kept, pieces
from routerapp.store.reports import Range
from routerapp.store.rollups import LENGTH_MS, SKETCHES, Table
from routerapp.store.sketches import merge_packed

METRICS = ("latency", "ttft")
Group = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """step_ms is the length of a point on the time axis, a multiple of the range's granularity. kept: see grains.py."""

    table: Table
    range: Range
    origins: tuple[str, ...]
    columns: Mapping[str, str]
    step_ms: int = 1
    using: str = "default"
    kept: Mapping[str, int] = field(default_factory=dict)

    def period(self) -> str:
        """SQL for the start of a row's point, counted from the range's first period."""
        first = self.range.first_period_ms
        return f"({first} + ((r.starts_at_ms - {first}) / {self.step_ms}) * {self.step_ms})"

    def pieces(self, group: Sequence[str]) -> tuple[Piece, ...]:
        """A point on the time axis is no shorter than its rollups; without one the range's own length decides."""
        coarsest = DAY
        if "period" in group:
            coarsest = [grain for grain in GRAINS if self.step_ms % LENGTH_MS[grain] == 0][-1]
        return pieces(self.range.starts_at_ms, self.range.ends_at_ms, coarsest, self.kept)

    def where(self, piece: Piece) -> tuple[str, list[Any]]:
        origins = ", ".join(["%s"] * len(self.origins))
        wanted = f"r.granularity = %s AND r.starts_at_ms >= %s AND r.starts_at_ms < %s AND r.origin IN ({origins})"
        values = [*piece, *self.origins]
        for column, value in self.columns.items():
            wanted += f" AND r.{column} = %s"
            values.append(value)
        return wanted, values


def sums(query: Query, group: Sequence[str]) -> dict[Group, dict[str, int]]:
    """Group values -> sum per column. "period" in group stands for the point on the time axis."""
    width, names = len(group), query.table.sums
    keys = ", ".join(f"g{place}" for place in range(width))
    totals = ", ".join(f"SUM({name})" for name in names)
    rows = _rows(query, group, names, "", f"SELECT {keys}, {totals} FROM ({{}}) pieces GROUP BY {keys}")
    return {row[:width]: dict(zip(names, map(int, row[width:]), strict=True)) for row in rows}


def sketches(query: Query, group: Sequence[str], metrics: Sequence[str] = METRICS) -> dict[Group, dict[int, int]]:
    """(group values, metric) -> bucket -> n, over the requests or attempts that succeeded."""
    found: dict[Group, list[bytes]] = defaultdict(list)
    width = len(group)
    columns = [SKETCHES[METRICS.index(metric)] for metric in metrics]
    for row in _rows(query, group, columns, " AND r.status = 'ok'", "{}"):
        for metric, packed in zip(metrics, row[width:], strict=True):
            if packed:
                found[(*row[:width], metric)].append(packed)
    return {where: merge_packed(sketches) for where, sketches in found.items()}


def as_kept(span: Range, kept: Mapping[str, int]) -> Range:
    """The range with the finest granularity whose rollups are there from its start."""
    return replace(span, finest=finest_kept(span.starts_at_ms, kept))


def _rows(
    query: Query, group: Sequence[str], columns: Sequence[str], condition: str, outer: str
) -> list[tuple[Any, ...]]:
    """One select per piece of the range, so that each is one stretch of the index. outer: a query around them all."""
    arms, values = [], []
    for piece in query.pieces(group):
        wanted, arguments = query.where(piece)
        keys = [f"{_expression(query, name)} AS g{place}" for place, name in enumerate(group)]
        arms.append(f"SELECT {', '.join([*keys, *columns])} FROM {query.table.name} r WHERE {wanted}{condition}")
        values += arguments
    with connections[query.using].cursor() as cursor:
        cursor.execute(outer.format(" UNION ALL ".join(arms)), values)
        return list(cursor.fetchall())


def _expression(query: Query, name: str) -> str:
    if name == "period":
        return query.period()
    return f"r.{name}"
