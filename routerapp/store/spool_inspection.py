"""What lies in a spool, boot by boot: counts, places and times, never content. Changes nothing, and needs no database."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from routerapp.store.spool import LOCK_NAME, BootFolder, Piece, Position, boot_folders

MOST_PLACES = 100
KINDS = ("begin", "attempt", "end", "feedback")


class _Head(msgspec.Struct, frozen=True, gc=False):
    record: str
    id: str
    at_ms: int


_decoder = msgspec.msgpack.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Place:
    """what: damaged (bytes that are no frame), torn (the same at the end of a dead boot), unreadable (a frame with no record of ours),
    missing (a segment that is not there)."""

    segment: int
    offset: int
    bytes: int
    what: str


@dataclass(slots=True)
class BootReport:
    """undrained: what the database has not committed yet; null while nobody can ask it. open: begun and not ended.

    oldest_ms, newest_ms: of all records here, by their own clock. damaged_places may be more than places lists.
    """

    boot: str
    is_living: bool
    segments: int = 0
    bytes: int = 0
    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    undrained_bytes: int | None = None
    undrained_records: int | None = None
    open: int = 0
    oldest_ms: int | None = None
    newest_ms: int | None = None
    damaged_places: int = 0
    places: list[Place] = field(default_factory=list)


def inspect_spool(
    spool_folder: Path, offsets: Mapping[str, Position] | None, boot: str | None = None
) -> Iterator[BootReport]:
    """Each boot, oldest first, or the one named. offsets: what the database says; None while it does not answer."""
    for folder in boot_folders(spool_folder):
        if boot is None or folder.name == boot:
            yield inspect_boot(folder, None if offsets is None else offsets.get(folder.name, Position()))


def inspect_boot(folder: Path, drained_to: Position | None) -> BootReport:
    segments = sorted(folder.glob("*.log"))
    sizes = {int(path.stem): path.stat().st_size for path in segments if path.stem.isdigit()}
    report = BootReport(folder.name, is_living(folder), len(sizes), sum(sizes.values()))
    if drained_to is not None:
        report.undrained_bytes = sum(_left(number, size, drained_to) for number, size in sizes.items())
        report.undrained_records = 0
    reader = BootFolder(folder, Position(min(sizes, default=0), 0))
    begun: set[str] = set()
    ends: Counter[int] = Counter(sizes)
    while pieces := reader.read(is_dead=not report.is_living):
        for piece in pieces:
            _count(report, piece, begun, drained_to, ends)
    report.open = len(begun)
    return report


def is_living(folder: Path) -> bool:
    """Whether a worker holds its lock. A copy has none, or a free one."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _left(number: int, size: int, drained_to: Position) -> int:
    if number < drained_to.segment:
        return 0
    return max(0, size - drained_to.offset) if number == drained_to.segment else size


def _count(
    report: BootReport, piece: Piece, begun: set[str], drained_to: Position | None, sizes: Mapping[int, int]
) -> None:
    if piece.payload is None:
        end = piece.at.offset + len(piece.damaged)
        is_tail = not report.is_living and piece.at.segment == max(sizes) and end == sizes[piece.at.segment]
        _note(report, piece, "missing" if not piece.damaged else "torn" if is_tail else "damaged", len(piece.damaged))
        return
    try:
        head = _decoder.decode(piece.payload)
    except (msgspec.DecodeError, ValueError):
        _note(report, piece, "unreadable", len(piece.payload))
        return
    if head.record not in KINDS:
        _note(report, piece, "unreadable", len(piece.payload))
        return
    report.records[head.record] += 1
    if drained_to is not None and report.undrained_records is not None and piece.at >= drained_to:
        report.undrained_records += 1
    report.oldest_ms = head.at_ms if report.oldest_ms is None else min(report.oldest_ms, head.at_ms)
    report.newest_ms = head.at_ms if report.newest_ms is None else max(report.newest_ms, head.at_ms)
    if head.record == "begin":
        begun.add(head.id)
    elif head.record == "end":
        begun.discard(head.id)


def _note(report: BootReport, piece: Piece, what: str, size: int) -> None:
    report.damaged_places += 1
    if len(report.places) < MOST_PLACES:
        report.places.append(Place(piece.at.segment, piece.at.offset, size, what))
