"""One upstream's answer as it comes off the wire: the reader's side. Knows its connection only as something to resume, drain or abort."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from routerapp.providers.errors import AnswerTooLarge, ProviderError
from routerapp.providers.outgoing.inflater import Inflater

# As much waits for a slow reader; beyond it the upstream is made to wait.
HIGH_WATER_BYTES = 64 * 1024


class Source(Protocol):
    def resume(self) -> None:
        """The reader has caught up."""

    def drain(self) -> None:
        """Nobody reads on: what little is still due may come, so that the connection can be kept."""

    def abort(self) -> None: ...


class HttpAnswer:
    """Filled by its connection (parts, size, status, headers, then end or fail, and wake), read by one reader.

    An answer that has ended no longer knows its connection, so whatever its holder does later harms no other request.
    """

    __slots__ = (
        "_error",
        "_inflater",
        "_is_begun",
        "_is_ended",
        "_loop",
        "_source",
        "_waiter",
        "connect_ms",
        "headers",
        "parts",
        "size",
        "status",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, connect_ms: int | None) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.connect_ms = connect_ms
        self.parts: list[bytes] = []
        self.size = 0
        self._source: Source | None = source
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._error: ProviderError | None = None
        self._is_ended = False
        self._is_begun = False
        self._inflater: Inflater | None = None

    def end(self) -> None:
        self._is_ended = True
        self._source = None

    def fail(self, error: ProviderError) -> None:
        """What has come before stays readable."""
        self._error = error
        self._source = None

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def head(self) -> None:
        """Returns when status and headers are there. Raises StreamBroken or BadAnswer."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._news()
        encoding = self.headers.get("content-encoding")
        if encoding:
            self._inflater = Inflater.of(encoding, self.status)

    async def read(self, limit: int) -> bytes:
        parts, size = [], 0
        async for packet in self:
            parts.append(packet)
            size += len(packet)
            if size > limit:
                self.abort()
                raise AnswerTooLarge(f"The answer is larger than {limit} bytes.", http_status=self.status)
        return b"".join(parts)

    def whole(self) -> bytes | None:
        if not self._is_ended or self._inflater is not None or self._is_begun:
            return None
        self._is_begun = True
        return self._take()

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._inflater is not None:
            return await self._next_inflated(self._inflater)
        self._is_begun = True
        while not self.parts:
            self._check()
            await self._news()
        return self._take()

    async def close(self) -> None:
        """The connection is kept if the end of the body is here already or comes soon."""
        source, self._source = self._source, None
        if source is not None:
            source.drain()

    def abort(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.abort()

    def _take(self) -> bytes:
        """All that has come, in one piece."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self.size > HIGH_WATER_BYTES and self._source is not None:
            self._source.resume()
        self.size = 0
        return data

    def _check(self) -> None:
        """Raises when nothing more will come."""
        if self._error is not None:
            raise self._error
        if self._is_ended:
            raise StopAsyncIteration

    def _news(self) -> asyncio.Future[None]:
        """Done when the connection has something to tell."""
        waiter = self._waiter = self._loop.create_future()
        return waiter

    async def _next_inflated(self, inflater: Inflater) -> bytes:
        while True:
            data = inflater.more()
            if data:
                return data
            try:
                while not self.parts:
                    self._check()
                    await self._news()
            except StopAsyncIteration:
                inflater.finish()
                raise
            inflater.feed(self._take())
