"""Several machines on one database: drainers of different folders, and one of all who keeps the schedule."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, connections
from django.db.models import Sum

from routerapp.models import AttemptRollup, RequestRollup, RoutedRequest, SpoolOffset
from routerapp.serving.identifiers import make_id
from routerapp.store import partitions
from routerapp.store.config_document import unix_ms
from routerapp.store.drain import Drainer
from routerapp.store.turn import SCHEDULE, Turn
from tests.store.examples import attempt, begin, end, small_journal

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, REQUESTS = 4, 150


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run them together, each on a connection of its own; what they raised."""
    raised: list[BaseException] = []
    together = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            together.wait(10)
            work()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_drainers_of_different_folders_add_to_the_same_sums_without_a_deadlock(tmp_path) -> None:
    partitions.forget_made()
    now_ms = unix_ms(datetime.now(UTC))
    drainers = []
    for writer in range(WRITERS):
        folder = tmp_path / str(writer)
        journal = small_journal(folder)
        for number in range(REQUESTS):
            # Everybody's requests are of the same minutes, keys and models, in different orders.
            at_ms = now_ms - (number * (7 + 2 * writer) % REQUESTS) * 1_000
            request_id = make_id(at_ms, lambda bits, unique=writer * REQUESTS + number: unique)
            changes = {"id": request_id, "at_ms": at_ms, "key": f"key-{number % 5}"}
            journal.append(begin(number, **changes))
            journal.append(attempt(number % 7, id=request_id, at_ms=at_ms, deployment=f"d{number % 3}"))
            journal.append(end(number % 7, id=request_id, at_ms=at_ms + 900))
        journal.close()
        drainers.append(Drainer("default", folder))
    raised = at_once(*(drainer.drain_once for drainer in drainers))
    for drainer in drainers:
        drainer.close()

    assert raised == []
    total = WRITERS * REQUESTS
    assert RoutedRequest.objects.count() == total
    for granularity in ("minute", "hour", "day"):
        for rollup in (RequestRollup, AttemptRollup):
            assert rollup.objects.filter(granularity=granularity).aggregate(n=Sum("n"))["n"] == total
    assert not SpoolOffset.objects.exists()


def test_one_of_several_keeps_the_schedule_and_another_takes_over() -> None:
    first, second = Turn(SCHEDULE), Turn(SCHEDULE)

    assert (first.take(), second.take(), first.take()) == (True, False, True)
    first.give_back()
    assert (second.take(), first.take()) == (True, False)
    second.give_back()
    first.give_back()


def test_whoever_lost_the_connection_has_lost_the_turn() -> None:
    first, second = Turn(SCHEDULE), Turn(SCHEDULE)
    first.take()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    with pytest.raises(OperationalError):
        first.take()

    deadline = time.monotonic() + 20
    while not second.take():
        assert time.monotonic() < deadline
    assert not first.take()
    second.give_back()
    first.give_back()
