"""The spool's frames and segments: how records lie on disk, read by the drainer and by recovery. Layout: docs/journal.md."""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FRAME_VERSION = 0xB1
LOCK_NAME = "lock"
RESERVE_NAME = "reserve"
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
_HEADER = struct.Struct(">BII")
_PREFIX = struct.Struct(">BI")


def frame(payload: bytes) -> bytes:
    """Version byte, payload length, CRC32 of both and the payload (all big-endian), payload."""
    prefix = _PREFIX.pack(FRAME_VERSION, len(payload))
    return _HEADER.pack(FRAME_VERSION, len(payload), zlib.crc32(payload, zlib.crc32(prefix))) + payload


def segment_name(segment: int) -> str:
    return f"{segment:08d}.log"


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of a segment: a whole frame's payload, or None for damaged bytes. start and end are offsets in the segment."""

    start: int
    end: int
    payload: bytes | None


def scan(data: bytes, base: int, *, is_final: bool) -> Iterator[Found]:
    """Whole frames in data, which starts at offset base of its segment; stops before an unfinished end.

    is_final: nobody writes this segment any more, so what looks unfinished in its middle is damage. Damaged bytes are reported as
    one piece up to the next whole frame; with none after them they are the torn tail, and the caller's to judge.
    """
    at = 0
    while at < len(data):
        end = _frame_end(data, at)
        if end is not None:
            yield Found(base + at, base + end, data[at + _HEADER.size : end])
            at = end
            continue
        after = None if _looks_unfinished(data, at) and not is_final else _next_frame(data, at + 1)
        if after is None:
            return
        yield Found(base + at, base + after, None)
        at = after


def _frame_end(data: bytes, at: int) -> int | None:
    if at + _HEADER.size > len(data):
        return None
    version, length, checksum = _HEADER.unpack_from(data, at)
    end: int = at + _HEADER.size + length
    if version != FRAME_VERSION or length > MAX_PAYLOAD_BYTES or end > len(data):
        return None
    payload = memoryview(data)[at + _HEADER.size : end]
    return end if zlib.crc32(payload, zlib.crc32(data[at : at + _PREFIX.size])) == checksum else None


def _looks_unfinished(data: bytes, at: int) -> bool:
    if at + _HEADER.size > len(data):
        return data[at] == FRAME_VERSION
    version, length, _ = _HEADER.unpack_from(data, at)
    return bool(version == FRAME_VERSION and length <= MAX_PAYLOAD_BYTES and at + _HEADER.size + length > len(data))


def _next_frame(data: bytes, at: int) -> int | None:
    start = data.find(FRAME_VERSION, at)
    while start >= 0:
        if _frame_end(data, start) is not None:
            return start
        start = data.find(FRAME_VERSION, start + 1)
    return None


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a boot's series: everything before it is read."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Found, with its place. damaged holds the bytes that are no frame; without any, the segment is gone."""

    at: Position
    payload: bytes | None
    damaged: bytes = b""


class BootFolder:
    """One worker boot's series of segments, read forward from a position."""

    def __init__(self, folder: Path, position: Position) -> None:
        self.folder = folder
        self.position = position
        self._lock_descriptor: int | None = None

    @property
    def is_dead(self) -> bool:
        """Whether its worker is gone; once true, the lock is ours and stays ours until close()."""
        if self._lock_descriptor is None:
            descriptor = os.open(self.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._lock_descriptor = descriptor
        return True

    def read(self, *, is_dead: bool) -> list[Piece]:
        """The next pieces, about a mebibyte of them; moves position. Empty when there is nothing more for now.

        is_dead must have been asked before, so that nothing can be written between the question and the read.
        """
        while True:
            following = self._following()
            is_closed = is_dead or following is not None
            pieces, is_exhausted = self._read_segment(is_closed)
            if pieces or not is_exhausted or not is_closed or following is None:
                return pieces
            here = self.position.segment
            is_here = (self.folder / segment_name(here)).exists()
            self.position = Position(following, 0)
            missing = range(here + 1 if is_here else here, following)
            if missing:
                return [Piece(Position(segment, 0), None) for segment in missing]

    def _following(self) -> int | None:
        """The next segment there is: usually the next number, unless somebody removed it."""
        usual = self.position.segment + 1
        if (self.folder / segment_name(usual)).exists():
            return usual
        return min((number for path in self.folder.glob("*.log") if (number := _number(path)) >= usual), default=None)

    def delete_before(self, position: Position) -> None:
        """Remove segments that are wholly before position."""
        for path in self.folder.glob("*.log"):
            if 0 <= _number(path) < position.segment:
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Remove the whole boot; only for a dead one that is read and committed to its end."""
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)
        self.folder.rmdir()
        self.close()

    def close(self) -> None:
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _read_segment(self, is_closed: bool) -> tuple[list[Piece], bool]:
        """Pieces of the current segment and whether it holds nothing after them. A closed one's torn tail is a damaged piece."""
        number, offset = self.position.segment, self.position.offset
        try:
            descriptor = os.open(self.folder / segment_name(number), os.O_RDONLY)
        except FileNotFoundError:
            return [], True
        try:
            size = os.fstat(descriptor).st_size
            wanted = CHUNK_BYTES
            while offset < size:
                data = os.pread(descriptor, wanted, offset)
                is_end = offset + len(data) >= size
                found = list(scan(data, offset, is_final=is_closed and is_end))
                if is_closed and is_end:
                    read_to = found[-1].end if found else offset
                    if read_to < size:
                        found.append(Found(read_to, size, None))
                if found or is_end:
                    return self._take(found, data, offset), not found
                wanted *= 2
            return [], True
        finally:
            os.close(descriptor)

    def _take(self, found: list[Found], data: bytes, base: int) -> list[Piece]:
        number = self.position.segment
        if found:
            self.position = Position(number, found[-1].end)
        return [
            Piece(
                Position(number, piece.start),
                piece.payload,
                b"" if piece.payload is not None else data[piece.start - base : piece.end - base],
            )
            for piece in found
        ]


def _number(path: Path) -> int:
    """-1 for a file that is none of ours."""
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else -1


def boot_folders(spool_folder: Path) -> list[Path]:
    """Boots, oldest first. A boot that is still being claimed has a hidden name and is not among them."""
    if not spool_folder.exists():
        return []
    return sorted(path for path in spool_folder.iterdir() if path.is_dir() and not path.name.startswith("."))
