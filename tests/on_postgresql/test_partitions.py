"""Rows find the partition of their time, none is refused, and what is over its time goes as a table."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from routerapp.models import AttemptRow, Body, DecisionInputs, DecisionTrace, Feedback, RequestRollup, RoutedRequest
from routerapp.serving.identifiers import make_id
from routerapp.store import partitions, retention
from routerapp.store.config_document import unix_ms
from routerapp.store.drain import Drainer
from routerapp.store.partitions import list_partitions, make_partitions
from routerapp.store.records import FeedbackGiven
from tests.store.examples import attempt, begin, end, small_journal

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
THIS_MONTH, THIS_DAY = f"routed_request_p{NOW:%Y%m}", f"decision_inputs_p{NOW:%Y%m%d}"


@pytest.fixture(autouse=True)
def _knows_of_none():
    """What the test before has made was rolled back."""
    partitions.forget_made()
    yield
    partitions.forget_made()


def an_id(at: datetime, number: int = 1) -> str:
    return make_id(unix_ms(at), lambda bits: number)


def record(folder, at: datetime, request_id: str | None = None) -> str:
    """One request of that time, journalled and drained."""
    request_id = request_id or an_id(at)
    at_ms = unix_ms(at)
    journal = small_journal(folder)
    journal.append(begin(1, id=request_id, at_ms=at_ms, chat_body=b'{"messages": []}'))
    journal.append(attempt(1, id=request_id, at_ms=at_ms + 5))
    journal.append(end(1, id=request_id, at_ms=at_ms + 900))
    journal.append(
        FeedbackGiven(id=f"f{request_id}"[:36], request_id=request_id, at_ms=at_ms, kind="boolean", value=1.0)
    )
    journal.close()
    with Drainer("default", folder) as drainer:
        drainer.drain_once()
    return request_id


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def names(table: str) -> set[str]:
    return {partition.name for partition in list_partitions(table)}


def test_a_request_is_kept_in_the_partitions_of_its_time(tmp_path) -> None:
    request_id = record(tmp_path, NOW)

    assert rows_in(THIS_MONTH) == rows_in(THIS_MONTH.replace("routed_request", "attempt")) == 1
    assert rows_in(THIS_DAY) == rows_in(THIS_DAY.replace("inputs", "trace")) == 1
    assert rows_in(f"body_p{NOW:%Y%m%d}") == 1
    assert RoutedRequest.objects.get(id=request_id).at_ms == unix_ms(NOW)


def test_tomorrows_are_made_today() -> None:
    make_partitions([])
    tomorrow = NOW + timedelta(days=1)

    assert f"decision_inputs_p{tomorrow:%Y%m%d}" in names("decision_inputs")
    assert f"routed_request_p{tomorrow:%Y%m}" in names("routed_request")


@pytest.mark.parametrize("request_id", ["imported-17", "0", "ffffffff-ffff-7000-8000-000000000000", "A" * 36])
def test_no_row_is_refused_for_its_id(tmp_path, request_id) -> None:
    record(tmp_path, NOW, request_id)

    assert RoutedRequest.objects.get().id == request_id
    assert rows_in("routed_request_other") == 1


def test_a_late_row_gets_the_partition_of_its_own_time(tmp_path) -> None:
    record(tmp_path, datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC))

    assert rows_in("routed_request_p202402") == rows_in("decision_inputs_p20240229") == 1


def test_the_same_request_again_meets_itself(tmp_path) -> None:
    request_id = record(tmp_path / "one", NOW)
    record(tmp_path / "two", NOW, request_id)

    assert RoutedRequest.objects.count() == AttemptRow.objects.count() == DecisionTrace.objects.count() == 1
    assert RequestRollup.objects.get(granularity="day").n == 1


def test_rows_that_came_before_their_partition_move_into_it() -> None:
    early = RoutedRequest.objects.create(
        id=an_id(NOW), at_ms=unix_ms(NOW), origin="live", status="ok", requested_model="x"
    )
    stray = RoutedRequest.objects.create(id="stray", at_ms=1, origin="live", status="ok", requested_model="x")
    make_partitions([early.id])

    assert rows_in(THIS_MONTH) == 1
    assert rows_in("routed_request_other") == 1
    assert set(RoutedRequest.objects.values_list("id", flat=True)) == {early.id, stray.id}


def test_a_question_about_one_request_reads_one_partition() -> None:
    make_partitions([an_id(NOW - timedelta(days=days)) for days in (0, 40, 80)])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT * FROM routed_request WHERE id = %s", [an_id(NOW)])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert THIS_MONTH in plan
    assert plan.count("Scan") == 1


def test_periods_over_their_time_go_as_tables_and_the_rest_by_row(tmp_path) -> None:
    kept = record(tmp_path / "a", NOW - timedelta(days=2))
    record(tmp_path / "b", NOW - timedelta(days=100))
    record(tmp_path / "c", NOW - timedelta(days=500))
    batches: list[str] = []
    deleted = retention.forget(NOW, lambda share, words: batches.append(words))

    assert {"bodies": 2, "inputs": 4, "requests": 1}.items() <= deleted.items()
    assert f"routed_request_p{NOW - timedelta(days=500):%Y%m}" not in names("routed_request")
    assert f"routed_request_p{NOW - timedelta(days=100):%Y%m}" in names("routed_request")
    assert not {f"{table}_p{NOW - timedelta(days=100):%Y%m%d}" for table in ("body", "decision_inputs")} & (
        names("body") | names("decision_inputs")
    )
    assert batches == []
    assert RoutedRequest.objects.count() == AttemptRow.objects.count() == Feedback.objects.count() == 2
    assert DecisionInputs.objects.get().request_id == Body.objects.get().request_id == kept
    assert RequestRollup.objects.filter(granularity="day").count() == 3


def test_one_row_that_must_stay_keeps_its_period(tmp_path) -> None:
    """A policy may keep content longer than the installation does."""
    record(tmp_path / "a", NOW - timedelta(days=40, seconds=1))
    stays = record(tmp_path / "b", NOW - timedelta(days=40), an_id(NOW - timedelta(days=40), 2))
    Body.objects.filter(request_id=stays).update(expires_at_ms=unix_ms(NOW + timedelta(days=1)))
    deleted = retention.forget(NOW, lambda share, words: None, kinds=("bodies",))

    assert deleted == {"bodies": 1}
    assert Body.objects.get().request_id == stays


def test_an_empty_period_of_the_past_goes_as_well() -> None:
    make_partitions([an_id(NOW - timedelta(days=450))])
    retention.forget(NOW, lambda share, words: None)

    assert names("routed_request") == {f"routed_request_p{day:%Y%m}" for day in (NOW, NOW + timedelta(days=1))}
