"""How many connections each gateway process has open: one number a place, in memory that all of them share.

It only helps to spread new connections. A number that is wrong, as one of a process just killed, costs a pause of milliseconds.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile

from routerapp.worker_settings import MOST_WORKERS

TABLE = "_SIGNALBOX_CONNECTION_TABLE"
# Two generations may be there at the same time.
PLACES = 2 * MOST_WORKERS
_NUMBER = struct.Struct("=Q")


def place_of(slot: int, generation: int) -> int:
    return slot + MOST_WORKERS * (generation % 2)


class ConnectionTable:
    """A place that takes no connections is empty."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._numbers = mmap.mmap(descriptor, PLACES * _NUMBER.size)

    @classmethod
    def make(cls) -> ConnectionTable:
        """A new one, in a file without a name."""
        with tempfile.TemporaryFile() as file:
            file.truncate(PLACES * _NUMBER.size)
            return cls(os.dup(file.fileno()))

    @classmethod
    def inherited(cls) -> ConnectionTable | None:
        number = os.environ.get(TABLE)
        return None if number is None else cls(int(number))

    def note(self, place: int, connections: int) -> None:
        _NUMBER.pack_into(self._numbers, place * _NUMBER.size, connections + 1)

    def clear(self, place: int) -> None:
        _NUMBER.pack_into(self._numbers, place * _NUMBER.size, 0)

    def others(self, place: int) -> list[int]:
        """Of every process but the one at this place that takes connections now."""
        numbers = [number for (number,) in _NUMBER.iter_unpack(self._numbers[:])]
        return [number - 1 for other, number in enumerate(numbers) if number and other != place]
