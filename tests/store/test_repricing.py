"""Re-pricing keeps rows and sums equal to the nano-dollar, whatever it is stopped by and whoever writes beside it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routerapp.engine.types import Price
from routerapp.models import AttemptRollup, AttemptRow, RequestRollup, RoutedRequest, RuleRollup, TotalRollup
from routerapp.store.ingest import ingest, rows_of
from routerapp.store.ledger import Entry
from routerapp.store.overview import overview
from routerapp.store.reports import Range
from routerapp.store.repricing import Scope, apply_prices, find_difference
from routerapp.store.rollups import (
    ATTEMPT_DIMENSIONS,
    REQUEST_DIMENSIONS,
    REQUEST_SUMS,
    RULE_DIMENSIONS,
    SUMS,
    TOTAL_DIMENSIONS,
)
from routerapp.store.spool import Position
from tests.store.examples import AT_MS, attempt, end

pytestmark = pytest.mark.django_db
DEAR, CHEAP = Price(10**9, 2 * 10**9, None, 0, "dear"), Price(3, 7, 1, AT_MS + 5_000, "cheap")
DAY = datetime.fromtimestamp(AT_MS / 1000, UTC).date().isoformat()


def record(number: int, costs: list[int | None]) -> None:
    """One request with an attempt for each cost, drained as the drainer does."""
    attempts = [
        attempt(number, place, cost_nusd=cost, price=None if cost is None else Price(1, 1))
        for place, cost in enumerate(costs, start=1)
    ]
    total = None if None in costs else sum(cost or 0 for cost in costs)
    ending = {"cost_nusd": total, "attempts": len(costs)}
    ingest(rows_of([Entry(Position(), 0.0, attempts=attempts, end=end(number, **ending))]), "boot", Position())


def scope(prices: tuple[Price, ...] = (DEAR, CHEAP), **more: Any) -> Scope:
    return Scope(**{"deployment": "gpt", "from_ms": AT_MS - 10**9, "to_ms": AT_MS + 10**9, "prices": prices} | more)


def nothing(progress: float) -> None:
    assert 0 <= progress < 1


def sums_in(table: Any, dimensions: tuple[str, ...], names: tuple[str, ...]) -> dict[Any, tuple[int, ...]]:
    return {row[: len(dimensions)]: row[len(dimensions) :] for row in table.objects.values_list(*dimensions, *names)}


def check_sums() -> None:
    """The rollups are what counting every row anew gives, and the overview adds up to the rows."""
    kept = {
        table: sums_in(table, dimensions, names)
        for table, dimensions, names in (
            (RequestRollup, REQUEST_DIMENSIONS, REQUEST_SUMS),
            (RuleRollup, RULE_DIMENSIONS, REQUEST_SUMS),
            (TotalRollup, TOTAL_DIMENSIONS, REQUEST_SUMS),
            (AttemptRollup, ATTEMPT_DIMENSIONS, SUMS),
        )
    }
    by_attempt: dict[str, int] = defaultdict(int)
    for row in AttemptRow.objects.all():
        by_attempt[row.request_id] += row.cost_nusd or 0
    for row in RoutedRequest.objects.exclude(cost_nusd=None):
        assert row.cost_nusd == by_attempt[row.id]
    for granularity in ("minute", "hour", "day"):
        attempts = AttemptRow.objects.values_list("cost_nusd", flat=True)
        found = [sums for where, sums in kept[AttemptRollup].items() if where[0] == granularity]
        assert sum(sums[SUMS.index("cost_nusd")] for sums in found) == sum(cost or 0 for cost in attempts)
        assert sum(sums[SUMS.index("unpriced_n")] for sums in found) == sum(cost is None for cost in attempts)
        requests = list(RoutedRequest.objects.values_list("cost_nusd", "baseline_cost_nusd"))
        sums_of = [
            dict(zip(REQUEST_SUMS, s, strict=True)) for w, s in kept[RequestRollup].items() if w[0] == granularity
        ]
        both = [(cost, base) for cost, base in requests if cost is not None and base is not None]
        wanted = {
            "cost_nusd": sum(cost or 0 for cost, _ in requests),
            "unpriced_n": sum(cost is None for cost, _ in requests),
            "baseline_n": len(both),
            "baseline_cost_nusd": sum(base for _, base in both),
            "baseline_actual_nusd": sum(cost for cost, _ in both),
            "n": len(requests),
        }
        assert {name: sum(one[name] for one in sums_of) for name in wanted} == wanted
    report = overview(Range(AT_MS - 86_400_000, AT_MS + 86_400_000))
    assert report.totals.cost_nusd == sum(cost or 0 for cost, _ in requests)
    assert sum(row.cost_nusd for row in report.models) == sum(cost or 0 for cost in attempts)


def test_costs_follow_the_price_that_was_in_force_and_every_sum_follows_them() -> None:
    record(1, [None])
    record(2, [500, 600])
    record(9, [700])
    found = apply_prices(scope(), nothing)

    costs = dict(AttemptRow.objects.values_list("at_ms", "cost_nusd"))
    tokens = AttemptRow.objects.first()
    assert tokens is not None
    assert costs[AT_MS + 1005] == (tokens.input_tokens or 0) * 1000 + (tokens.output_tokens or 0) * 2000
    assert AttemptRow.objects.get(at_ms=AT_MS + 9005).price_source == "cheap"
    assert (found.total("unpriced_before"), found.total("unpriced_after")) == (1, 0)
    assert found.days[DAY].changed == 4
    check_sums()


def test_the_difference_is_what_is_then_done_and_a_second_time_is_nothing() -> None:
    record(1, [None, 40])
    record(2, [500])
    told = find_difference(scope(), nothing)
    assert RoutedRequest.objects.filter(cost_nusd=None).count() == 1
    done = apply_prices(scope(), nothing)
    again = apply_prices(scope(), nothing)

    assert told == done
    assert (again.total("changed"), again.changed_requests) == (0, 0)
    assert again.total("old_nusd") == again.total("new_nusd") == done.total("new_nusd")


def test_only_the_deployment_and_the_time_that_were_asked_for_are_touched() -> None:
    record(1, [100])
    record(9, [100])
    found = apply_prices(scope(to_ms=AT_MS + 5_000), nothing)

    assert (found.requests, AttemptRow.objects.get(at_ms=AT_MS + 9005).cost_nusd) == (1, 100)
    assert apply_prices(scope(deployment="other"), nothing).requests == 0
    check_sums()


def test_what_was_written_to_a_prompt_cache_is_priced_as_such() -> None:
    record(1, [100])
    AttemptRow.objects.update(cached_tokens=100, cache_write_tokens=200)
    price = Price(10**9, 2 * 10**9, 10**8, 0, "dear", cache_write_nusd_per_mtok=125 * 10**7)
    apply_prices(scope(prices=(price,)), nothing)

    row = AttemptRow.objects.get()
    assert (row.input_tokens, row.output_tokens, row.cache_write_nusd_per_mtok) == (400, 101, 1_250_000_000)
    assert row.cost_nusd == 100 * 1_000 + 100 * 100 + 200 * 1_250 + 101 * 2_000
    check_sums()


def test_a_time_without_a_price_is_unpriced_not_free() -> None:
    record(1, [100])
    apply_prices(scope(prices=(CHEAP,)), nothing)

    assert AttemptRow.objects.get().cost_nusd is None
    assert RoutedRequest.objects.get().cost_nusd is None
    check_sums()


def test_nothing_used_costs_nothing_and_unknown_tokens_stay() -> None:
    record(1, [0])
    record(2, [None])
    AttemptRow.objects.filter(at_ms=AT_MS + 1005).update(input_tokens=0, output_tokens=0)
    AttemptRow.objects.filter(at_ms=AT_MS + 2005).update(input_tokens=None)
    found = apply_prices(scope(), nothing)

    assert found.unknown_usage == 1
    assert AttemptRow.objects.get(at_ms=AT_MS + 1005).cost_nusd == 0
    assert AttemptRow.objects.get(at_ms=AT_MS + 2005).cost_nusd is None


def test_the_baseline_stays_as_it_was_decided() -> None:
    record(1, [None])
    before = RoutedRequest.objects.get().baseline_cost_nusd
    apply_prices(scope(), nothing)

    assert RoutedRequest.objects.get().baseline_cost_nusd == before


class Stop(Exception):
    pass


def test_stopped_half_way_it_leaves_rows_and_sums_equal_and_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("routerapp.store.repricing.REQUESTS_PER_TRANSACTION", 2)
    for number in range(7):
        record(number, [100])
    batches = []

    def stop(progress: float) -> None:
        batches.append(progress)
        if len(batches) == 2:
            raise Stop

    with pytest.raises(Stop):
        apply_prices(scope(), stop)
    assert AttemptRow.objects.exclude(cost_nusd=100).count() == 4
    check_sums()
    assert apply_prices(scope(), nothing).total("changed") == 3
    check_sums()


def test_what_a_drainer_writes_beside_it_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerapp.store.repricing.REQUESTS_PER_TRANSACTION", 1)
    for number in range(3):
        record(number, [100])
    new = iter(range(20, 23))
    apply_prices(scope(), lambda progress: record(number, [100]) if (number := next(new, None)) else None)

    check_sums()


def test_sums_compacted_away_are_not_made_again() -> None:
    record(1, [100])
    AttemptRollup.objects.filter(granularity="minute").delete()
    RequestRollup.objects.filter(granularity="minute").delete()
    apply_prices(scope(), nothing)

    assert not AttemptRollup.objects.filter(granularity="minute").exists()
    assert AttemptRollup.objects.get(granularity="day").cost_nusd == AttemptRow.objects.get().cost_nusd


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 9_000)), max_size=3),
)
def test_whatever_was_recorded_and_whatever_the_prices_rows_and_sums_agree(
    requests: list[list[int | None]], prices: list[tuple[int, int, int]]
) -> None:
    with connection.cursor() as cursor:
        for table in ("routed_request", "attempt", "request_rollup", "rule_rollup", "total_rollup", "attempt_rollup"):
            cursor.execute(f"DELETE FROM {table}")
    for number, costs in enumerate(requests):
        record(number, costs)
    history = tuple(Price(i, o, None, AT_MS + at) for i, o, at in sorted(prices, key=lambda price: price[2]))
    apply_prices(scope(history), nothing)

    check_sums()
    assert apply_prices(scope(history), nothing).total("changed") == 0
