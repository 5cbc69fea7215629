"""Something to read for whoever stands between us and the caller while a model thinks: proxies cut connections that stay silent.

Never inside an event, never before the first one, and the answer itself is not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import MappingProxyType

from routerapp.gateway.body import ClientGone
from routerapp.providers.clock import Clock

# The shortest silence that common proxies take for a dead connection is half a minute.
SILENT_SECONDS = 15.0
# Both are passed over by every reader of the dialect: a comment of SSE, and the vendor's own event for it.
SIGNS = MappingProxyType({"openai": b": keep-alive\n\n", "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n'})
_NEARLY = 0.001


class KeepAlive:
    """Writes events, and a sign whenever nothing was written for a while. Leaving it ends the second flow, whatever happened."""

    def __init__(self, clock: Clock, write: Callable[[bytes], Awaitable[None]], sign: bytes) -> None:
        self._clock = clock
        self._write = write
        self._sign = sign
        self._turn = asyncio.Lock()
        self._written_at = 0.0
        self._beat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> KeepAlive:
        return self

    async def __aexit__(self, *problem: object) -> None:
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)

    async def write(self, event: bytes) -> None:
        async with self._turn:
            await self._write(event)
            self._written_at = self._clock.monotonic()
        if self._beat is None:
            self._beat = self._clock.spawn(self._give_signs())

    async def _give_signs(self) -> None:
        """A caller who is gone is found out by the flow of the answer; this one just stops."""
        try:
            while True:
                await self._clock.sleep(self._left)
                if self._left <= _NEARLY:
                    async with self._turn:
                        await self._write(self._sign)
                        self._written_at = self._clock.monotonic()
        except (ClientGone, OSError):
            return

    @property
    def _left(self) -> float:
        """Seconds of silence that are still fine. While an event is being written there is none."""
        if self._turn.locked():
            return SILENT_SECONDS
        return max(_NEARLY, self._written_at + SILENT_SECONDS - self._clock.monotonic())
