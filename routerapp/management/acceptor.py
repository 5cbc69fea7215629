"""Takes connections from the shared listening socket so that every gateway process gets as many as the others.

libuv takes whatever waits in one go, and the process that wakes first gets it all; most clients keep their connections, so it would
stay so. Here a process takes one at a time, and one that has more than another waits a moment to let that one go first.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sized

from routerapp.management.connection_table import ConnectionTable

# For how long one that is ahead leaves a new connection to the others; then it takes one, and each time in a row that nobody else did
# twice as many, so that processes that are too busy to come hold up nobody.
YIELD_SECONDS = 0.002
MOST_AFTER_YIELDING = 64
# As asyncio does: with no descriptor left, trying again at once would only burn the processor.
NO_DESCRIPTOR_SECONDS = 1.0
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger(__name__)


class Acceptor:
    """connections: those open now, by whoever opened them. Without a table there is nobody to share with."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        connections: Sized,
        table: ConnectionTable | None = None,
        place: int = 0,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._connections = connections
        self._table = table
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._after_yielding = 1
        self._left_to = 0

    @property
    def open(self) -> int:
        return len(self._connections) + len(self._opening)

    def start(self) -> None:
        self.note()
        self._loop.add_reader(self._listener.fileno(), self._on_readable)

    def note(self) -> None:
        """Tell the others how many are open here."""
        if self._table is not None and not self._is_closed:
            self._table.note(self._place, self.open)

    def others(self) -> list[int]:
        return self._table.others(self._place) if self._table is not None else []

    async def close(self) -> None:
        """Take what waits already, nobody else may be left to do it, then no more."""
        self._is_closed = True
        if self._table is not None:
            self._table.clear(self._place)
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listener.fileno())
        while self._take():
            pass
        self._listener.close()
        if self._opening:
            await asyncio.wait(tuple(self._opening))

    def _on_readable(self) -> None:
        others = self.others()
        if others and self.open > min(others):
            self._left_to = sum(others)
            self._pause(YIELD_SECONDS)
        else:
            self._after_yielding = 1
            self._take()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._later = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._later = None
        self._loop.add_reader(self._listener.fileno(), self._on_readable)
        if sum(self.others()) != self._left_to:
            self._after_yielding = 1
        for _ in range(self._after_yielding):
            if not self._take():
                return
        self._after_yielding = min(2 * self._after_yielding, MOST_AFTER_YIELDING)

    def _take(self) -> bool:
        """One connection; False when none waits."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                raise
            log.error("No more connections can be taken for now: %s.", error.strerror)
            if not self._is_closed:
                self._pause(NO_DESCRIPTOR_SECONDS)
            return False
        connection.setblocking(False)
        task: asyncio.Task[object] = self._loop.create_task(
            self._loop.connect_accepted_socket(self._make_protocol, connection)
        )
        self._opening.add(task)
        task.add_done_callback(self._opened)
        self.note()
        return True

    def _opened(self, task: asyncio.Task[object]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.warning("A connection could not be opened: %s", problem)
