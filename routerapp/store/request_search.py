"""Finds one page of recorded requests in bounded time, however many rows there are and however few match.

A page is read along a lane: an index in the order asked for, of all requests or of those with one value of one filter. The other filters
are held against what is met there, stretch after stretch, until the page is full or the time is up; then the answer says how far it
looked. Of several lanes it takes the one whose next entries reach furthest back: there the fewest are met in vain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, BooleanField, ExpressionWrapper, F, Func, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from routerapp.models import Origin, RoutedRequest

AT, COST, ID = "at_ms", "cost_nusd", "id"
# Columns with an index (column, newest first), and the one value that an index leaves out because most rows have it.
LANES: Mapping[str, str | None] = {
    **dict.fromkeys(("status", "language_model", "policy", "rule", "key", "team", "task")),
    "origin": Origin.LIVE.value,
    "cache": "",
}
# Each value of a filter is a lane's own track; a filter with more values is only held against what is met.
MOST_TRACKS = 10
FIRST_STRETCH, LONGEST_STRETCH = 2_000, 64_000
# So few rows are sorted outright.
SORTED_OUTRIGHT = 10_000
SEARCH_SECONDS = 0.2
# A stretch that took no longer is followed by one of twice the length.
QUICK_SECONDS = 0.03


class Place(NamedTuple):
    """Where a page begins: after the row with this value of the order's column and this id; after all of that value if id is empty."""

    value: int | str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """searched_to: where the search stopped because its time was up; None when it is complete."""

    rows: list[RoutedRequest]
    searched_to: Place | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """order: AT, COST or ID, greatest first. equal: column -> values it may have. ranges: column -> (least, less than), None is open."""

    order: str
    equal: Mapping[str, tuple[str, ...]]
    ranges: Mapping[str, tuple[Any, Any]]

    def find(self, after: Place | None, limit: int, monotonic: Callable[[], float] = time.monotonic) -> Found:
        """At most so many rows after a place."""
        if self.order == COST and (few := self._few()) is not None:
            return Found(few.sorted_rows(after, limit))
        lane = self._lane(after)
        if lane.is_exact:
            return Found(lane.rows(after, None, limit))
        rows: list[RoutedRequest] = []
        length, began = FIRST_STRETCH, monotonic()
        until = began + SEARCH_SECONDS
        while True:
            end = lane.reach(after, length)
            rows += lane.rows(after, end, limit - len(rows))
            if end is None or len(rows) >= limit:
                return Found(rows)
            after, now = Place(end), monotonic()
            took, began = now - began, now
            if took < QUICK_SECONDS:
                took, length = 2 * took, min(2 * length, LONGEST_STRETCH)
            if now + took > until:
                return Found(rows, after)

    def _lane(self, after: Place | None) -> Lane:
        whole = Lane(self, self.order)
        if self.order != AT or whole.is_exact:
            return whole
        lanes = self._lanes_of_time()
        if len(lanes) == 1 and lanes[0].is_exact:
            return lanes[0]
        reached = [(lane.reach(after, FIRST_STRETCH), lane) for lane in (whole, *lanes)]
        return min(reached, key=lambda pair: -1 if pair[0] is None else int(pair[0]))[1]

    def _few(self) -> Lane | None:
        """A lane of time with so few rows in all that sorting them is the shortest way to the dearest."""
        if not self.equal and AT not in self.ranges:
            return None
        lanes = [Lane(self, AT), *self._lanes_of_time()]
        return next((lane for lane in lanes if lane.reach(None, SORTED_OUTRIGHT) is None), None)

    def _lanes_of_time(self) -> list[Lane]:
        found = [(name, values) for name, values in self.equal.items() if name in LANES and len(values) <= MOST_TRACKS]
        return [Lane(self, AT, name) for name, values in found if LANES[name] not in values]


@dataclass(frozen=True, slots=True)
class Lane:
    """One index: of all rows in an order, or in order of time of those with a column's values, each a track of its own."""

    search: Search
    order: str
    column: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether every entry matches, so that a page costs no more than its rows."""
        return self.search.equal.keys() <= {self.column} and self.search.ranges.keys() <= {self.order}

    def reach(self, after: Place | None, entries: int) -> Any:
        """The order's value so many entries further on; None when there are fewer."""
        tracks = self._tracks(after)
        each = max(1, entries // len(tracks))
        ends: list[Any] = []
        for track in tracks:
            ends += track.order_by(f"-{self.order}").values_list(self.order, flat=True)[each : each + 1]
        return max(ends, default=None)

    def rows(self, after: Place | None, end: Any, limit: int) -> list[RoutedRequest]:
        """Matching rows after a place, down to end and with it."""
        found: list[RoutedRequest] = []
        for track in self._tracks(after, end):
            rows = _match(track, self)
            if after is not None and after.id:
                rows = rows.filter(Q(**{f"{self.order}__lt": after.value}) | Q(id__lt=after.id))
            found += rows.order_by(f"-{self.order}", "-id")[:limit]
        return _first(found, self.order, limit)

    def sorted_rows(self, after: Place | None, limit: int) -> list[RoutedRequest]:
        """The dearest of all matching rows, by sorting them."""
        found: list[RoutedRequest] = []
        for track in self._tracks():
            rows = _match(track, self).filter(cost_nusd__isnull=False)
            if after is not None:
                is_after = Q(any_cost_nusd__lt=after.value) | Q(any_cost_nusd=after.value, id__lt=after.id)
                rows = rows.filter(is_after)
            found += rows.order_by(f"-any_{COST}", "-id")[:limit]
        return _first(found, COST, limit)

    def _tracks(self, after: Place | None = None, end: Any = None) -> list[QuerySet[RoutedRequest]]:
        """Entries after a place, those of its value included if it has an id. One bound at each end: of two SQLite might take the wider
        one for the index."""
        least, less_than = self.search.ranges.get(self.order, (None, None))
        lower = [bound for bound in (least, end) if bound is not None]
        upper = [] if less_than is None else [less_than]
        if after is not None:
            upper.append(int(after.value) + 1 if after.id else after.value)
        rows = _within(RoutedRequest.objects.all(), self.order, max(lower, default=None), min(upper, default=None))
        if self.order == COST:
            rows = rows.filter(cost_nusd__isnull=False)
        if not self.column:
            return [rows]
        left_out = LANES[self.column]
        if left_out is not None:
            # Written out, not bound: SQLite takes such an index only for a condition it can read.
            is_other = f"NOT (%(expressions)s = '{left_out}')"
            rows = rows.filter(Func(F(self.column), template=is_other, output_field=BooleanField()))
        return [rows.filter(**{self.column: value}) for value in self.search.equal[self.column]]


def _match(rows: QuerySet[RoutedRequest], lane: Lane) -> QuerySet[RoutedRequest]:
    """What the lane does not see to by itself, written so that no database takes another index for it."""
    rows = rows.alias(any_at_ms=_same(AT), any_cost_nusd=_same(COST), any_id=Coalesce(F(ID), Value("")))
    for column, (least, less_than) in lane.search.ranges.items():
        if column != lane.order:
            rows = _within(rows, f"any_{column}", least, less_than)
    for column, values in lane.search.equal.items():
        if column != lane.column:
            rows = rows.alias(**{f"any_{column}": Coalesce(F(column), Value(""))}).filter(
                **{f"any_{column}__in": values}
            )
    return rows


def _same(column: str) -> Combinable:
    """Told to be of 64 bits: Django takes every sum for one of 32 where the database has such, and leaves out what cannot be in it."""
    return ExpressionWrapper(F(column) + 0, output_field=BigIntegerField())


def _within(rows: QuerySet[RoutedRequest], name: str, least: Any, less_than: Any) -> QuerySet[RoutedRequest]:
    bounds = {f"{name}__gte": least, f"{name}__lt": less_than}
    return rows.filter(**{lookup: bound for lookup, bound in bounds.items() if bound is not None})


def _first(rows: list[RoutedRequest], order: str, limit: int) -> list[RoutedRequest]:
    return sorted(rows, key=lambda row: (getattr(row, order), row.id), reverse=True)[:limit]
