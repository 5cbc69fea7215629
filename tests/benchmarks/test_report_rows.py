import pytest
from django.db import connection

from benchmarks.report_database import fill_tables
from benchmarks.report_rows import Day, columns_of
from routerapp.models import AttemptRow, RoutedRequest, TotalRollup
from routerapp.store.facts import AttemptFact, RequestFact
from routerapp.store.rollups import LENGTH_MS, TABLES, Increments

DAY_MS = LENGTH_MS["day"]
MIDNIGHT_MS = 1_790_035_200_000


@pytest.mark.django_db
def test_the_invented_sums_are_what_the_drainer_makes_of_the_invented_rows() -> None:
    day = Day(600, MIDNIGHT_MS)
    increments, origins = Increments(), {}
    for row in day.rows["routed_request"]:
        fact = RequestFact(**dict(zip(columns_of("routed_request"), row, strict=True)))
        origins[fact.id] = fact.origin
        increments.add_request(fact)
    for row in day.rows["attempt"]:
        fact = AttemptFact(**dict(zip(columns_of("attempt"), row, strict=True)))
        increments.add_attempt(fact, origins[fact.request_id])
    with connection.cursor() as cursor:
        increments.write(cursor)
        for table in TABLES:
            cursor.execute(f"SELECT {', '.join(columns_of(table.name))} FROM {table.name}")
            assert set(cursor.fetchall()) == {*day.minutes[table.name], *day.sums[table.name]}
    assert len(day.rows["routed_request"]) == 600


@pytest.mark.django_db
def test_the_other_days_are_the_same_day_earlier() -> None:
    fill_tables(180, MIDNIGHT_MS)
    days = TotalRollup.objects.filter(granularity="day")

    assert RoutedRequest.objects.count() == sum(days.values_list("n", flat=True)) == 180
    assert set(days.values_list("starts_at_ms", flat=True)) == {MIDNIGHT_MS - day * DAY_MS for day in range(90)}
    assert set(AttemptRow.objects.values_list("request_id", flat=True)) <= set(
        RoutedRequest.objects.values_list("id", flat=True)
    )
    for row in RoutedRequest.objects.all():
        assert int(row.id[:8] + row.id[9:13], 16) == row.at_ms
