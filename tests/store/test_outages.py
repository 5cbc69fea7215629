"""The drainer while the database, or the data folder, does not do what it should: nothing lost, nothing piled up in memory, little said."""

from __future__ import annotations

import errno
import logging
import os
import threading

import pytest
from django.db import OperationalError, connection

from routerapp.models import RoutedRequest
from routerapp.store import drain
from routerapp.store.drain import Drainer
from routerapp.store.outage import LONGEST_PAUSE_SECONDS, Outage
from routerapp.store.spool import frame
from tests.store.examples import begin, journal_request, request_id, small_journal

pytestmark = pytest.mark.django_db


def ids() -> set[str]:
    return set(RoutedRequest.objects.values_list("id", flat=True))


def some(numbers) -> set[str]:
    return {request_id(number) for number in numbers}


def test_while_the_database_is_away_the_drainer_reads_no_more_than_it_can_hold(tmp_path, monkeypatch) -> None:
    journals = [small_journal(tmp_path, segment_bytes=500_000) for _ in range(3)]
    for number in range(3_000):
        journal_request(journals[number % 3], number)
    real = drain.ingest

    def away(*arguments):
        raise OperationalError("away")

    monkeypatch.setattr(drain, "ingest", away)
    with Drainer("default", tmp_path) as drainer:
        for _ in range(20):
            with pytest.raises(OperationalError):
                drainer.drain_once()
        held = sum(len(boot.ledger._entries) for boot in drainer._boots.values())
        monkeypatch.setattr(drain, "ingest", real)
        drainer.drain_once()

    assert 0 < held < 1_200
    assert ids() == some(range(3_000))
    for journal in journals:
        journal.close()


def test_a_full_disk_of_sqlite_is_waited_for(tmp_path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's own error; PostgreSQL's is told below")
    journal = small_journal(tmp_path)
    for number in range(300):
        journal_request(journal, number)
    with connection.cursor() as cursor, Drainer("default", tmp_path) as drainer:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            with pytest.raises(OperationalError, match="full"):
                drainer.drain_once()
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")
        drainer.drain_once()

    assert ids() == some(range(300))
    journal.close()


def test_a_full_disk_of_postgresql_is_waited_for(tmp_path, monkeypatch) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    real, failures = drain.ingest, 2

    def full(*arguments):
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("could not extend file: No space left on device")  # 53100, disk_full
        return real(*arguments)

    monkeypatch.setattr(drain, "ingest", full)
    monkeypatch.setattr("routerapp.store.outage.SHORTEST_PAUSE_SECONDS", 0.01)
    stop = threading.Event()
    with Drainer("default", tmp_path) as drainer:
        drainer.run_forever(stop, lambda committed: stop.set())

    assert ids() == some([1])
    journal.close()


def test_an_outage_is_told_once_then_every_ten_minutes_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    outage, pauses = Outage(lambda: clock[0]), []
    with caplog.at_level(logging.WARNING):
        while clock[0] < 3_600:
            pauses.append(outage.failed(OperationalError("connection refused\nis it running?")))
            clock[0] += pauses[-1]
        outage.over()
        outage.over()

    assert pauses[:6] == [0.25, 0.5, 1, 2, 4, LONGEST_PAUSE_SECONDS]
    assert len(caplog.records) == 1 + 5 + 1
    assert caplog.records[-1].message == "Records are written to the database again, after 60 minutes."
    assert all("\n" not in record.message for record in caplog.records)


def test_records_refused_while_their_folder_is_full_are_read_again(tmp_path, monkeypatch) -> None:
    """What was taken from a segment and could not be set aside must not be skipped."""
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    with next(journal.folder.glob("*.log")).open("ab") as file:
        file.write(b"rubbish")
    journal_request(journal, 2)
    failures = [OSError(errno.ENOSPC, "No space left on device")] * 2
    real = Drainer._set_aside

    def set_aside(self, *arguments) -> None:
        if failures:
            raise failures.pop()
        real(self, *arguments)

    monkeypatch.setattr(Drainer, "_set_aside", set_aside)
    monkeypatch.setattr("routerapp.store.outage.SHORTEST_PAUSE_SECONDS", 0.01)
    stop = threading.Event()
    with Drainer("default", tmp_path) as drainer:
        drainer.run_forever(stop, lambda committed: stop.set())

    assert ids() == some([1, 2])
    assert [path.read_bytes() for path in (tmp_path / "refused").iterdir()] == [b"rubbish"]
    journal.close()


@pytest.mark.parametrize("is_living", [True, False])
@pytest.mark.parametrize("removed", [[0], [1], [1, 2], [0, 1, 2]])
def test_segments_removed_by_hand_cost_their_records_and_no_others(tmp_path, caplog, is_living, removed) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    for number in range(40):
        journal_request(journal, number)
    segments = sorted(journal.folder.glob("*.log"))
    assert len(segments) > 5
    lost = b"".join(segments[number].read_bytes() for number in removed)
    for number in removed:
        segments[number].unlink()
    if not is_living:
        journal.close()
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()
        if is_living:
            journal.close()
            drainer.drain_once()

    intact = {request_id(number) for number in range(40) if request_id(number).encode() not in lost}
    assert intact <= ids() <= some(range(40))
    assert len(intact) > 10
    assert [record.message for record in caplog.records if "missing" in record.message] == [
        f"Segment {number} of boot {journal.boot_id} is missing: its records are lost." for number in removed
    ]
    assert not journal.folder.exists()


def test_a_boot_folder_removed_by_hand_leaves_what_was_read_of_it(tmp_path, caplog) -> None:
    journal, other = small_journal(tmp_path), small_journal(tmp_path)
    journal.append(begin(1))
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()
        for path in journal.folder.iterdir():
            path.unlink()
        journal.folder.rmdir()
        journal_request(other, 2)
        drainer.drain_once()
        assert len(drainer._boots) == 1

    assert dict(RoutedRequest.objects.values_list("id", "status")) == {
        request_id(1): "interrupted",
        request_id(2): "ok",
    }
    assert "removed" in caplog.text
    other.close()


def test_a_torn_tail_of_a_dead_boot_is_kept_aside_and_costs_one_request(tmp_path) -> None:
    journal = small_journal(tmp_path)
    for number in range(3):
        journal_request(journal, number)
    (segment,) = journal.folder.glob("*.log")
    os.truncate(segment, segment.stat().st_size - 7)
    journal.close()
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()

    assert dict(RoutedRequest.objects.values_list("id", "status")) == {
        request_id(0): "ok",
        request_id(1): "ok",
        request_id(2): "interrupted",
    }
    assert len(list((tmp_path / "refused").iterdir())) == 1


def test_stopping_during_a_long_catching_up_is_heard_and_loses_nothing(tmp_path) -> None:
    journal = small_journal(tmp_path, segment_bytes=300_000)
    for number in range(2_000):
        journal_request(journal, number)
    journal.close()
    with Drainer("default", tmp_path) as drainer:
        first = drainer.drain_once(lambda: True)
        part = drainer.drain_once(is_stopping=iter([False, False, True, True, True, True, True]).__next__)
        assert first == 0
        assert 0 < part < 2_000
        assert journal.folder.exists()
        drainer.drain_once()

    assert ids() == some(range(2_000))
    assert not journal.folder.exists()


def test_a_frame_of_nothing_known_is_set_aside_whole(tmp_path) -> None:
    journal = small_journal(tmp_path)
    with next(journal.folder.glob("*.log")).open("ab") as file:
        file.write(frame(b"\xc1"))
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()

    assert next((tmp_path / "refused").iterdir()).read_bytes() == frame(b"\xc1")
    journal.close()
