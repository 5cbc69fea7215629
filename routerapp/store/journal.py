"""The writing half of the spool: one append-only series of segments per worker boot, one write() per record.

What append() returned from survives kill -9 of this process (the kernel has it). It never syncs, reads or touches the database.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from routerapp.store.records import Record, encode_record
from routerapp.store.spool import LOCK_NAME, RESERVE_NAME, frame, segment_name

MIB = 1024 * 1024
_RESERVE_RETRY_SECONDS = 5.0
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class JournalFull(OSError):
    """The disk is full and the reserve is used up: this record was not written."""


class Journal:
    """One worker's journal below spool_folder. Safe to share between threads of one process, not across a fork.

    reserve_bytes are preallocated; the first full disk frees them, so that requests already running can still be recorded,
    and has_room turns false, so that serving refuses new ones with 503 until the reserve can be taken again.
    """

    def __init__(
        self,
        spool_folder: Path,
        *,
        boot_id: str | None = None,
        segment_bytes: int = 16 * MIB,
        reserve_bytes: int = 8 * MIB,
        write: Callable[[int, bytes], int] = os.write,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.boot_id = boot_id or f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(6)}"
        self.folder = spool_folder / self.boot_id
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._write = write
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._has_reserve = False
        self._reserve_tried_at = float("-inf")
        self._segment = 0
        self._size = 0
        self._lock_descriptor = self._claim(spool_folder)
        self._descriptor = self._open_segment(0)
        self._take_reserve()

    @property
    def has_room(self) -> bool:
        """False after the disk ran full, until the reserve could be preallocated again (tried every few seconds)."""
        if self._has_reserve:
            return True
        with self._mutex:
            self._take_reserve()
        return self._has_reserve

    def append(self, record: Record) -> None:
        """Write one record with one write(). Raises JournalFull when not even the reserve has room."""
        data = frame(encode_record(record))
        with self._mutex:
            if not self._try_append(data):
                self._free_reserve()
                if not self._try_append(data):
                    raise JournalFull(errno.ENOSPC, "the journal's disk is full", str(self.folder))

    def close(self) -> None:
        """Release the boot: the drainer may now finish and remove it."""
        with self._mutex:
            if self._descriptor < 0:
                return
            os.close(self._descriptor)
            self._descriptor = -1
            self._free_reserve()
            os.close(self._lock_descriptor)

    def _claim(self, spool_folder: Path) -> int:
        """Create the boot folder with its lock already held: the drainer never sees a living boot without a lock."""
        hidden = spool_folder / f".{self.boot_id}"
        hidden.mkdir(parents=True)
        descriptor = os.open(hidden / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(self.folder)
        return descriptor

    def _open_segment(self, segment: int) -> int:
        path = self.folder / segment_name(segment)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def _try_append(self, data: bytes) -> bool:
        """False when the disk is full; a part that did get written is cut off again."""
        written = 0
        try:
            if self._size and self._size + len(data) > self._segment_bytes:
                self._start_segment()
            written = self._write(self._descriptor, data)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
        if written == len(data):
            self._size += written
            return True
        os.ftruncate(self._descriptor, self._size)
        return False

    def _start_segment(self) -> None:
        following = self._open_segment(self._segment + 1)
        os.close(self._descriptor)
        self._descriptor, self._segment, self._size = following, self._segment + 1, 0

    def _take_reserve(self) -> None:
        now = self._monotonic()
        if self._has_reserve or now - self._reserve_tried_at < _RESERVE_RETRY_SECONDS:
            return
        self._reserve_tried_at = now
        path = self.folder / RESERVE_NAME
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if self._reserve_bytes:
                os.posix_fallocate(descriptor, 0, self._reserve_bytes)
            self._has_reserve = True
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno not in _DISK_FULL:
                raise
        finally:
            os.close(descriptor)

    def _free_reserve(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.folder / RESERVE_NAME).unlink()
        self._has_reserve = False
        self._reserve_tried_at = self._monotonic()
