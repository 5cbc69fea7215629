"""SIGNALBOX_DURABILITY=machine: what durable() said yes to is on the disk; a disk that fails is never called safe."""

import asyncio
import errno
import logging
import os
import threading
import time

import pytest

from routerapp.store import journal as journal_module
from routerapp.store.records import decode_record
from routerapp.store.spool import BootFolder, Position
from tests.store.examples import begin, small_journal


class Disk:
    """Notes what each sync covered; may be slow, held up, or broken."""

    def __init__(self) -> None:
        self.synced: dict[int, int] = {}
        self.calls = 0
        self.is_broken = False
        self.gate: threading.Event | None = None

    def sync(self, descriptor: int) -> None:
        self.calls += 1
        status = os.fstat(descriptor)
        if self.gate is not None:
            assert self.gate.wait(5)
        if self.is_broken:
            raise OSError(errno.EIO, "Input/output error")
        self.synced[status.st_ino] = status.st_size

    def holds(self, folder) -> int:
        """Bytes of the folder's segments that were synced."""
        sizes = {path.stat().st_ino: path.stat().st_size for path in folder.glob("*.log")}
        return sum(min(size, self.synced.get(inode, 0)) for inode, size in sizes.items())


def bytes_of(journal) -> int:
    return sum(path.stat().st_size for path in journal.folder.glob("*.log"))


def test_in_process_mode_nobody_waits_and_nothing_is_synced(tmp_path) -> None:
    disk = Disk()
    journal = small_journal(tmp_path, sync=disk.sync)
    journal.append(begin(1))

    assert journal.syncs is None
    assert asyncio.run(journal.durable())
    assert disk.calls == 0
    journal.close()


def test_whoever_waited_is_on_the_disk_also_over_segments(tmp_path) -> None:
    disk = Disk()
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync, segment_bytes=5_000)

    async def one(number: int) -> None:
        journal.append(begin(number))
        written = bytes_of(journal)
        assert await journal.durable()
        assert disk.holds(journal.folder) >= written

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(40)))

    asyncio.run(many())
    assert len(list(journal.folder.glob("*.log"))) > 5
    assert disk.holds(journal.folder) == bytes_of(journal)
    journal.close()


def test_all_who_wait_share_one_sync(tmp_path) -> None:
    disk = Disk()
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync)
    before = disk.calls

    async def one(number: int) -> bool:
        journal.append(begin(number))
        return await journal.durable()

    async def many() -> list[bool]:
        return await asyncio.gather(*(one(number) for number in range(200)))

    assert all(asyncio.run(many()))
    assert disk.calls - before <= 2
    journal.close()


def test_what_is_appended_while_a_sync_runs_waits_for_the_next(tmp_path) -> None:
    disk = Disk()
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync)

    async def story() -> None:
        disk.gate = threading.Event()
        journal.append(begin(1))
        first = asyncio.create_task(journal.durable())
        while disk.calls < 2:
            await asyncio.sleep(0.001)
        journal.append(begin(2))
        second = asyncio.create_task(journal.durable())
        await asyncio.sleep(0.01)
        assert not first.done()
        disk.gate.set()
        assert await first
        assert await second

    asyncio.run(story())
    assert disk.holds(journal.folder) == bytes_of(journal)
    journal.close()


def test_the_event_loop_runs_on_while_the_disk_takes_its_time(tmp_path) -> None:
    journal = small_journal(tmp_path, is_synced=True, sync=lambda descriptor: time.sleep(0.3))

    async def story() -> int:
        journal.append(begin(1))
        waiting, turns = asyncio.create_task(journal.durable()), 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(story()) > 5
    journal.close()


def test_a_caller_that_leaves_does_not_disturb_the_others(tmp_path) -> None:
    journal = small_journal(tmp_path, is_synced=True, sync=lambda descriptor: time.sleep(0.05))

    async def story() -> bool:
        journal.append(begin(1))
        leaves, stays = asyncio.create_task(journal.durable()), asyncio.create_task(journal.durable())
        await asyncio.sleep(0.01)
        leaves.cancel()
        return await stays

    assert asyncio.run(story())
    journal.close()


def test_nothing_new_means_no_sync(tmp_path) -> None:
    disk = Disk()
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync)
    journal.append(begin(1))
    assert asyncio.run(journal.durable())
    before = disk.calls

    assert asyncio.run(journal.durable())
    assert disk.calls == before
    journal.close()


def test_a_disk_that_fails_is_said_loudly_and_takes_no_requests_until_a_new_segment_holds(
    tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    disk, clock = Disk(), [0.0]
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync, monotonic=lambda: clock[0])

    def is_durable(number: int) -> bool:
        journal.append(begin(number))
        return asyncio.run(journal.durable())

    assert is_durable(1)
    disk.is_broken = True
    with caplog.at_level(logging.CRITICAL):
        assert not is_durable(2)
        assert not is_durable(3)
        assert not journal.has_room
        # The kernel calls the next sync of the same file good; that is worth nothing.
        disk.is_broken = False
        assert not is_durable(4)
        assert not journal.sync()
        clock[0] += journal_module.RETRY_SECONDS
        journal.measure()
        assert journal.has_room
        assert is_durable(5)

    assert [record.message.split(" in ")[0] for record in caplog.records] == [
        "The disk did not keep the journal",
        f"The disk keeps the journal again, from segment 1 of {journal.folder} on.",
    ]
    reader, found = BootFolder(journal.folder, Position()), []
    while pieces := reader.read(is_dead=False):
        found += [decode_record(piece.payload) for piece in pieces if piece.payload]
    assert found == [begin(number) for number in range(1, 6)]
    journal.close()


def test_a_disk_that_stays_broken_makes_few_segments(tmp_path) -> None:
    disk, clock = Disk(), [0.0]
    journal = small_journal(tmp_path, is_synced=True, sync=disk.sync, monotonic=lambda: clock[0])
    disk.is_broken = True
    journal.append(begin(1))
    assert not asyncio.run(journal.durable())
    for _ in range(20):
        clock[0] += 1
        journal.measure()

    assert len(list(journal.folder.glob("*.log"))) <= 6
    assert not journal.has_room
    journal.close()


def test_a_segment_removed_while_it_is_written_is_noticed(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1))
    next(journal.folder.glob("*.log")).unlink()
    journal.measure()
    journal.append(begin(2))

    assert [path.name for path in journal.folder.glob("*.log")] == ["00000001.log"]
    assert "was removed" in caplog.text
    journal.close()
