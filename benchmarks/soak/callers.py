"""The callers: requests at a fixed rate, whether earlier ones are answered or not. Writes every answered id and every broken request down.

A process of its own: `python -m benchmarks.soak.callers` with an Order as JSON on standard input. Ends by itself; prints one JSON summary.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

import msgspec
import orjson
import uvloop

MOST_LINES = 400
# A server closes idle connections; nothing is sent on one that may be closing.
IDLE_SECONDS = 2.0
ANSWER_SECONDS = 60.0
CONNECT_SECONDS = 45.0
STREAM_EVERY = 5
REFUSED_EVERY = 50
BUCKET = 1.1


class Order(msgspec.Struct, frozen=True):
    """rate: requests a second; 0 means as many as `parallel` lines can, one after the other."""

    port: int
    key: str
    seconds: float
    rate: float
    folder: str
    parallel: int = 32


class Broken(msgspec.Struct, frozen=True):
    """A request whose answer did not arrive whole. at: time.time(). line: the connection's local port. id: if its head had arrived."""

    at: float
    line: int
    id: str
    why: str


class Summary(msgspec.Struct, frozen=True):
    """turned_away: answers without an id, such as 503 of a worker that starts. statuses: "unexpected" is not what was asked for. late: sent over 1 s after their moment, for want of a line."""

    sent: int
    answered: int
    turned_away: int
    broken: int
    refused_connects: int
    late: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    p999_ms: float
    longest_ms: float


class _Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.port = int(writer.get_extra_info("sockname")[1])
        self.idle_since = 0.0
        self._is_last = False

    @property
    def is_usable(self) -> bool:
        is_fresh = time.monotonic() - self.idle_since < IDLE_SECONDS
        return is_fresh and not self._is_last and not self.reader.at_eof() and not self.writer.is_closing()

    async def ask(self, request: bytes) -> tuple[int, str, bytes]:
        """Status, id and body. Raises Cut with the id when the answer ends early."""
        self.writer.write(request)
        found = ""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            # A worker with more connections than others asks some to come again; where they were nobody listens any more.
            self._is_last = b"\r\nconnection: close" in head
            status, found = (
                int(head[9:12]),
                _header(head, b"x-router-decision-id") or _header(head, b"x-router-request-id"),
            )
            if b"transfer-encoding: chunked" in head:
                body = await self._chunks()
            else:
                body = await self.reader.readexactly(int(_header(head, b"content-length") or 0))
        except (asyncio.IncompleteReadError, ConnectionError, OSError) as error:
            raise Cut(found, type(error).__name__) from None
        return status, found, body

    async def _chunks(self) -> bytes:
        parts = []
        while size := int((await self.reader.readuntil(b"\r\n")).strip(), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return b"".join(parts)


class Cut(Exception):
    def __init__(self, found: str, why: str) -> None:
        super().__init__(why)
        self.found = found
        self.why = why


class Callers:
    def __init__(self, order: Order, answered: IO[str], broken: IO[bytes]) -> None:
        self.order = order
        self.sent = self.whole = self.turned_away = self.cut = self.refused_connects = self.late = 0
        self.statuses: Counter[str] = Counter()
        self.times: Counter[int] = Counter()
        self.longest = 0.0
        self._answered = answered
        self._broken = broken
        self._idle: list[_Line] = []
        self._lines = asyncio.Semaphore(MOST_LINES)
        self._requests = [_request(order, kind) for kind in ("plain", "stream", "refused")]

    async def at_a_rate(self) -> None:
        """Each request at its moment: an answer that is late holds up none of the others."""
        began, number, running = time.monotonic(), 0, set()
        total = round(self.order.rate * self.order.seconds)
        while number < total:
            due = min(total, int((time.monotonic() - began) * self.order.rate) + 1)
            while number < due:
                task = asyncio.create_task(self._one(number, began + number / self.order.rate))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
            await asyncio.sleep(max(0.001, began + number / self.order.rate - time.monotonic()))
        if running:
            await asyncio.wait(running, timeout=ANSWER_SECONDS + CONNECT_SECONDS)

    async def one_after_the_other(self) -> None:
        until = time.monotonic() + self.order.seconds

        async def caller(number: int) -> None:
            while time.monotonic() < until:
                await self._one(number, time.monotonic())
                number += self.order.parallel

        await asyncio.gather(*(caller(number) for number in range(self.order.parallel)))

    def summary(self, seconds: float) -> Summary:
        p50, p99, p999 = (self._percentile(share) for share in (0.5, 0.99, 0.999))
        return Summary(
            self.sent,
            self.whole,
            self.turned_away,
            self.cut,
            self.refused_connects,
            self.late,
            round(seconds, 1),
            dict(sorted(self.statuses.items())),
            p50,
            p99,
            p999,
            round(self.longest * 1000, 1),
        )

    async def _one(self, number: int, moment: float) -> None:
        kind = 2 if number % REFUSED_EVERY == 0 else 1 if number % STREAM_EVERY == 0 else 0
        async with self._lines:
            self.late += time.monotonic() - moment > 1.0
            try:
                line = await self._line()
            except OSError:
                self._note_broken(0, Cut("", "nobody took the connection"))
                return
            self.sent += 1
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    status, found, body = await line.ask(self._requests[kind])
            except (Cut, TimeoutError) as problem:
                line.writer.close()
                self._note_broken(line.port, problem)
                return
            line.idle_since = time.monotonic()
            self._idle.append(line)
        self._note_answer(kind, status, found, body, line.idle_since - moment)

    def _note_answer(self, kind: int, status: int, found: str, body: bytes, seconds: float) -> None:
        expected = 404 if kind == 2 else 200
        is_right = status == expected and (kind != 1 or body.endswith(b"data: [DONE]\n\n"))
        self.statuses[f"{status}" if is_right else f"{status} unexpected"] += 1
        if not found:
            self.turned_away += 1
            return
        self.whole += 1
        self.longest = max(self.longest, seconds)
        self.times[_bucket(seconds * 1000)] += 1
        self._answered.write(f"{found} {status if is_right else 'wrong'}\n")

    def _note_broken(self, port: int, problem: Cut | TimeoutError) -> None:
        self.cut += 1
        found, why = (problem.found, problem.why) if isinstance(problem, Cut) else ("", "no answer in time")
        self._broken.write(orjson.dumps(msgspec.to_builtins(Broken(time.time(), port, found, why))) + b"\n")
        self._broken.flush()

    async def _line(self) -> _Line:
        while self._idle:
            line = self._idle.pop()
            if line.is_usable:
                return line
            line.writer.close()
        until = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return _Line(*await asyncio.open_connection("127.0.0.1", self.order.port))
            except OSError:
                self.refused_connects += 1
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)

    def _percentile(self, share: float) -> float:
        left = share * sum(self.times.values())
        for bucket, count in sorted(self.times.items()):
            left -= count
            if left <= 0:
                return round(BUCKET**bucket, 1)
        return 0.0


def _request(order: Order, kind: str) -> bytes:
    turns = [
        {"role": "user" if n % 2 else "assistant", "content": "Please look at this again. " * 5} for n in range(10)
    ]
    messages = [
        {"role": "system", "content": "You are helpful."},
        *turns,
        {"role": "user", "content": "Why is the sky blue?"},
    ]
    members = {"model": "no such model" if kind == "refused" else "auto", "messages": messages}
    body = orjson.dumps(members | ({"stream": True} if kind == "stream" else {}))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {order.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _header(head: bytes, name: bytes) -> str:
    place = head.find(b"\r\n" + name + b":")
    return "" if place < 0 else head[place + len(name) + 3 :].split(b"\r\n", 1)[0].strip().decode()


def _bucket(milliseconds: float) -> int:
    return max(0, math.ceil(math.log(max(milliseconds, 0.001), BUCKET)))


async def call(order: Order) -> Summary:
    folder = Path(order.folder)
    began = time.monotonic()
    with (folder / "answered").open("a") as answered, (folder / "broken").open("ab") as broken:
        callers = Callers(order, answered, broken)
        way: Callable[[], Awaitable[None]] = callers.at_a_rate if order.rate else callers.one_after_the_other
        await way()
    return callers.summary(time.monotonic() - began)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(call(order))) + b"\n")
