"""Requests of one boot that are read from its spool but not yet in the database, in the order they began.

The spool's offset never moves past the oldest of them, so a drainer that dies reads them again: that is the whole recovery.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from routerapp.store.records import AttemptEnd, Begin, End, FeedbackGiven, decode_record
from routerapp.store.spool import Position


@dataclass(slots=True)
class Entry:
    """What is known of one request (or one feedback). begin_payload is the begin record as written.

    read_at: seconds on the drainer's own clock; the records' times may be a virtual clock's.
    """

    at: Position
    read_at: float
    begin: Begin | None = None
    begin_payload: bytes = b""
    attempts: list[AttemptEnd] = field(default_factory=list)
    end: End | None = None
    feedback: FeedbackGiven | None = None
    payloads: list[bytes] = field(default_factory=list)
    is_ready: bool = False

    @property
    def rows(self) -> int:
        """About how many rows it becomes: request, inputs, trace, body and the attempts."""
        return 4 + len(self.attempts) if self.begin else 1 + len(self.attempts)


class Ledger:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._ready: dict[str, None] = {}
        self._now = 0.0

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    @property
    def waiting(self) -> int:
        """Entries without an end."""
        return len(self._entries) - len(self._ready)

    @property
    def is_empty(self) -> bool:
        return not self._entries

    def take(self, at: Position, payload: bytes, now: float) -> None:
        """Enter one record. Raises msgspec.ValidationError or DecodeError when it is none of ours."""
        record = decode_record(payload)
        self._now = now
        match record:
            case Begin():
                entry = self._entry(record.id, at)
                if entry.begin is None:
                    entry.begin, entry.begin_payload = record, payload
            case End():
                entry = self._entry(record.id, at)
                entry.end = entry.end or record
                self._make_ready(record.id, entry)
            case AttemptEnd():
                entry = self._take_attempt(at, record)
            case FeedbackGiven():
                entry = self._entry(f"feedback {record.id}", at)
                entry.feedback = record
                self._make_ready(f"feedback {record.id}", entry)
        entry.payloads.append(payload)

    def interrupt(self, read_before: float | None = None) -> int:
        """Close requests without an end: all of them, or those read before that moment. Returns how many."""
        closed = [
            (name, entry)
            for name, entry in self._entries.items()
            if not entry.is_ready and (read_before is None or entry.read_at < read_before)
        ]
        for name, entry in closed:
            self._make_ready(name, entry)
        return len(closed)

    def next_batch(self, most_rows: int) -> dict[str, Entry]:
        """Finished entries, oldest end first, of about most_rows rows; at least one if there is any."""
        batch: dict[str, Entry] = {}
        rows = 0
        for name in self._ready:
            entry = self._entries[name]
            rows += entry.rows
            if batch and rows > most_rows:
                break
            batch[name] = entry
        return batch

    def remove(self, batch: dict[str, Entry]) -> None:
        for name in batch:
            del self._entries[name]
            del self._ready[name]

    def low_water(self, read_to: Position, without: dict[str, Entry] | None = None) -> Position:
        """Where a new drainer has to start reading once the entries of without are committed."""
        for name, entry in self._entries.items():
            if without is None or name not in without:
                return min(entry.at, read_to)
        return read_to

    def _entry(self, name: str, at: Position) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = Entry(at, self._now)
        return entry

    def _take_attempt(self, at: Position, attempt: AttemptEnd) -> Entry:
        """An attempt whose request is unknown here is written alone: the request is in the database already, or its begin was damaged."""
        entry = self._entries.get(attempt.id)
        if entry is None:
            name = f"attempt {attempt.id} {attempt.number} {attempt.retry}"
            entry = self._entry(name, at)
            self._make_ready(name, entry)
        entry.attempts.append(attempt)
        return entry

    def _make_ready(self, name: str, entry: Entry) -> None:
        entry.is_ready = True
        self._ready[name] = None
