"""Notices that the caller has left while an answer is being made, and cancels the work, upstream included.

Our own protocol tells; under another server a task waits for the news.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from routerapp.gateway.body import ClientGone, Receive
from routerapp.gateway.protocol import Wire


class CancelWhenGone:
    """Around the work of one request, after its body was read. Leaving by the caller's disconnect raises ClientGone."""

    def __init__(self, receive: Receive, wire: Wire | None) -> None:
        self._receive = receive
        self._wire = wire
        self._is_gone = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> CancelWhenGone:
        worker = asyncio.current_task()
        assert worker is not None
        self._worker = worker
        wire = self._wire
        if wire is None:
            self._watcher = asyncio.create_task(self._watch())
        elif wire.disconnected:
            raise ClientGone
        else:
            wire.on_gone = self._leave
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.on_gone = None
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        if self._is_gone and kind is asyncio.CancelledError and self._worker.uncancel() == 0:
            raise ClientGone from None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._watcher is not None:
            self._leave()

    def _leave(self) -> None:
        self._is_gone = True
        self._worker.cancel()
