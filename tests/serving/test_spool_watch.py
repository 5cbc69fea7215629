"""The spool's bound: measured over all boots and the disk, told of once a step, freed by the drainer."""

import logging

import pytest

from routerapp.serving.spool_watch import Crier
from routerapp.store.spool_bound import Level, SpoolUse, measure_spool
from tests.store.examples import begin, small_journal


def test_all_boots_count_and_the_rest_of_the_disk_is_a_bound_as_well(tmp_path, monkeypatch) -> None:
    first, second = small_journal(tmp_path), small_journal(tmp_path)
    first.append(begin(1))
    second.append(begin(2))
    size = sum(path.stat().st_size for path in (tmp_path / "spool").glob("*/*.log"))
    roomy = measure_spool(tmp_path / "spool", 10_000_000)
    monkeypatch.setattr("routerapp.store.spool_bound.shutil.disk_usage", lambda path: type("Disk", (), {"free": size}))
    tight = measure_spool(tmp_path / "spool", 10_000_000)

    assert (roomy.bytes_used, roomy.most_bytes) == (size, 10_000_000)
    assert (tight.bytes_used, tight.most_bytes, tight.level) == (size, 2 * size, Level.FILLING)
    first.close()
    second.close()


def test_room_returns_once_the_drainer_has_made_some(tmp_path) -> None:
    old = small_journal(tmp_path)
    while old.has_room and sum(path.stat().st_size for path in old.folder.glob("*.log")) < 20_000:
        old.append(begin(1))
    journal = small_journal(tmp_path, bound_bytes=20_000)
    assert not journal.has_room
    next(old.folder.glob("*.log")).unlink()
    journal.measure()

    assert journal.has_room
    old.close()
    journal.close()


def test_each_step_is_told_once_and_so_is_the_end(caplog: pytest.LogCaptureFixture) -> None:
    crier = Crier()
    with caplog.at_level(logging.WARNING):
        for percent in (10, 49, 51, 49, 51, 60, 81, 79, 85, 100, 100, 97, 101, 60, 51, 48, 40, 3):
            crier.hear(SpoolUse(percent * 10_000_000, 1_000_000_000))

    assert [(record.levelno, record.message.split(":")[0].split(",")[0]) for record in caplog.records] == [
        (logging.WARNING, "The journal is half full"),
        (logging.ERROR, "The journal is nearly full"),
        (logging.CRITICAL, "The journal is full"),
        (logging.WARNING, "The journal has room again"),
        (logging.WARNING, "The journal has room again"),
    ]


def test_a_folder_that_cannot_be_read_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    crier = Crier()
    for _ in range(5):
        crier.cannot_look(OSError("gone"))

    assert len(caplog.records) == 1
