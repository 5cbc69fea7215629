"""A real HTTP server on loopback that misbehaves on command: the first part of the path names what it does wrong.

Raw asyncio streams, so that resets, cuts and lies about length or encoding are possible. Nothing of the product is used here.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

LONG = 30.0
HEAD_JSON = "content-type: application/json\r\n"
HEAD_SSE = "content-type: text/event-stream\r\n"


@dataclass
class Seen:
    """One request as it came over the wire. left is set when the client closed the connection before the answer was complete."""

    behaviour: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    left: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Exchange:
    """What a behaviour works with."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: Seen

    @property
    def is_streaming(self) -> bool:
        return bool(self.seen.body.get("stream"))

    async def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes | str, head: str = HEAD_JSON) -> None:
        body = body.encode() if isinstance(body, str) else body
        await self.send(f"HTTP/1.1 {status} X\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def begin_stream(self, head: str = HEAD_SSE) -> None:
        await self.send(f"HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n")

    async def packet(self, data: bytes) -> None:
        """One HTTP chunk."""
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await asyncio.sleep(0.002)

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def wait_until_client_leaves(self) -> None:
        try:
            async with asyncio.timeout(LONG):
                await self.reader.read()
        except ConnectionError:
            pass
        self.seen.left.set()

    def reset(self) -> None:
        """Closes with a TCP reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    document = {"id": "up-1", "object": "chat.completion.chunk", "model": "real-model-0613", "choices": choices, **more}
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 4}}
ROLE = event({"role": "assistant", "content": ""})
WORDS = [event({"content": word}) for word in ("Hello", " there", " 世界")]
STOP = event({}, "stop")
USAGE_EVENT = event(None, usage=USAGE)
DONE = b"data: [DONE]\n\n"


def whole(content: str = "Hello there", **more: Any) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    document = {
        "id": "up-1",
        "object": "chat.completion",
        "model": "real-model-0613",
        "choices": [choice],
        "usage": USAGE,
    }
    return json.dumps({**document, **more})


def error(message: str, code: str | int | None = None, kind: str = "server_error") -> str:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}})


@cache
def bomb() -> bytes:
    """48 MiB of spaces, small on the wire; made in pieces because packing it takes a while."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    spaces = b" " * 1024 * 1024
    return b"".join(packer.compress(spaces) for _ in range(48)) + packer.flush()


async def _ok(at: Exchange) -> None:
    if not at.is_streaming:
        await at.answer(200, whole())
        return
    await at.begin_stream()
    for packet in (ROLE, *WORDS, STOP, USAGE_EVENT, DONE):
        await at.packet(packet)
    await at.end_stream()


async def _stream_of(at: Exchange, *packets: bytes, is_ended: bool = True) -> None:
    await at.begin_stream()
    for packet in packets:
        await at.packet(packet)
    if is_ended:
        await at.end_stream()


async def _hang_head(at: Exchange) -> None:
    await at.wait_until_client_leaves()


async def _hang_token(at: Exchange) -> None:
    await _stream_of(at, b": keep-alive\n\n", ROLE, is_ended=False)
    await at.wait_until_client_leaves()


async def _stall(at: Exchange) -> None:
    if at.is_streaming:
        await _stream_of(at, ROLE, WORDS[0], is_ended=False)
    else:
        await at.send(f"HTTP/1.1 200 OK\r\n{HEAD_JSON}content-length: 500\r\n\r\n" + '{"id":')
    await at.wait_until_client_leaves()


async def _slow(at: Exchange) -> None:
    """A token every 10 ms until the client leaves."""
    await at.begin_stream()
    watcher = asyncio.create_task(at.wait_until_client_leaves())
    try:
        while not at.seen.left.is_set():
            await at.packet(WORDS[0])
            await asyncio.sleep(0.01)
    except ConnectionError:
        at.seen.left.set()
    finally:
        watcher.cancel()


async def _flood(at: Exchange) -> None:
    """As many bytes as the client takes; the count stands in the last header seen."""
    await at.begin_stream()
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            data = event({"content": "x" * 50_000})
            await at.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            sent += len(data)
            at.seen.headers["bytes-sent"] = str(sent)
    except ConnectionError:
        at.seen.left.set()


async def _reset(at: Exchange) -> None:
    if at.is_streaming:
        await _stream_of(at, ROLE, WORDS[0], is_ended=False)
        await asyncio.sleep(0.02)
    at.reset()


async def _cut_body(at: Exchange) -> None:
    await at.send(f"HTTP/1.1 200 OK\r\n{HEAD_JSON}content-length: 500\r\n\r\n" + whole()[:60])


async def _split_utf8(at: Exchange) -> None:
    data = b"".join((ROLE, *WORDS, STOP, USAGE_EVENT, DONE))
    await _stream_of(at, *(data[start : start + 7] for start in range(0, len(data), 7)))


async def _close_delimited(at: Exchange) -> None:
    """No length, no chunks: the end of the connection is the end of the body."""
    await at.send(f"HTTP/1.0 200 OK\r\n{HEAD_SSE}\r\n" + (ROLE + WORDS[0]).decode())


async def _keepalive_spaces(at: Exchange) -> None:
    await at.begin_stream(HEAD_JSON)
    await at.packet(b"\n\n")
    await at.packet(b"\n\n" + whole().encode())
    await at.end_stream()


def _fixed(status: int, body: str, head: str = HEAD_JSON) -> Callable[[Exchange], Awaitable[None]]:
    return lambda at: at.answer(status, body, head)


def _events(*packets: bytes, head: str = HEAD_SSE) -> Callable[[Exchange], Awaitable[None]]:
    async def behave(at: Exchange) -> None:
        await at.begin_stream(head)
        for packet in packets:
            await at.packet(packet)
        await at.end_stream()

    return behave


BEHAVIOURS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "ok": _ok,
    "429": _fixed(429, error("Slow down, org-secret", "rate_limit_exceeded")),
    "429-wait-7": _fixed(429, error("Slow down"), HEAD_JSON + "retry-after: 7\r\n"),
    "429-wait-30": _fixed(429, error("Slow down"), HEAD_JSON + "retry-after: 30\r\n"),
    "500": _fixed(500, error("Boom")),
    "503-wait": _fixed(503, error("Overloaded"), HEAD_JSON + "retry-after: 5\r\n"),
    "529": _fixed(529, "overloaded"),
    "400": _fixed(400, error("Unsupported value", "unsupported_value", "invalid_request_error")),
    "422": _fixed(422, error("Not processable", None, "invalid_request_error")),
    "401": _fixed(401, error("Incorrect API key provided: sk-secret", "invalid_api_key")),
    "400-key": _fixed(400, error("API key not valid: sk-secret", "invalid_api_key")),
    "403": _fixed(403, error("Project proj-secret may not")),
    "404": _fixed(404, error("No such model", "model_not_found")),
    "context": _fixed(400, error("This model's maximum context length is 8192 tokens", "context_length_exceeded")),
    "redirect": _fixed(302, "", "location: http://127.0.0.1:1/\r\n"),
    "hang-head": _hang_head,
    "hang-token": _hang_token,
    "stall": _stall,
    "slow": _slow,
    "flood": _flood,
    "reset": _reset,
    "cut-body": _cut_body,
    "close-delimited": _close_delimited,
    "truncate": _events(ROLE, WORDS[0]),
    "truncate-event": _events(ROLE, WORDS[0], WORDS[1][:40]),
    "finish-without-done": _events(ROLE, *WORDS, STOP),
    "last-blank-line-missing": _events(ROLE, *WORDS, STOP, DONE.rstrip()),
    "done-without-finish": _events(ROLE, *WORDS, USAGE_EVENT, DONE),
    "rubbish": _fixed(200, "{'not': json"),
    "rubbish-stream": _events(ROLE, WORDS[0], b'data: {"choices": [{"del\n\n', WORDS[1], STOP, DONE),
    "rubbish-first": _events(b"data: <<<>>>\n\n", DONE),
    "error-body": _fixed(200, error("It broke", 500)),
    "error-event": _events(ROLE, WORDS[0], b'data: {"error": {"message": "It broke", "code": 502}}\n\n', DONE),
    "error-first": _events(ROLE, b'data: {"error": {"message": "Slow", "code": "rate_limit_exceeded"}}\n\n'),
    "html": _fixed(200, "<html><body>Please sign in</body></html>", "content-type: text/html\r\n"),
    "html-502": _fixed(502, "<html>Bad gateway secret-host</html>", "content-type: text/html\r\n"),
    "text-type": _fixed(200, whole(), "content-type: text/plain\r\n"),
    "stream-text-type": _events(ROLE, *WORDS, STOP, DONE, head="content-type: text/plain\r\n"),
    "whole-for-stream": _fixed(200, whole()),
    "gzip": lambda at: at.answer(200, gzip.compress(whole().encode()), HEAD_JSON + "content-encoding: gzip\r\n"),
    "gzip-lie": _fixed(200, whole(), HEAD_JSON + "content-encoding: gzip\r\n"),
    "gzip-bomb": lambda at: at.answer(200, bomb(), HEAD_JSON + "content-encoding: gzip\r\n"),
    "huge-head": _fixed(200, whole(), HEAD_JSON + f"x-big: {'y' * 20_000}\r\n"),
    "bad-http": lambda at: at.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "huge-event": _events(ROLE, b"data: " + b"x" * (9 * 1024 * 1024) + b"\n\n", DONE),
    "big-event": _events(ROLE, event({"content": "z" * 1_000_000}), STOP, DONE),
    "two-in-one": _events(ROLE + WORDS[0] + WORDS[1], WORDS[2] + STOP + USAGE_EVENT + DONE),
    "carriage-returns": _events(
        *(p.replace(b"\n", b"\r\n") for p in (ROLE, *WORDS, STOP, USAGE_EVENT, DONE)),
    ),
    "split-utf8": _split_utf8,
    "no-usage": _fixed(200, whole(usage=None)),
    "no-usage-stream": _events(ROLE, *WORDS, STOP, DONE),
    "half-usage": _fixed(200, whole(usage={"prompt_tokens": 9})),
    "mad-usage": _fixed(200, whole(usage={"prompt_tokens": -5, "completion_tokens": "many"})),
    "no-choices": _fixed(200, json.dumps({"id": "x", "choices": []})),
    "keepalive-spaces": _keepalive_spaces,
    "cookie": _fixed(200, whole(), HEAD_JSON + "set-cookie: track=1; path=/\r\n"),
}


class MisbehavingUpstream:
    """async with MisbehavingUpstream() as upstream: upstream.url("429") is a base URL that answers 429."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> MisbehavingUpstream:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def url(self, behaviour: str, host: str = "127.0.0.1") -> str:
        assert behaviour in BEHAVIOURS
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/{behaviour}/v1"

    def seen(self, behaviour: str) -> list[Seen]:
        return [request for request in self.requests if request.behaviour == behaviour]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while (seen := await self._read_request(reader)) is not None:
                self.requests.append(seen)
                await BEHAVIOURS[seen.behaviour](Exchange(reader, writer, seen))
                if seen.behaviour in ("reset", "cut-body", "close-delimited", "bad-http"):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            if self.requests:
                self.requests[-1].left.set()
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    @staticmethod
    async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        path = head[0].split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(path.split("/")[1], path, headers, json.loads(raw) if raw else {})
