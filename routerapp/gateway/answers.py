"""Writes answers to the ASGI socket. Knows bytes and header names, nothing of routing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from routerapp.gateway.body import ClientGone, Send
from routerapp.gateway.errors import error_body, error_headers
from routerapp.gateway.keep_alive import SIGNS, KeepAlive
from routerapp.providers.alarms import within
from routerapp.providers.clock import Clock
from routerapp.serving.served import Refused

JSON = b"application/json"
WRITE_SECONDS = 60
_EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Events(Protocol):
    """A streamed answer; closing it ends the work behind it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


async def send_bytes(send: Send, status: int, headers: Mapping[str, str], body: bytes, kind: bytes = JSON) -> None:
    raw = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *_encoded(headers)]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
    await send_bytes(send, status, headers or {}, orjson.dumps(document))


async def send_refusal(send: Send, refused: Refused, request_id: str, dialect: str = "openai") -> None:
    body = error_body(refused, request_id, dialect)
    await send_bytes(send, refused.status, error_headers(refused, request_id), body)


async def send_stream(
    send: Send, headers: Mapping[str, str], stream: Events, clock: Clock, dialect: str = "openai"
) -> None:
    """Each event goes out as it comes; a slow reader holds up the send, and with it the reading upstream. One that stops is gone."""

    async def write(event: bytes) -> None:
        try:
            await within(WRITE_SECONDS, send({"type": "http.response.body", "body": event, "more_body": True}))
        except TimeoutError:
            raise ClientGone from None

    async with aclosing(stream), KeepAlive(clock, write, SIGNS[dialect]) as line:
        await send({"type": "http.response.start", "status": 200, "headers": [*_EVENTS, *_encoded(headers)]})
        async for event in stream:
            await line.write(event)
    await send({"type": "http.response.body", "body": b""})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
