"""`manage.py journal`: what lies in the spool, told without content; records taken in again, counted once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.db import DatabaseError
from django.db.models import Sum

from routerapp.engine.types import Price
from routerapp.models import AuditEvent, Feedback, RequestRollup, RoutedRequest, SpoolOffset
from routerapp.store.drain import Drainer
from routerapp.store.records import FeedbackGiven, encode_record
from routerapp.store.spool import frame
from tests.store.examples import AT_MS, attempt, begin, end, journal_request, request_id, small_journal

pytestmark = pytest.mark.django_db
SECRET = b"my prompt is private"


@pytest.fixture
def data_dir(tmp_path, settings) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    return settings.DATA_DIR


@pytest.fixture(autouse=True)
def _young(monkeypatch):
    """The examples' requests are of a fixed day, which some day will be long ago."""
    from datetime import UTC, datetime

    monkeypatch.setattr(
        "routerapp.management.commands.journal.timezone.now", lambda: datetime.fromtimestamp(AT_MS / 1000, UTC)
    )


def drain(folder: Path) -> None:
    with Drainer("default", folder) as drainer:
        drainer.drain_once()


def counted() -> tuple[int, int]:
    sums = RequestRollup.objects.filter(granularity="day").aggregate(n=Sum("n"))
    return RoutedRequest.objects.count(), sums["n"] or 0


def test_inspect_tells_of_each_boot_what_is_there_and_what_is_not_in_the_database(run, data_dir):
    journal = small_journal(data_dir)
    for number in range(3):
        journal_request(journal, number)
    drain(data_dir)
    journal.append(begin(7, chat_body=SECRET))
    shown, found = run("journal", "inspect"), run("journal", "inspect", "--json")
    (boot,) = found.json["boots"]

    assert found.exit_code == 0
    assert boot["boot"] == journal.boot_id
    assert boot["is_living"]
    assert boot["records"] == {"begin": 4, "attempt": 3, "end": 3, "feedback": 0}
    assert (boot["undrained_records"], boot["open"], boot["oldest_ms"]) == (1, 1, begin(0).at_ms)
    assert 0 < boot["undrained_bytes"] < boot["bytes"] == found.json["bytes"]
    assert journal.boot_id in shown.stdout
    assert SECRET.decode() not in shown.stdout + found.stdout
    journal.close()


def test_inspect_names_damaged_torn_unreadable_and_missing_places_and_exits_with_1(run, data_dir):
    journal = small_journal(data_dir, segment_bytes=5_000)
    with next(journal.folder.glob("*.log")).open("ab") as file:
        file.write(b"rubbish" + frame(b"\x81\xa6record\xa5later"))
    for number in range(20):
        journal_request(journal, number)
    journal.close()
    segments = sorted(journal.folder.glob("*.log"))
    segments[2].unlink()
    segments[-1].write_bytes(segments[-1].read_bytes()[:-5])
    found = run("journal", "inspect", "--json")
    places = found.json["boots"][0]["places"]

    assert found.exit_code == 1
    assert [(one["what"], one["segment"]) for one in places] == [
        ("damaged", 0),
        ("unreadable", 0),
        ("missing", 2),
        ("torn", len(segments) - 1),
    ]
    assert "missing: segment 2" in run("journal", "inspect").stdout
    assert journal.folder.exists()


def test_inspect_works_while_the_database_does_not(run, data_dir, monkeypatch):
    journal = small_journal(data_dir)
    journal_request(journal, 1)
    monkeypatch.setattr(
        "routerapp.management.commands.journal.SpoolOffset.objects.all",
        lambda: (_ for _ in ()).throw(DatabaseError("away")),
    )
    found = run("journal", "inspect", "--json").json

    assert "away" in found["database"]
    assert found["boots"][0]["undrained_records"] is None
    assert found["boots"][0]["records"]["end"] == 1
    journal.close()


def test_inspect_of_one_boot_and_of_one_there_is_not(run, data_dir):
    journals = [small_journal(data_dir) for _ in range(2)]
    one = run("journal", "inspect", "--boot", journals[1].boot_id, "--json").json["boots"]

    assert [boot["boot"] for boot in one] == [journals[1].boot_id]
    assert run("journal", "inspect", "--boot", "nobody", "--json").error["code"] == "unknown_boot"
    for journal in journals:
        journal.close()


def test_an_empty_folder_has_an_empty_spool(run, data_dir):
    assert run("journal", "inspect", "--json").json["boots"] == []
    assert run("journal", "redrain", "--json").json["files"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("repair",),
        ("inspect", "--from", "x"),
        ("inspect", "--dry-run"),
        ("redrain", "--boot", "x"),
        ("redrain", "--close-open"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(run, data_dir, arguments):
    refused = run("journal", *arguments, "--json")

    assert refused.exit_code == 2
    assert refused.error["code"] == "usage"


def test_a_copied_spool_is_taken_in_once_however_often_and_left_as_it_is(run, data_dir, tmp_path):
    old = tmp_path / "old"
    journal = small_journal(old, segment_bytes=5_000)
    for number in range(20):
        journal_request(journal, number)
    journal.append(FeedbackGiven(id="f1", request_id=request_id(1), at_ms=AT_MS, kind="rating", value=0.5))
    journal.close()
    copy = tmp_path / "copy"
    shutil.copytree(old, copy)
    drain(old)
    assert counted() == (20, 20)
    RoutedRequest.objects.filter(id=request_id(3)).delete()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    first = run("journal", "redrain", "--from", str(copy), "--json").json
    again = run("journal", "redrain", "--from", str(copy / "spool"), "--json").json
    (boot,) = (copy / "spool").iterdir()
    third = run("journal", "redrain", "--from", str(boot), "--json").json

    assert (first["requests"], first["written"], first["boots"]) == (20, 1, 1)
    assert again["written"] == third["written"] == 0
    assert RoutedRequest.objects.count() == 20
    assert Feedback.objects.count() == 1
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert not SpoolOffset.objects.exists()
    assert AuditEvent.objects.filter(action="redrain_journal").count() == 3


def test_a_dry_run_writes_nothing_and_says_what_would_be(run, data_dir, tmp_path):
    journal = small_journal(tmp_path / "old")
    journal_request(journal, 1)
    journal.close()
    dry = run("journal", "redrain", "--from", str(tmp_path / "old"), "--dry-run", "--json").json

    assert (dry["dry_run"], dry["written"]) == (True, 1)
    assert counted() == (0, 0)
    assert not AuditEvent.objects.exists()


def test_requests_without_an_end_wait_for_it_unless_it_is_said_that_none_will_come(run, data_dir, tmp_path):
    journal = small_journal(tmp_path / "old")
    journal.append(begin(1))
    journal.close()
    left = run("journal", "redrain", "--from", str(tmp_path / "old"), "--json").json
    assert (left["open"], left["written"]) == (1, 0)
    closed = run("journal", "redrain", "--from", str(tmp_path / "old"), "--close-open", "--json").json

    assert closed["written"] == 1
    assert RoutedRequest.objects.get().status == "interrupted"


def test_what_was_refused_goes_in_once_the_reason_is_gone_and_its_file_with_it(run, data_dir, monkeypatch):
    journal = small_journal(data_dir)
    journal_request(journal, 1)
    journal_request(journal, 2)
    from routerapp.store import drain as draining

    def refuse(*arguments):
        raise ValueError("no such column")

    with monkeypatch.context() as patch:
        patch.setattr(draining, "ingest", refuse)
        drain(data_dir)
    assert counted() == (0, 0)
    (data_dir / "refused" / "0-00000000-5.bin").write_bytes(b"rubbish" + frame(encode_record(begin(1))))
    taken = run("journal", "redrain", "--json")

    assert taken.exit_code == 1
    assert (taken.json["written"], taken.json["removed_files"], taken.json["damaged_bytes"]) == (2, 2, 7)
    assert counted() == (2, 2)
    assert [path.name for path in (data_dir / "refused").iterdir()] == ["0-00000000-5.bin"]
    journal.close()


def test_what_the_database_refuses_again_stays_and_is_told(run, data_dir):
    poison = [begin(2), attempt(2, price=Price(input_nusd_per_mtok=2**64 - 1, output_nusd_per_mtok=1)), end(2)]
    bad = b"".join(frame(encode_record(record)) for record in poison)
    (data_dir / "refused").mkdir()
    (data_dir / "refused" / "a-00000000-0.bin").write_bytes(bad)
    taken = run("journal", "redrain", "--json")

    assert taken.exit_code == 1
    assert taken.json["refused"] == 1
    assert "a-00000000-0.bin" in taken.json["reasons"][0]
    assert (data_dir / "refused" / "a-00000000-0.bin").read_bytes() == bad


def test_what_would_be_forgotten_at_once_is_not_counted_anew(run, data_dir, tmp_path):
    """Its sums may be there though its rows went: writing them again would count it twice."""
    journal = small_journal(tmp_path / "old")
    journal.append(begin(1, at_ms=AT_MS - 500 * 86_400_000))
    journal.append(attempt(1))
    journal.append(end(1))
    journal.close()
    taken = run("journal", "redrain", "--from", str(tmp_path / "old"), "--json").json

    assert (taken["too_old"], taken["written"]) == (1, 0)
    assert counted() == (0, 0)


def test_what_is_no_copy_is_refused_by_reason(run, data_dir, tmp_path):
    living = small_journal(tmp_path / "other")
    (data_dir / "spool").mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()

    for folder, code in (
        (tmp_path / "nowhere", "no_spool"),
        (empty, "no_spool"),
        (data_dir, "own_spool"),
        (data_dir / "spool", "own_spool"),
        (tmp_path / "other", "still_written"),
    ):
        assert run("journal", "redrain", "--from", str(folder), "--json").error["code"] == code
    living.close()
