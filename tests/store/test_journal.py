import contextlib
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from routerapp.store.journal import Journal, JournalFull
from routerapp.store.records import decode_record
from routerapp.store.spool import RESERVE_NAME, BootFolder, Position, boot_folders
from tests.store.examples import begin, end, journal_request, small_journal

WRITER = """
import sys
from pathlib import Path
from tests.store.examples import journal_request, small_journal
journal = small_journal(Path(sys.argv[1]), segment_bytes=100_000)
number = 0
while True:
    journal_request(journal, number)
    print(number, flush=True)
    number += 1
"""


class SmallDisk:
    """write() on a disk with room for so many bytes; the reserve file counts until it is removed."""

    def __init__(self, room: int, reserve: Path | None = None) -> None:
        self.room = room
        self.reserve = reserve

    def write(self, descriptor: int, data: bytes) -> int:
        if self.reserve is not None and not self.reserve.exists():
            self.room += 4096
            self.reserve = None
        fits = min(len(data), self.room)
        if fits == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= fits
        return os.write(descriptor, data[:fits])


def read_all(folder: Path) -> list[object]:
    reader = BootFolder(folder, Position())
    is_dead, records = reader.is_dead, []
    while pieces := reader.read(is_dead=is_dead):
        records += [decode_record(piece.payload) for piece in pieces if piece.payload is not None]
    reader.close()
    return records


def test_what_was_appended_is_on_disk_before_append_returns(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1))

    assert read_all(journal.folder) == [begin(1)]
    journal.close()


def test_kill_minus_nine_loses_nothing_that_was_appended(tmp_path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = 0
    for line in process.stdout:
        last = int(line)
        if last >= 300:
            break
    process.kill()
    acknowledged = [last, *map(int, process.stdout.read().split())][-1]
    process.wait()
    process.stdout.close()
    (folder,) = boot_folders(tmp_path / "spool")
    ends = [record for record in read_all(folder) if record.id and type(record) is type(end(0))]

    assert [record.id for record in ends[: acknowledged + 1]] == [end(n).id for n in range(acknowledged + 1)]
    assert BootFolder(folder, Position()).is_dead


def test_a_full_disk_frees_the_reserve_and_then_refuses(tmp_path) -> None:
    disk = SmallDisk(room=6_000)
    journal = small_journal(tmp_path, write=disk.write)
    disk.reserve = journal.folder / RESERVE_NAME
    assert journal.has_room
    written, after_the_disk_was_full = [], 0
    with contextlib.suppress(JournalFull):
        for number in range(100):
            journal.append(begin(number))
            written.append(begin(number))
            after_the_disk_was_full += not journal.has_room
    with pytest.raises(JournalFull):
        journal.append(begin(0))

    assert not journal.has_room
    assert not (journal.folder / RESERVE_NAME).exists()
    assert after_the_disk_was_full >= 2
    assert read_all(journal.folder) == written
    journal.close()


def test_room_returns_when_the_disk_has_space_again(tmp_path) -> None:
    disk = SmallDisk(room=2_100)
    clock = [0.0]
    journal = small_journal(tmp_path, write=disk.write, monotonic=lambda: clock[0])
    disk.reserve = journal.folder / RESERVE_NAME
    for number in range(3):
        journal.append(begin(number))
    assert not journal.has_room
    clock[0] = 60.0

    assert journal.has_room
    assert (journal.folder / RESERVE_NAME).stat().st_size == 4096
    journal.close()


def test_a_real_full_disk_is_survived(tmp_path) -> None:
    """A file size limit stands in for the disk: the kernel writes what fits, then refuses."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from tests.store.examples import begin, small_journal\n"
        "from routerapp.store.journal import JournalFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "journal = small_journal(Path(sys.argv[1]))\n"
        "count = 0\n"
        "try:\n"
        "    while True:\n"
        "        journal.append(begin(count)); count += 1\n"
        "except JournalFull:\n"
        "    print(count)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    (folder,) = boot_folders(tmp_path / "spool")

    assert read_all(folder) == [begin(number) for number in range(int(done.stdout))]


def test_threads_share_a_journal(tmp_path) -> None:
    journal = small_journal(tmp_path, segment_bytes=20_000)
    threads = [
        threading.Thread(target=lambda start=start: [journal_request(journal, start + n) for n in range(50)])
        for start in (0, 1000, 2000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(read_all(journal.folder)) == 450
    journal.close()


def test_closing_twice_is_harmless_and_frees_the_lock(tmp_path) -> None:
    journal = Journal(tmp_path / "spool", reserve_bytes=0)
    journal.close()
    journal.close()

    assert BootFolder(journal.folder, Position()).is_dead
