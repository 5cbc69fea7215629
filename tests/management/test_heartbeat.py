"""Processes that are no gateway workers say that they live, seldom enough, and take their row with them."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from routerapp.management import heartbeat as subject
from routerapp.management.heartbeat import EVERY_SECONDS, Heartbeat
from routerapp.models import WorkerReport
from routerapp.serving.system_state import read_system_state
from routerapp.store.spool_state import read_spool_state

pytestmark = pytest.mark.django_db


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_beats_at_most_every_few_seconds_and_leaves_in_good_order():
    watch, beats = Watch(), []
    with Heartbeat("drainer", lambda: {"committed": len(beats)}, watch) as heart:
        for step in (0, 1, EVERY_SECONDS, 1):
            watch.now += step
            heart.beat()
            beats.append(step)
        row = WorkerReport.objects.get(worker="drainer")
        worker = read_system_state().of_role("drainer")[0]

    assert (row.state["role"], row.state["committed"]) == ("drainer", 2)
    assert worker.is_fresh
    assert not WorkerReport.objects.exists()


def test_a_database_that_is_away_does_not_stop_the_process(monkeypatch):
    def away(*_: object) -> None:
        raise OperationalError("locked")

    monkeypatch.setattr(subject, "report_worker", away)
    monkeypatch.setattr(subject, "retire_worker", away)
    with Heartbeat("jobs") as heart:
        heart.beat()


def test_what_waits_on_disk_is_counted_from_the_offset_on(tmp_path):
    from routerapp.models import SpoolOffset

    boot = tmp_path / "spool" / "0001-a"
    boot.mkdir(parents=True)
    (boot / "00000000.log").write_bytes(b"x" * 100)
    (boot / "00000001.log").write_bytes(b"x" * 40)
    (boot / "reserve").write_bytes(b"x" * 1000)
    (tmp_path / "refused").mkdir()
    (tmp_path / "refused" / "a.bin").write_bytes(b"xyz")
    before = read_spool_state(tmp_path)
    SpoolOffset.objects.create(spool="0001-a", segment=1, offset=30)
    after = read_spool_state(tmp_path)

    assert (before.bytes_waiting, before.bytes_on_disk, before.boots) == (140, 140, 1)
    assert (after.bytes_waiting, after.waiting_since_ms is not None) == (10, True)
    assert (after.refused_files, after.refused_bytes) == (1, 3)
    SpoolOffset.objects.filter(spool="0001-a").update(offset=40)
    assert read_spool_state(tmp_path).waiting_since_ms is None
