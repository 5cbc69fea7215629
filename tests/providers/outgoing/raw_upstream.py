"""A server on loopback that sends exactly the bytes it is told to, when it is told to, and notes what happens to its connections."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from routerapp.providers.base import Target, UpstreamRequest
from routerapp.providers.client import HttpTransport
from routerapp.providers.outgoing.answer import HttpAnswer

OK = b"HTTP/1.1 200 OK\r\n"
FINE = OK + b"content-length: 4\r\n\r\nfine"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class Then(Enum):
    CLOSE = "closes"
    RESET = "resets"
    LEFT = "waits until the client has left"


# Bytes to send, seconds to wait, or what to do with the connection.
Step = bytes | float | Then


@dataclass
class Line:
    """One connection as the server sees it."""

    asked: list[bytes] = field(default_factory=list)
    sent: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    server_name: str | None = None
    protocol: str | None = None


class RawUpstream:
    """async with RawUpstream([step, …], …) as up: the n-th request gets the n-th reply, the last reply serves all that follow.

    echo: the body comes back instead. reads_body=False: the request is never read further than its head.
    """

    def __init__(
        self,
        *replies: Sequence[Step],
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
        echo: bool = False,
        reads_body: bool = True,
        is_silent: bool = False,
    ) -> None:
        self.lines: list[Line] = []
        self.port = port
        self._replies = list(replies)
        self._tls = tls
        self._address = address
        self._echo = echo
        self._reads_body = reads_body
        self._is_silent = is_silent
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return self.url_of(self._address)

    def url_of(self, host: str) -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/v1/chat"

    @property
    def asked(self) -> list[bytes]:
        return [request for line in self.lines for request in line.asked]

    async def all_closed(self) -> None:
        async with asyncio.timeout(5):
            for line in self.lines:
                await line.closed.wait()

    async def __aenter__(self) -> RawUpstream:
        listening = socket.socket(socket.AF_INET6 if ":" in self._address else socket.AF_INET)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self._address, self.port))
        tls = None if self._is_silent else self._tls
        self._server = await asyncio.start_server(self._accept, sock=listening, ssl=tls)
        self.port = int(listening.getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line()
        self.lines.append(line)
        tls = writer.get_extra_info("ssl_object")
        line.protocol = tls.selected_alpn_protocol() if tls else None
        try:
            if self._is_silent:
                await reader.read(1 << 20)
                await reader.read(1)
            while (request := await self._read(reader)) is not None:
                line.asked.append(request)
                await self._reply(request, line, reader, writer)
        except (OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # A RuntimeError is how uvloop says that a connection is closed.
            pass
        finally:
            line.closed.set()
            self._tasks.discard(task)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head + (await reader.readexactly(length) if self._reads_body else b"")

    async def _reply(
        self, request: bytes, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._echo:
            body = request.partition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.001)
            writer.write(OK + b"content-length: %d\r\n\r\n" % len(body) + body)
            return
        for step in self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                    line.sent += len(step)
                case Then.CLOSE:
                    writer.close()
                    raise ConnectionError
                case Then.RESET:
                    _reset_when_closed(writer)
                    raise ConnectionError
                case Then.LEFT:
                    await reader.read(1)
                    raise ConnectionError
                case _:
                    await asyncio.sleep(step)


def _reset_when_closed(writer: asyncio.StreamWriter) -> None:
    raw = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def request_to(url: str, body: bytes = b"{}", /, **headers: str) -> UpstreamRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return UpstreamRequest("POST", url, named, body, False, Target("here", "openai", url, "model"))


async def ask(transport: HttpTransport, url: str, body: bytes = b"{}", /, **headers: str) -> HttpAnswer:
    return await transport.open(request_to(url, body, **headers), 2_000)


async def ask_all(transport: HttpTransport, url: str, body: bytes = b"{}") -> tuple[int, bytes]:
    """Status and body, the connection given back as the product does it."""
    answer = await ask(transport, url, body)
    try:
        whole = await answer.read(1 << 26)
    except BaseException:
        answer.abort()
        raise
    await answer.close()
    return answer.status, whole


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def tasks_left() -> set[asyncio.Task[Any]]:
    """Of the client: the server's and the test's own are not counted."""
    own = asyncio.current_task()
    return {one for one in asyncio.all_tasks() if one is not own and "RawUpstream" not in repr(one)}
