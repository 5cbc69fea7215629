"""What calls to an upstream cost our process: the client of the data path, aiohttp, and a floor that parses nothing. CPU time, in turns.

2 KB out and 2 KB back over kept connections; streams of 200 events, each in a packet of its own. The upstream is a process of its own,
`python -m benchmarks.client upstream`, and prints its port.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from routerapp.providers.base import Target, UpstreamRequest
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard

PROJECT = Path(__file__).resolve().parent.parent
ROUNDS, REQUESTS, STREAMS, PARALLEL, EVENTS = 7, 3_000, 64, 16, 200
SECONDS_BETWEEN_EVENTS = 0.002
BODY = b'{"model": "m", "messages": "%b"}' % (b"word " * 400)
STREAM_BODY = BODY.replace(b'"m"', b'"s"')
HEADERS = {"content-type": "application/json", "accept": "application/json", "authorization": "Bearer key-0123456789"}
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2_000
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b"c8\r\ndata: " + b"x" * 192 + b"\n\n\r\n"
STREAM_END = b"0\r\n\r\n"
# Asks once and returns the number of bytes of the answer's body.
Ask = Callable[[bytes], Awaitable[int]]


def measure() -> dict[str, Any]:
    """Medians of the rounds: µs of CPU per request, and per event of a stream."""
    with _upstream() as port:
        return uvloop.run(_rounds(port))


async def _rounds(port: int) -> dict[str, Any]:
    spent: dict[str, list[float]] = {}
    async with _ours(port) as ours, _aiohttp(port) as peer, _floor(port) as floor:
        clients: dict[str, Ask] = {"this client": ours, "aiohttp": peer, "floor": floor}
        for number in range(ROUNDS + 1):
            for name, ask in clients.items():
                plain = await _cpu_us(ask, BODY, REQUESTS, 2_000)
                event = await _cpu_us(ask, STREAM_BODY, STREAMS, EVENTS * 200) / EVENTS
                if number:
                    spent.setdefault(f"{name}: plain request, µs", []).append(plain)
                    spent.setdefault(f"{name}: event of a stream, µs", []).append(event)
    return {
        label: {"least": round(min(values), 1), "median": round(statistics.median(values), 1)}
        for label, values in spent.items()
    }


async def _cpu_us(ask: Ask, body: bytes, times: int, expected: int) -> float:
    async def work() -> None:
        for _ in range(times // PARALLEL):
            if await ask(body) != expected:
                raise RuntimeError("the answer is not whole")

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(PARALLEL)))
    return (time.process_time() - began) / times * 1e6


@asynccontextmanager
async def _ours(port: int) -> AsyncIterator[Ask]:
    transport = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    target = Target("here", "openai", url, "m")

    async def ask(body: bytes) -> int:
        answer = await transport.open(UpstreamRequest("POST", url, {**HEADERS}, body, False, target), 1_000)
        size = 0
        async for packet in answer.chunks():
            size += len(packet)
        await answer.close()
        return size

    yield ask
    await transport.close()


@asynccontextmanager
async def _aiohttp(port: int) -> AsyncIterator[Ask]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask(body: bytes) -> int:
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            size = 0
            async with session.post(url, data=body, headers={**HEADERS}, allow_redirects=False) as response:
                while packet := await response.content.readany():
                    size += len(packet)
            return size

        yield ask


@asynccontextmanager
async def _floor(port: int) -> AsyncIterator[Ask]:
    idle: list[_Counter] = []
    made: list[_Counter] = []
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY)

    async def ask(body: bytes) -> int:
        if idle:
            line = idle.pop()
        else:
            _, line = await asyncio.get_running_loop().create_connection(_Counter, "127.0.0.1", port)
            made.append(line)
        size = await line.ask(head + body, is_stream=body is STREAM_BODY)
        idle.append(line)
        return size

    yield ask
    for line in made:
        line.transport.abort()


class _Counter(asyncio.Protocol):
    """Writes a request and counts bytes until as many as expected, or the end of a stream, have come."""

    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, data: bytes, *, is_stream: bool) -> asyncio.Future[int]:
        self._is_stream, self._size = is_stream, 0
        self._answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        if self._is_stream:
            if data.endswith(STREAM_END):
                self._answer.set_result(EVENTS * 200)
        elif self._size == len(ANSWER):
            self._answer.set_result(2_000)


class _Upstream(asyncio.Protocol):
    """Answers whatever is as long as one of the two bodies."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        place = self._got.find(b"\r\n\r\n")
        if place < 0 or len(self._got) < place + 4 + len(BODY):
            return
        is_stream, self._got = self._got.startswith(STREAM_BODY[:14], place + 4), b""
        self._transport.write(STREAM_HEAD if is_stream else ANSWER)
        if is_stream:
            self._send(EVENTS)

    def _send(self, left: int) -> None:
        self._transport.write(EVENT if left else STREAM_END)
        if left:
            asyncio.get_running_loop().call_later(SECONDS_BETWEEN_EVENTS, self._send, left - 1)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def _upstream() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.client", "upstream"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__" and sys.argv[1:] == ["upstream"]:
    uvloop.run(_serve())
