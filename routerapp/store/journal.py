"""The writing half of the spool: one append-only series of segments per worker boot, one write() for what is appended together.

What append() returned from survives kill -9 of this process (the kernel has it); what durable() returned True for survives a power
cut. It never reads or touches the database.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from routerapp.store.group_sync import GroupSync
from routerapp.store.records import Record, encode_record
from routerapp.store.segment_sync import SegmentSync, sync_folder
from routerapp.store.spool import LOCK_NAME, RESERVE_NAME, frame, segment_name
from routerapp.store.spool_bound import SpoolUse, measure_spool

MIB = 1024 * 1024
RETRY_SECONDS = 5.0
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
log = logging.getLogger(__name__)


class JournalFull(OSError):
    """The disk is full, and the reserve used up, or it takes no writes: this record was not written."""


class Journal:
    """One worker's journal below spool_folder. Safe to share between threads of one process, not across a fork.

    reserve_bytes are preallocated; the first full disk frees them, so that requests already running can still be recorded,
    and has_room turns false, so that serving refuses new ones with 503 until the reserve can be taken again. bound_bytes: what all
    boots' segments may take together, as far as measure() knows. is_synced: durable() waits for the disk.
    """

    def __init__(
        self,
        spool_folder: Path,
        *,
        segment_bytes: int = 16 * MIB,
        reserve_bytes: int = 8 * MIB,
        bound_bytes: int | None = None,
        is_synced: bool = False,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], object] = os.fdatasync,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.boot_id = f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(6)}"
        self.folder = spool_folder / self.boot_id
        self.use = SpoolUse(0, bound_bytes or 1)
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._bound_bytes = bound_bytes
        self._write = write
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._has_reserve = False
        self._reserve_tried_at = float("-inf")
        self._mended_at = float("-inf")
        self._segment = 0
        self._size = 0
        self._written = 0
        self._room_until = float("inf")
        self._lock_descriptor = self._claim(spool_folder)
        self._segments = SegmentSync(self.folder, sync) if is_synced else None
        self._descriptor = self._open_segment(0)
        self.syncs = GroupSync(self.sync) if is_synced else None
        if is_synced:
            sync_folder(spool_folder)
            sync_folder(spool_folder.parent)
            self.sync()
        self._take_reserve()
        self.measure()

    @property
    def has_room(self) -> bool:
        """False after the disk ran full, until the reserve could be preallocated again (tried every few seconds); while the spool is
        at its bound; and while the disk does not keep what it is given."""
        if self._has_reserve and self._written < self._room_until and not self.has_lost_trust:
            return True
        with self._mutex:
            self._take_reserve()
        return self._has_reserve and self._written < self._room_until and not self.has_lost_trust

    @property
    def has_lost_trust(self) -> bool:
        """A sync failed, and none has succeeded since."""
        return self._segments is not None and self._segments.has_failed

    def append(self, *records: Record) -> None:
        """Write records, all or none, with one write(). Raises JournalFull when not even the reserve has room."""
        data = frame(encode_record(records[0]))
        for record in records[1:]:
            data += frame(encode_record(record))
        with self._mutex:
            if not self._try_append(data):
                self._free_reserve()
                if not self._try_append(data):
                    raise JournalFull(errno.ENOSPC, "the journal's disk takes no more", str(self.folder))

    async def durable(self) -> bool:
        """Whether everything appended so far survives a power cut, where that was asked for; waits for the disk. Else True at once."""
        if self.syncs is None or self._segments is None or self._segments.holds(self._segment, self._size):
            return True
        return not self._segments.has_failed and await self.syncs.wait()

    def sync(self) -> bool:
        """Blocks until everything appended so far is on the disk; False, said loudly, when the disk fails. For a thread of its own."""
        if self._segments is None:
            return True
        with self._segments.turn:
            with self._mutex:
                if self._descriptor < 0:
                    return False
                batch = self._segments.take(self._descriptor, self._segment, self._size)
            return self._segments.run(batch)

    def measure(self) -> SpoolUse:
        """Look at the disk: how full the spool of all boots is, and mend what can be. Blocks a little: every second, in a thread."""
        if self._bound_bytes is not None:
            before = self._written
            self.use = measure_spool(self.folder.parent, self._bound_bytes)
            self._room_until = before + self._bound_bytes - self.use.bytes_used
        if self._needs_new_segment() and self._monotonic() - self._mended_at >= RETRY_SECONDS:
            self._mended_at = self._monotonic()
            with self._mutex, contextlib.suppress(OSError):
                self.folder.mkdir(exist_ok=True)
                self._start_segment()
            self.sync()
        return self.use

    def close(self) -> None:
        """Release the boot: the drainer may now finish and remove it."""
        self.sync()
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
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        if self._segments is not None:
            self._segments.is_new = True
        return descriptor

    def _try_append(self, data: bytes) -> bool:
        """False when the disk is full or broken; a part that did get written is cut off again."""
        written = 0
        try:
            if self._size and self._size + len(data) > self._segment_bytes:
                self._start_segment()
            written = self._write(self._descriptor, data)
        except OSError as error:
            if error.errno not in _DISK_FULL and self._has_reserve:
                log.critical("The journal cannot be written: %s. New requests find no room for their records.", error)
        if written == len(data):
            self._size += written
            self._written += written
            return True
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._size)
        return False

    def _start_segment(self) -> None:
        following = self._open_segment(self._segment + 1)
        if self._segments is None:
            os.close(self._descriptor)
        else:
            self._segments.finished.append(self._descriptor)
        self._descriptor, self._segment, self._size = following, self._segment + 1, 0

    def _needs_new_segment(self) -> bool:
        """Somebody removed the one being written, or the disk does not keep it."""
        if self._descriptor < 0 or self.has_lost_trust:
            return self._descriptor >= 0
        is_gone = os.fstat(self._descriptor).st_nlink == 0
        if is_gone:
            log.critical(
                "Segment %d of %s was removed while it was written; going on in a new one.", self._segment, self.folder
            )
        return is_gone

    def _take_reserve(self) -> None:
        now = self._monotonic()
        if self._has_reserve or now - self._reserve_tried_at < RETRY_SECONDS:
            return
        self._reserve_tried_at = now
        path = self.folder / RESERVE_NAME
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                if self._reserve_bytes:
                    os.posix_fallocate(descriptor, 0, self._reserve_bytes)
                self._has_reserve = True
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _free_reserve(self) -> None:
        with contextlib.suppress(OSError):
            (self.folder / RESERVE_NAME).unlink()
        self._has_reserve = False
        self._reserve_tried_at = self._monotonic()
