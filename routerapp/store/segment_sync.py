"""Which segments of one boot the disk does not surely hold yet, and how it comes to hold them. Blocks: for a thread of its own.

After a failed sync the kernel may forget what it could not write and call the next sync good: so a segment is never trusted again,
and writing goes on in a new one.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments that are finished, then the one being written, up to size."""

    finished: tuple[int, ...]
    current: int
    segment: int
    size: int
    is_new: bool


class SegmentSync:
    """turn: held while a sync runs, so that descriptors stay open. is_new: a segment's name is not on the disk yet."""

    def __init__(self, folder: Path, sync: Callable[[int], object]) -> None:
        self.turn = threading.Lock()
        self.finished: list[int] = []
        self.is_new = True
        self.has_failed = False
        self._folder = folder
        self._sync = sync
        self._held = (-1, 0)

    def holds(self, segment: int, size: int) -> bool:
        return self._held == (segment, size) and not self.has_failed

    def take(self, current: int, segment: int, size: int) -> Batch:
        """Under the journal's mutex: what a sync that begins now has to bring to the disk."""
        batch = Batch(tuple(self.finished), current, segment, size, self.is_new)
        self.finished, self.is_new = [], False
        return batch

    def run(self, batch: Batch) -> bool:
        # A segment that failed once stays untrusted; a later one, synced whole with its name, is good again.
        was_failed, failed_in = self.has_failed, self._held[0]
        try:
            if not was_failed:
                for descriptor in batch.finished:
                    self._sync(descriptor)
            elif batch.segment <= failed_in:
                return False
            self._sync(batch.current)
            if batch.is_new:
                sync_folder(self._folder)
        except OSError as error:
            self._fail(batch, error)
            return False
        finally:
            for descriptor in batch.finished:
                os.close(descriptor)
        self._held, self.has_failed = (batch.segment, batch.size), False
        if was_failed:
            log.critical("The disk keeps the journal again, from segment %d of %s on.", batch.segment, self._folder)
        return True

    def _fail(self, batch: Batch, error: OSError) -> None:
        if not self.has_failed:
            log.critical(
                "The disk did not keep the journal in %s: %s. New requests find no room for their records until it does.",
                self._folder,
                error,
            )
        self._held, self.has_failed, self.is_new = (batch.segment, -1), True, True


def sync_folder(folder: Path) -> None:
    """The names in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
