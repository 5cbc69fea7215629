"""The connections to one origin for one deployment. As many as requests need at once, a bounded number kept for the next ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from routerapp.providers.outgoing.connection import Connection
from routerapp.providers.outgoing.origin import Origin

# Shorter than what common servers and balancers keep a silent connection for.
KEPT_SECONDS = 20.0
# A server that names a time of its own is left that much before it.
EARLIER_SECONDS = 1.0
MOST_KEPT = 512
DRAIN_SECONDS = 1.0


class Pool:
    """watch is called when sweep has something to wait for."""

    def __init__(self, origin: Origin, watch: Callable[[], None]) -> None:
        self.origin = origin
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._draining: set[Connection] = set()
        self._is_closed = False

    def make(self) -> Connection:
        """A new one, for the loop to connect."""
        return Connection(self, self._loop)

    def opened(self, connection: Connection) -> None:
        """Only now: where connecting is given up, the loop closes the socket itself, and uvloop tells nobody."""
        if self._is_closed:
            connection.abort()
        elif connection.is_usable:
            self._open.add(connection)

    def take(self) -> Connection | None:
        """The one used last: it is the least likely to be closed by the other side, and the others can grow old."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.is_usable and self._loop.time() < connection.until:
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection) -> None:
        self._draining.discard(connection)
        seconds = min(KEPT_SECONDS, connection.kept_seconds - EARLIER_SECONDS)
        if len(self._idle) >= MOST_KEPT or seconds <= 0:
            connection.abort()
            return
        connection.until = self._loop.time() + seconds
        self._idle.append(connection)
        self._watch()

    def drain(self, connection: Connection) -> None:
        connection.until = self._loop.time() + DRAIN_SECONDS
        self._draining.add(connection)
        self._watch()

    def forget(self, connection: Connection, *, is_stale: bool) -> None:
        """Where one kept connection turns out to be dead, its neighbours went with it: the next request gets a new one."""
        self._open.discard(connection)
        self._draining.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if is_stale:
            self._drop_idle()

    def sweep(self, now: float) -> bool:
        """Closes what waited too long; whether anything still waits."""
        late = [one for one in (*self._idle, *self._draining) if now >= one.until]
        if late:
            self._idle = [one for one in self._idle if now < one.until]
            self._draining.difference_update(late)
            for connection in late:
                connection.abort()
        return bool(self._idle or self._draining)

    def close(self) -> None:
        self._is_closed = True
        for connection in tuple(self._open):
            connection.abort()
        self._idle.clear()
        self._draining.clear()

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
