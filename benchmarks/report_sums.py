"""Adds invented traffic up as the drainer would, one minute after the other: far faster, and with the same ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from routerapp.store.rollups import ATTEMPTS, LENGTH_MS, REQUESTS, RULES, TOTALS, Table, dimension_id
from routerapp.store.sketches import merged, pack_sketch

Rows = dict[str, list[tuple[Any, ...]]]


class Sums:
    """Of one period: dimensions -> sums, and dimensions -> samples per bucket of latency and time to first token."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], list[int]] = {}
        self.samples: dict[tuple[Any, ...], tuple[dict[int, int], dict[int, int]]] = {}

    def add(self, dimensions: tuple[Any, ...], sums: Sequence[int], latency: int | None, ttft: int | None) -> None:
        row = self.rows.get(dimensions)
        if row is None:
            self.rows[dimensions] = list(sums)
        else:
            for place, number in enumerate(sums):
                if number:
                    row[place] += number
        counts = self.samples.setdefault(dimensions, ({}, {}))
        for bucket, count in zip((latency, ttft), counts, strict=True):
            if bucket is not None:
                count[bucket] = count.get(bucket, 0) + 1

    def merge(
        self, other: Sums, of: Callable[[tuple[Any, ...]], tuple[Any, ...]] = lambda dimensions: dimensions
    ) -> None:
        """of: what of the other's dimensions counts here."""
        for dimensions, sums in other.rows.items():
            self.add(of(dimensions), sums, None, None)
        for dimensions, counts in other.samples.items():
            mine = self.samples[of(dimensions)]
            self.samples[of(dimensions)] = (merged((mine[0], counts[0])), merged((mine[1], counts[1])))

    def write(self, table: Table, granularity: str, starts_at_ms: int, into: Rows) -> None:
        for dimensions, sums in self.rows.items():
            row_id = dimension_id(table.kind, granularity, starts_at_ms, *dimensions)
            sketches = map(pack_sketch, self.samples[dimensions] if table.sketches else ())
            into[table.name].append((row_id, granularity, starts_at_ms, *dimensions, *sums, *sketches))


def rule_of(dimensions: tuple[Any, ...]) -> tuple[Any, ...]:
    """origin, policy, version, rule and status of the dimensions of a request rollup."""
    return (*dimensions[:4], dimensions[-1])


def total_of(dimensions: tuple[Any, ...]) -> tuple[Any, ...]:
    return dimensions[0], dimensions[-1]


class Periods:
    """The running minute, hour and day, each as (requests, attempts). What is added to the minute reaches the others when it ends."""

    def __init__(self) -> None:
        self._running = {granularity: (Sums(), Sums()) for granularity in LENGTH_MS}

    @property
    def running_minute(self) -> tuple[Sums, Sums]:
        return self._running["minute"]

    def end(self, granularity: str, starts_at_ms: int, into: Rows) -> None:
        """Write the period that is over, add it to the next coarser one and begin anew."""
        requests, attempts = self._running[granularity]
        rules, totals = Sums(), Sums()
        rules.merge(requests, rule_of)
        totals.merge(requests, total_of)
        for table, sums in ((REQUESTS, requests), (RULES, rules), (TOTALS, totals), (ATTEMPTS, attempts)):
            sums.write(table, granularity, starts_at_ms, into)
        coarser = {"minute": "hour", "hour": "day"}.get(granularity)
        if coarser:
            for whole, part in zip(self._running[coarser], (requests, attempts), strict=True):
                whole.merge(part)
        self._running[granularity] = (Sums(), Sums())
