"""Answers by the exact request that got them, in this process: bounded by bytes, oldest use out first, each with an end.

What a key is made of and what may be stored is serving's to say; the clock is the caller's.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
MOST_BYTES = 64 * 1024 * 1024
# What an entry costs beside its answer: key, record, places in the table.
ENTRY_BYTES = 2_048


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Answer]):
    answer: Answer
    size: int
    until_ms: int


class AnswerCache(Generic[Answer]):
    """Only the event loop's thread uses it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.bytes = 0
        self._most_bytes = most_bytes
        self._entries: OrderedDict[bytes, _Entry[Answer]] = OrderedDict()

    def find(self, key: bytes, now_ms: int) -> Answer | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now_ms >= entry.until_ms:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def store(self, key: bytes, answer: Answer, size: int, until_ms: int) -> None:
        """size: bytes of the answer. One that is larger than the whole cache is not stored."""
        size += ENTRY_BYTES
        if size > self._most_bytes:
            return
        if key in self._entries:
            self._remove(key)
        self._entries[key] = _Entry(answer, size, until_ms)
        self.bytes += size
        while self.bytes > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def _remove(self, key: bytes) -> None:
        self.bytes -= self._entries.pop(key).size
