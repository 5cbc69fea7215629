"""uvicorn as one of several gateway processes: it shares a listening socket, says when it is ready, and leaves without losing a request.

SIGTERM (a restart, a stop): takes no more connections, answers what comes on those that are open, closes the silent ones after some
seconds, and ends. SIGINT (Ctrl-C): the same without waiting for silent ones. A second signal ends at once.
"""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from routerapp.management.acceptor import Acceptor
from routerapp.management.connection_table import ConnectionTable
from routerapp.management.farewell import close_after_next_answer, close_after_this_answer, is_idle
from routerapp.serving.runtime import Runtime

# A silent connection is kept so long after the process began to leave: who has just used it may use it again.
LINGER_SECONDS = 3.0
LOOK_SECONDS = 0.02
# Asked to come again elsewhere: connections beyond the average by more than this.
SPARE_SHARE, SPARE = 0.2, 2
# The part of what is too many that is given up every tenth of a second.
GIVEN_UP_A_TICK = 0.1


class WorkerServer(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        *,
        drain_seconds: int,
        on_ready: Callable[[], None] = lambda: None,
        table: ConnectionTable | None = None,
        place: int = 0,
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._drain_seconds = drain_seconds
        self._on_ready = on_ready
        self._table = table
        self._place = place
        self._acceptor: Acceptor | None = None
        self._has_told = False
        self._linger_seconds = LINGER_SECONDS

    @property
    def runtime(self) -> Runtime | None:
        return self.lifespan.state.get("runtime")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._acceptor = Acceptor(
            self._listener, self._make_protocol, self.server_state.connections, self._table, self._place
        )
        self._acceptor.start()

    def _make_protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        if self.should_exit:
            close_after_next_answer(protocol)
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if self._acceptor is not None:
            self._acceptor.note()
            self._even_out(self._acceptor)
        if not self._has_told and self.runtime is not None and self.runtime.has_snapshot:
            self._has_told = True
            self._on_ready()
        return await super().on_tick(counter)

    def _even_out(self, acceptor: Acceptor) -> None:
        """One that has far more connections than the average asks some to come again; they go to who has the fewest."""
        counts = [acceptor.open, *acceptor.others()]
        average = sum(counts) / len(counts)
        too_many = acceptor.open - average
        if too_many <= max(SPARE, SPARE_SHARE * average):
            return
        left = math.ceil(too_many * GIVEN_UP_A_TICK)
        for connection in tuple(self.server_state.connections):
            left -= close_after_this_answer(connection)
            if left <= 0:
                return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        deadline = time.monotonic() + self._drain_seconds
        if self.runtime is not None:
            self.runtime.is_draining = True
        if self._acceptor is not None:
            await self._acceptor.close()
        await self._see_off(deadline)
        # What still runs has had its time: a second later it is cancelled, and recorded as that.
        self.config.timeout_graceful_shutdown = 1
        await super().shutdown(sockets=[])

    async def _see_off(self, deadline: float) -> None:
        silent_since: dict[Any, float] = {}
        for connection in tuple(self.server_state.connections):
            close_after_next_answer(connection)
        while self.server_state.connections and not self.force_exit and time.monotonic() < deadline:
            now = time.monotonic()
            for connection in tuple(self.server_state.connections):
                if not is_idle(connection):
                    silent_since.pop(connection, None)
                elif now - silent_since.setdefault(connection, now) >= self._linger_seconds:
                    connection.shutdown()
            await asyncio.sleep(LOOK_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Unlike uvicorn's, the signal is not raised again in the end: to leave when asked to is no failure."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        if sig == signal.SIGINT:
            self._linger_seconds = 0.0
