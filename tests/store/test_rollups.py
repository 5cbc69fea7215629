import pytest
from django.db import connection

from routerapp.models import AttemptRollup, RequestRollup, RollupHorizon, TotalRollup
from routerapp.store.facts import attempt_fact, request_fact
from routerapp.store.rollups import Increments, dimension_id, period_start
from routerapp.store.sketches import bucket_of, unpack_sketch
from tests.store.examples import AT_MS, attempt, begin, end

pytestmark = pytest.mark.django_db


def write(increments: Increments) -> None:
    with connection.cursor() as cursor:
        increments.write(cursor)


def add_request(number: int, **changes) -> None:
    increments = Increments()
    increments.add_request(request_fact(begin(number), [], end(number, **changes)))
    write(increments)


def test_equal_dimensions_share_a_row_and_its_sums_grow() -> None:
    for number in (1, 2):
        add_request(number)
    day = RequestRollup.objects.get(granularity="day")

    assert (day.n, day.cost_nusd, day.baseline_n) == (2, 2_010_000 + 2_020_000, 2)
    assert day.baseline_cost_nusd == 3 * day.baseline_actual_nusd
    assert day.starts_at_ms == period_start(AT_MS, "day")


def test_unknown_cost_is_counted_as_unpriced_and_never_compared_with_the_baseline() -> None:
    add_request(1, cost_nusd=None)
    day = RequestRollup.objects.get(granularity="day")

    assert (day.unpriced_n, day.cost_nusd, day.baseline_n, day.baseline_cost_nusd) == (1, 0, 0, 0)


def test_a_refused_request_is_not_unpriced() -> None:
    add_request(1, status="refused_limit", cost_nusd=None, latency_ms=None, ttft_ms=None)

    assert RequestRollup.objects.get(granularity="day").unpriced_n == 0
    assert not RequestRollup.objects.exclude(latency_sketch=b"", ttft_sketch=b"").exists()


def test_sketches_of_attempts_and_requests_are_apart() -> None:
    increments = Increments()
    increments.add_request(request_fact(begin(1), [], end(1)))
    increments.add_attempt(attempt_fact(attempt(1)), "live")
    write(increments)
    rollup = AttemptRollup.objects.get(granularity="minute")

    assert unpack_sketch(rollup.latency_sketch) == {bucket_of(901): 1}
    assert unpack_sketch(rollup.ttft_sketch) == {bucket_of(301): 1}


def test_samples_are_merged_into_the_sketch_that_is_there() -> None:
    for latency_ms in (100, 100, 3000):
        add_request(1, latency_ms=latency_ms, ttft_ms=None)

    for table in (RequestRollup, TotalRollup):
        for rollup in table.objects.all():
            assert rollup.n == 3
            assert unpack_sketch(rollup.latency_sketch) == {bucket_of(100): 2, bucket_of(3000): 1}
            assert rollup.ttft_sketch == b""


def test_a_late_row_lands_in_its_minute_hour_and_day_and_where_minutes_are_gone_in_hour_and_day() -> None:
    minute, hour, day = (period_start(AT_MS + 1000, name) for name in ("minute", "hour", "day"))
    add_request(1)
    add_request(1)
    found = set(TotalRollup.objects.values_list("granularity", "starts_at_ms", "n"))
    assert found == {("minute", minute, 2), ("hour", hour, 2), ("day", day, 2)}

    TotalRollup.objects.filter(granularity="minute").delete()
    RollupHorizon.objects.create(granularity="minute", kept_from_ms=hour + 3_600_000)
    add_request(1)
    found = set(TotalRollup.objects.values_list("granularity", "starts_at_ms", "n"))

    assert found == {("hour", hour, 3), ("day", day, 3)}


def test_ids_are_63_bits_and_never_change() -> None:
    assert dimension_id("request", "day", 0, "live") == 8308240458061698159
    assert dimension_id("a", "bc") != dimension_id("ab", "c")
