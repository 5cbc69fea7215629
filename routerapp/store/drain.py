"""The drainer: carries what workers journalled from the spool into the database, exactly one per data folder.

While the database is away it waits and loses nothing: an entry leaves memory, and a segment the disk, only after commit.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from routerapp.models import SpoolOffset
from routerapp.store.ingest import ingest, rows_of
from routerapp.store.ledger import Entry, Ledger
from routerapp.store.outage import Outage
from routerapp.store.spool import BootFolder, Piece, Position, boot_folders, frame

log = logging.getLogger(__name__)

MOST_ROWS = 500
FEWEST_ROWS = 50
LONGEST_TRANSACTION_SECONDS = 0.1
# A server locks rows, not the database, and each statement is a way there and back: fewer and larger transactions.
MOST_ROWS_TO_SERVER = 4_000
LONGEST_TRANSACTION_TO_SERVER_SECONDS = 0.5
SHORTEST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.25
ABANDON_AFTER_SECONDS = 2 * 3600.0
# The entry is at fault, not the database: waiting would not help.
REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)


class DrainerRunning(RuntimeError):
    """Another drainer holds this data folder's lock."""


class _Boot:
    """One boot being drained: its place on disk and what of it is not in the database yet."""

    def __init__(self, reader: BootFolder) -> None:
        self.reader = reader
        self.ledger = Ledger()
        self.committed = reader.position

    @property
    def name(self) -> str:
        return self.reader.folder.name


class Drainer:
    """Use as a context manager; folder is the data folder, database a Django alias; on_transaction hears the seconds of each."""

    def __init__(
        self,
        database: str,
        folder: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        on_transaction: Callable[[float], object] | None = None,
    ) -> None:
        self._database = database
        self._spool = folder / "spool"
        self._refused = folder / "refused"
        self._monotonic = monotonic
        self._on_transaction = on_transaction
        self._boots: dict[str, _Boot] = {}
        self._outage = Outage(monotonic)
        self._is_stopping: Callable[[], bool] = lambda: False
        is_server = connections[database].vendor != "sqlite"
        self._ceiling = MOST_ROWS_TO_SERVER if is_server else MOST_ROWS
        self._longest_seconds = LONGEST_TRANSACTION_TO_SERVER_SECONDS if is_server else LONGEST_TRANSACTION_SECONDS
        self._most_rows = MOST_ROWS
        self._lock_descriptor = _lock(folder / "drainer.lock")

    def __enter__(self) -> Drainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._forget_boots()
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def drain_once(self, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Take everything that is there now; returns how many entries were committed. is_stopping is asked after each transaction.

        Raises DatabaseError when the database is away, OSError when the data folder does not do what it should; nothing is lost by either.
        """
        self._is_stopping = is_stopping
        folders = boot_folders(self._spool)
        committed = sum(self._drain(self._boot(folder)) for folder in folders if not is_stopping())
        return committed + self._close_removed({folder.name for folder in folders})

    def run_forever(
        self, stop: threading.Event | None = None, on_round: Callable[[int], object] = lambda committed: None
    ) -> None:
        """Poll often while there is traffic, four times a second when there is none; back off while the database is away.

        on_round hears after each poll how many entries it committed.
        """
        stop = stop or threading.Event()
        pause = SHORTEST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                committed = self.drain_once(stop.is_set)
            except (DatabaseError, InterfaceError) as error:
                self._drop_connection()
                stop.wait(self._outage.failed(error))
                continue
            except OSError as error:
                # What was read and not written is read again from where the database says.
                self._forget_boots()
                stop.wait(self._outage.failed(error))
                continue
            on_round(committed)
            pause = SHORTEST_PAUSE_SECONDS if committed else min(2 * pause, LONGEST_PAUSE_SECONDS)
            stop.wait(pause)

    def _boot(self, folder: Path) -> _Boot:
        boot = self._boots.get(folder.name)
        if boot is None:
            row = SpoolOffset.objects.using(self._database).filter(spool=folder.name).first()
            position = Position(row.segment, row.offset) if row else Position()
            boot = self._boots[folder.name] = _Boot(BootFolder(folder, position))
        return boot

    def _forget_boots(self) -> None:
        for boot in self._boots.values():
            boot.reader.close()
        self._boots.clear()

    def _close_removed(self, present: set[str]) -> int:
        """Somebody removed a boot's whole folder: what was read of it and has no end will get none."""
        committed = 0
        for name in self._boots.keys() - present:
            boot = self._boots[name]
            log.critical("The folder of boot %s was removed before all of it was in the database.", name)
            boot.ledger.interrupt()
            committed += self._write_ready(boot)
            boot.reader.close()
            del self._boots[name]
        return committed

    def _drain(self, boot: _Boot) -> int:
        is_dead = boot.reader.is_dead
        committed = self._write_ready(boot)
        while pieces := boot.reader.read(is_dead=is_dead):
            for piece in pieces:
                self._take(boot, piece)
            committed += self._write_ready(boot)
            if self._is_stopping():
                boot.reader.delete_before(boot.committed)
                return committed
        interrupted = boot.ledger.interrupt(None if is_dead else self._monotonic() - ABANDON_AFTER_SECONDS)
        if interrupted:
            log.warning("%d requests of boot %s have no end: recorded as interrupted", interrupted, boot.name)
            committed += self._write_ready(boot)
        boot.reader.delete_before(boot.committed)
        if is_dead and boot.ledger.is_empty:
            # The row first: a folder without one is read once more, which changes nothing; a row without a folder would stay.
            SpoolOffset.objects.using(self._database).filter(spool=boot.name).delete()
            boot.reader.delete()
            del self._boots[boot.name]
        return committed

    def _take(self, boot: _Boot, piece: Piece) -> None:
        if piece.payload is None and not piece.damaged:
            log.critical("Segment %d of boot %s is missing: its records are lost.", piece.at.segment, boot.name)
            return
        if piece.payload is None:
            log.error("%d damaged bytes in boot %s at %s", len(piece.damaged), boot.name, piece.at)
            self._set_aside(boot, piece.at, piece.damaged)
            return
        try:
            boot.ledger.take(piece.at, piece.payload, self._monotonic())
        except (msgspec.DecodeError, ValueError) as error:
            log.error("An unreadable record in boot %s at %s: %s", boot.name, piece.at, error)
            self._set_aside(boot, piece.at, frame(piece.payload))

    def _write_ready(self, boot: _Boot) -> int:
        written = 0
        while boot.ledger.has_ready and not (written and self._is_stopping()):
            batch = boot.ledger.next_batch(self._most_rows)
            try:
                self._write(boot, batch)
            except REFUSALS as error:
                self._write_one_by_one(boot, batch, error)
            written += len(batch)
        return written

    def _write(self, boot: _Boot, batch: dict[str, Entry]) -> None:
        position = boot.ledger.low_water(boot.reader.position, without=batch)
        rows = rows_of(batch.values())
        started = self._monotonic()
        ingest(rows, boot.name, position, self._database)
        took = self._monotonic() - started
        self._outage.over()
        if took > self._longest_seconds:
            self._most_rows = max(FEWEST_ROWS, self._most_rows // 2)
        elif took < self._longest_seconds / 2:
            self._most_rows = min(self._ceiling, self._most_rows + FEWEST_ROWS)
        if self._on_transaction is not None:
            self._on_transaction(took)
        boot.ledger.remove(batch)
        boot.committed = position

    def _write_one_by_one(self, boot: _Boot, batch: dict[str, Entry], error: Exception) -> None:
        """One entry the database refuses must not hold up the others: it is set aside as it was written."""
        if len(batch) > 1:
            for name, entry in batch.items():
                try:
                    self._write(boot, {name: entry})
                except REFUSALS as own_error:
                    self._write_one_by_one(boot, {name: entry}, own_error)
            return
        for entry in batch.values():
            log.error("A record in boot %s at %s was refused: %s", boot.name, entry.at, error)
            self._set_aside(boot, entry.at, b"".join(frame(payload) for payload in entry.payloads))
        boot.ledger.remove(batch)

    def _set_aside(self, boot: _Boot, at: Position, data: bytes) -> None:
        self._refused.mkdir(mode=0o700, exist_ok=True)
        path = self._refused / f"{boot.name}-{at.segment:08d}-{at.offset}.bin"
        half = path.with_suffix(".half")
        half.write_bytes(data)
        half.replace(path)

    def _drop_connection(self) -> None:
        connection = connections[self._database]
        if not connection.in_atomic_block:
            connection.close()


def _lock(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DrainerRunning(f"another drainer works on {path.parent}") from None
    return descriptor
