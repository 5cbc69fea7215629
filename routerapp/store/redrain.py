"""Takes records in again that were set aside, or lie in a copy of a spool. Like the drainer's writing: what is there already is not counted twice.

What it reads from is left as it is, but for files under refused/ that are now wholly in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from django.db import transaction

from routerapp.store.drain import REFUSALS
from routerapp.store.ingest import ingest, rows_of
from routerapp.store.ledger import Entry, Ledger
from routerapp.store.spool import BootFolder, Piece, Position, boot_folders, scan
from routerapp.store.spool_inspection import is_living

BATCH_ROWS = 400
MOST_REASONS = 20


class StillWritten(ValueError):
    """A worker writes to this spool; its drainer takes it."""


class NoSpool(ValueError):
    """Nothing of a spool lies there."""


@dataclass(slots=True)
class Taken:
    """requests: with a begin or an end among the records read; written: those that were new. open: without an end, left where they are;
    too_old: the installation would forget them at once. refused: entries the database did not take, with reasons.
    """

    boots: int = 0
    files: int = 0
    removed_files: int = 0
    records: int = 0
    requests: int = 0
    written: int = 0
    open: int = 0
    too_old: int = 0
    refused: int = 0
    damaged_bytes: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.refused or self.damaged_bytes or self.reasons)

    def complain(self, reason: str) -> None:
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(reason)


class Redrain:
    """forget_before_ms: requests begun earlier are not written, since their sums may be there though their rows are forgotten.

    closes_open: also write requests without an end, as interrupted.
    """

    def __init__(
        self, database: str, *, forget_before_ms: int, closes_open: bool = False, is_dry: bool = False
    ) -> None:
        self.taken = Taken()
        self._database = database
        self._forget_before_ms = forget_before_ms
        self._closes_open = closes_open
        self._is_dry = is_dry

    def take_refused(self, folder: Path) -> Taken:
        """Files the drainer has set aside, each by itself: one that is now wholly in the database is removed."""
        for path in sorted(folder.glob("*.bin")):
            self.taken.files += 1
            data, ledger = path.read_bytes(), Ledger()
            read_to, is_clean = 0, True
            for found in scan(data, 0, is_final=True):
                at = Position(0, found.start)
                is_clean &= self._enter(ledger, Piece(at, found.payload, data[found.start : found.end]), path.name)
                read_to = found.end
            if read_to < len(data):
                is_clean &= self._enter(ledger, Piece(Position(0, read_to), None, data[read_to:]), path.name)
            # The drainer had closed them when it set them aside.
            ledger.interrupt()
            if self._write(ledger, path.name) and is_clean and not self._is_dry:
                path.unlink()
                self.taken.removed_files += 1
        return self.taken

    def take_copy(self, folder: Path) -> Taken:
        """A data folder, its spool, or one boot. Raises NoSpool or StillWritten before anything is written."""
        boots = list(_boots_of(folder))
        for boot in boots:
            if is_living(boot):
                raise StillWritten(f"{boot} is being written by a worker; its own drainer takes it.")
        for boot in boots:
            self.taken.boots += 1
            self._take_boot(boot)
        return self.taken

    def _take_boot(self, folder: Path) -> None:
        first = min((int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit()), default=0)
        reader, ledger = BootFolder(folder, Position(first, 0)), Ledger()
        while pieces := reader.read(is_dead=True):
            for piece in pieces:
                self._enter(ledger, piece, folder.name)
            self._write(ledger, folder.name)
        if self._closes_open:
            ledger.interrupt()
            self._write(ledger, folder.name)
        else:
            self.taken.open += ledger.waiting

    def _enter(self, ledger: Ledger, piece: Piece, name: str) -> bool:
        if piece.payload is None:
            self.taken.damaged_bytes += len(piece.damaged)
            what = f"{len(piece.damaged):,} damaged bytes" if piece.damaged else "the segment is missing"
            self.taken.complain(f"{name}, segment {piece.at.segment} at {piece.at.offset:,}: {what}")
            return False
        try:
            ledger.take(piece.at, piece.payload, 0.0)
        except (msgspec.DecodeError, ValueError) as error:
            self.taken.complain(
                f"{name}, segment {piece.at.segment} at {piece.at.offset:,}: no record of ours ({error})"
            )
            return False
        self.taken.records += 1
        return True

    def _write(self, ledger: Ledger, name: str) -> bool:
        """Everything that is ready; whether the database took all of it."""
        is_all = True
        while ledger.has_ready:
            batch = ledger.next_batch(BATCH_ROWS)
            kept = [entry for entry in batch.values() if not self._is_too_old(entry)]
            self.taken.too_old += len(batch) - len(kept)
            try:
                self._ingest(kept)
            except REFUSALS:
                for entry in kept:
                    is_all &= self._try_alone(entry, name)
            ledger.remove(batch)
        return is_all

    def _try_alone(self, entry: Entry, name: str) -> bool:
        try:
            self._ingest([entry])
        except REFUSALS as error:
            self.taken.refused += 1
            self.taken.complain(
                f"{name}, segment {entry.at.segment} at {entry.at.offset:,}: the database refuses it ({error})"
            )
            return False
        return True

    def _ingest(self, entries: list[Entry]) -> None:
        rows = rows_of(entries)
        with transaction.atomic(using=self._database):
            written = ingest(rows, None, Position(), self._database)
            if self._is_dry:
                transaction.set_rollback(True, using=self._database)
        self.taken.requests += len(rows.requests)
        self.taken.written += written

    def _is_too_old(self, entry: Entry) -> bool:
        record = entry.begin or entry.end or entry.feedback or (entry.attempts[0] if entry.attempts else None)
        return record is not None and record.at_ms < self._forget_before_ms


def _boots_of(folder: Path) -> Iterator[Path]:
    for candidate in (folder / "spool", folder):
        found = [boot for boot in boot_folders(candidate) if any(boot.glob("*.log"))]
        if found:
            yield from found
            return
    if not any(folder.glob("*.log")):
        raise NoSpool(f"{folder} holds no spool: no segments (*.log), and no folders with them.")
    yield folder
